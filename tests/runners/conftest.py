"""A crew to give tasks to, and a place where a worker can run inside the test's own process."""

import faulthandler
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
    """A worker takes SIGALRM and its timer, which are pytest-timeout's: they come back, and a hang ends the process."""
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, left)
