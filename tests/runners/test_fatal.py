"""An error around a task, off the main thread, ends the process instead of holding the message for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import threading, time
from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.runners.worker import Settings, Worker

def clock():
    if threading.current_thread().name.startswith("ebbtide"):
        raise RuntimeError("the clock broke")
    return time.time()

app = App("shop", broker=MemoryBroker, clock=clock)

@app.task
{kind} work() -> None:
    return None

work.enqueue()
Worker(app, list(app.queues.values()), Settings(threads={threads}), lambda *_: None, print).run()
"""


@pytest.mark.parametrize(("kind", "threads"), [("def", 1), ("async def", 0)])
def test_an_error_around_a_task_ends_the_process_and_is_told(kind: str, threads: int) -> None:
    script = SCRIPT.format(kind=kind, threads=threads)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RuntimeError: the clock broke" in done.stderr


MINDER = """
import threading, time
from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.runners.worker import Settings, Worker

class Short(MemoryBroker):
    def flush(self):
        if threading.current_thread().name == "ebbtide-minder":
            raise MemoryError("none left")

app = App("shop", broker=Short)

@app.task
def work() -> None:
    time.sleep(60)

work.enqueue()
Worker(app, list(app.queues.values()), Settings(), lambda *_: None, print).run()
"""


def test_so_does_an_error_of_the_minder() -> None:
    done = subprocess.run([sys.executable, "-c", MINDER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "MemoryError: none left" in done.stderr
