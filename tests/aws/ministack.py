"""What stands in for AWS in tests: one MiniStack a pytest worker, started when first asked for.

Tests share it, so each makes names of its own, as `unique("shop")`.
"""

import os
from collections.abc import Iterator
from itertools import count
from uuid import uuid4

import pytest

from ebbtide.deploy.rehearsal.server import Server, ministack

_numbers = count()


@pytest.fixture(scope="session")
def ministack_server() -> Iterator[Server]:
    with ministack() as server:
        yield server


@pytest.fixture
def aws(ministack_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The same, with the environment of this process pointing at it, and at nothing else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in ministack_server.credentials.items():
        monkeypatch.setenv(name, value)
    return ministack_server


def unique(word: str) -> str:
    """A name nobody else has, of small letters and digits."""
    return f"{word}{uuid4().hex[:6]}{next(_numbers)}"
