"""One producer of R4: stores tasks one by one when it is told to begin, and says how long each call took.

`python -m tests.bar.r4_producer PATH FIRST COUNT [no-waiting]` prints "ready", waits for a line, stores the tasks
FIRST.. FIRST + COUNT - 1, and prints one JSON list: of seconds for a call that returned, of text for one that raised.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.bar.queuefile import call

from ebbtide.brokers.sqlite import SqliteBroker


def hurried(opened: list[sqlite3.Connection]) -> None:
    """Plants a fault: connections that do not wait for others, once they are open."""
    for connection in opened:
        connection.execute("pragma busy_timeout = 0")
    fcntl.flock = lambda *_: None  # nor does it queue at the gate


def stored(broker: SqliteBroker, number: int) -> float | str:
    began = time.perf_counter()
    try:
        broker.send([call(str(number), args=[number], kwargs={"seconds": 0.0})])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return time.perf_counter() - began


def main(path: str, first: str, count: str, fault: str = "") -> None:
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(*args, **options))
        return opened[-1]

    broker = SqliteBroker(Path(path), connect=connect)
    broker.depth("default")
    if fault == "no-waiting":
        hurried(opened)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(list(map(partial(stored, broker), range(int(first), int(first) + int(count))))))
    broker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
