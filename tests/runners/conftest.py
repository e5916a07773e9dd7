"""A crew to give tasks to, and a place where a worker can run inside the test's own process."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runners.crew import Crew, hired


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    with hired(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def own_alarm() -> Iterator[None]:
    """A worker takes SIGALRM and its timer, which pytest-timeout uses; they are given back."""
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, left)
