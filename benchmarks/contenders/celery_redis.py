"""Celery on Redis: the prefork pool, results ignored, and 64 tasks prefetched a process.

Ignoring results is what Celery's guide asks of those who want speed and read none, and 64 is where it has those start
whose tasks are short. All else is as Celery sets it; so acknowledgement stays early, before the task runs, which means
that a worker's death loses what it held. A Celery group sends its messages one at a time, so it is no bulk call.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

from celery import Celery

from benchmarks.contenders import REDIS
from benchmarks.harness.marks import burn, leave

app = Celery("bench", broker=REDIS)
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 64


@app.task
def noop(payload: str) -> None:
    leave(payload)


@app.task
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    """Nothing to do: Redis starts empty."""


def send(payload: str) -> None:
    noop.delay(payload)


def send_busy(payload: str) -> None:
    busy.delay(payload)


send_many = None


def worker_commands(processes: int) -> list[list[str]]:
    return [["celery", "-A", f"{__name__}:app", "worker", "--pool=prefork", f"--concurrency={processes}"]]
