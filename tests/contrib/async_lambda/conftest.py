"""async-lambda's settings hold for the whole process; each test finds and leaves them as they are at its start."""

from collections.abc import Iterator

import pytest

from ebbtide.contrib.async_lambda.globals import config


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    config.reset()
    yield
    config.reset()
