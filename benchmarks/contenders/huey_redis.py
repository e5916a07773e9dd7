"""huey on Redis: its own RedisHuey and its own consumer, as installed: process workers that block on the list.

Huey has no call that enqueues many.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

from huey import RedisHuey

from benchmarks.contenders import REDIS
from benchmarks.harness.marks import burn, leave

huey = RedisHuey(url=REDIS)


@huey.task()
def noop(payload: str) -> None:
    leave(payload)


@huey.task()
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    """Nothing to do: Redis starts empty."""


def send(payload: str) -> None:
    noop(payload)


def send_busy(payload: str) -> None:
    busy(payload)


send_many = None


def worker_commands(processes: int) -> list[list[str]]:
    return [["huey_consumer", f"{__name__}.huey", "--workers", str(processes), "--worker-type", "process", "--quiet"]]
