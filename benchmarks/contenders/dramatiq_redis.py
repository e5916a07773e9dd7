"""dramatiq on Redis: its own command with two processes of its default eight threads, default middleware.

No result backend, which is dramatiq's default. A dramatiq group enqueues its messages one at a time, so it
is no bulk call.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.contenders import REDIS
from benchmarks.harness.marks import burn, leave

dramatiq.set_broker(RedisBroker(url=REDIS))


@dramatiq.actor
def noop(payload: str) -> None:
    leave(payload)


@dramatiq.actor
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    """Nothing to do: Redis starts empty."""


def send(payload: str) -> None:
    noop.send(payload)


def send_busy(payload: str) -> None:
    busy.send(payload)


send_many = None


def worker_commands(processes: int) -> list[list[str]]:
    return [["dramatiq", __name__, "--processes", str(processes)]]
