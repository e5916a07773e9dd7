"""Celery on Redis: the prefork pool, everything as Celery sets it, results ignored.

Ignoring results is what Celery's guide asks of those who want speed and read none. Prefetch stays at its
four a process; acknowledgement stays early, before the task runs, which is Celery's default and means that
a worker's death loses what it held. A Celery group sends its messages one at a time, so it is no bulk call.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

from celery import Celery

from benchmarks.contenders import REDIS
from benchmarks.harness.marks import leave

app = Celery("bench", broker=REDIS)
app.conf.task_ignore_result = True


@app.task
def noop(payload: str) -> None:
    leave(payload)


def prepare() -> None:
    """Nothing to do: Redis starts empty."""


def send(payload: str) -> None:
    noop.delay(payload)


send_many = None


def worker_commands(processes: int) -> list[list[str]]:
    return [["celery", "-A", f"{__name__}:app", "worker", "--pool=prefork", f"--concurrency={processes}"]]
