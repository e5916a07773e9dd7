"""Ebbtide on its embedded queue, SQLite, with its own worker.

By default an acknowledged task is on disk and its result is kept. The variant `no-results` is a queue with
`results=0`, which is what the peers without a result store do; `fast` is the weaker durability, asked for by name.
"""

from benchmarks.contenders import VARIANT, WORK
from benchmarks.harness.marks import burn, leave
from ebbtide import App, Queue

queue = Queue("bench", results=0) if VARIANT == "no-results" else Queue("bench")
durability = "?durability=fast" if VARIANT == "fast" else ""
app = App("bench", broker=f"sqlite:///{WORK / 'ebbtide.db'}{durability}", queues=[queue])


@app.task(queue="bench")
def noop(payload: str) -> None:
    leave(payload)


@app.task(queue="bench")
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    """Nothing to do: the queue's file is made at the first enqueue."""


def send(payload: str) -> None:
    noop.enqueue(payload)


def send_busy(payload: str) -> None:
    busy.enqueue(payload)


def send_many(payloads: list[str]) -> None:
    noop.enqueue_many([(payload,) for payload in payloads])


def worker_commands(processes: int) -> list[list[str]]:
    return [["ebbtide", "worker", f"{__name__}:app", "--processes", str(processes)]]
