"""huey on SQLite: its own SqliteHuey and its own consumer, as installed.

By default huey 3.5 leaves SQLite's synchronous at FULL, in WAL mode, so that an acknowledged task is on
disk; the variant `nosync` is huey's `fsync=False`. Process workers, two for two cores; the delays of the
polling consumer are huey's own (0.1 s growing by 1.15 to 10 s). Huey has no call that enqueues many.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

from huey import SqliteHuey

from benchmarks.contenders import VARIANT, WORK
from benchmarks.harness.marks import burn, leave

huey = SqliteHuey(filename=str(WORK / "huey.db"), fsync=False if VARIANT == "nosync" else None)


@huey.task()
def noop(payload: str) -> None:
    leave(payload)


@huey.task()
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    """Nothing to do: huey made its tables when it was made."""


def send(payload: str) -> None:
    noop(payload)


def send_busy(payload: str) -> None:
    busy(payload)


send_many = None


def worker_commands(processes: int) -> list[list[str]]:
    return [["huey_consumer", f"{__name__}.huey", "--workers", str(processes), "--worker-type", "process", "--quiet"]]
