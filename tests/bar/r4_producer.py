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


def impatient(path: Path, **options: Any) -> sqlite3.Connection:
    """Plants a fault: a connection that does not wait for others."""
    connection: sqlite3.Connection = sqlite3.connect(path, **{**options, "timeout": 0})
    return connection


def stored(broker: SqliteBroker, number: int) -> float | str:
    began = time.perf_counter()
    try:
        broker.send([call(str(number), args=[number], kwargs={"seconds": 0.0})])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return time.perf_counter() - began


def main(path: str, first: str, count: str, fault: str = "") -> None:
    if fault == "no-waiting":
        fcntl.flock = lambda *_: None  # nor does it queue at the gate
        broker = SqliteBroker(Path(path), connect=impatient)
    else:
        broker = SqliteBroker(Path(path))
    broker.depth("default")
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(list(map(partial(stored, broker), range(int(first), int(first) + int(count))))))
    broker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
