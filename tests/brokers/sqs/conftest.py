"""A simulated account, whose time passes as a test says."""

from collections.abc import Iterator

import pytest
from tests.aws.simulator.account import Account


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.timeline.close()
