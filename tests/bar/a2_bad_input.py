"""A2: whatever comes over the socket, the answer is one 4xx of one shape, soon, and the worker does not notice.

A corpus of bad requests is sent, one connection each: sizes, encodings, duplicate names, NaN, content types, smuggling,
tricks with headers and paths. No answer may hold a trace or a path of the machine, no task may run, and the processes
must be the same at the end as at the beginning.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from tests.bar.a2_requests import corpus, plain
from tests.bar.queuefile import folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.web.served import ROOT, Served, bar

P99 = 0.05
"""Seconds that 99 of 100 answers may take."""

_TELLTALE = re.compile(rb"Traceback|File \\?\"|\.py\b|site-packages", re.IGNORECASE)


class Answer(NamedTuple):
    """What came back: until the first answer was whole, and after it."""

    whole: bytes
    after: bytes
    seconds: float


def ask(site: Served, data: bytes) -> Answer:
    """Send these bytes and read what comes until the connection is closed."""
    began = time.monotonic()
    received, taken = b"", 0.0
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        with suppress(ConnectionError):  # it may be refused before all of it is sent
            connection.sendall(data)
        with suppress(TimeoutError, ConnectionError):
            while part := connection.recv(65536):
                received += part
                if not taken and len(received) >= (_end_of(received) or len(received) + 1):
                    taken = time.monotonic() - began
    end = _end_of(received) or 0
    return Answer(received[:end], received[end:], taken)


def _end_of(received: bytes) -> int | None:
    """Where the first answer ends, once its head is there."""
    head, gap, _ = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return len(head) + 4 + int(length[1]) if gap and length else None


def faults(answer: Answer, site: Served) -> Iterator[str]:
    """What is wrong with an answer."""
    head, _, body = answer.whole.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    if status is None:
        yield f"no answer: {answer.after[:80]!r}"
        return
    if not 400 <= int(status[1]) <= 499:
        yield f"answered with {int(status[1])}: {body[:100]!r}"
        return
    if answer.after:
        yield f"followed by a second answer: {answer.after[:60]!r}"
    if b"content-type: application/problem+json" not in head:
        yield f"not a problem document: {head[:200]!r}"
        return
    told = json.loads(body)
    if set(told) != {"type", "title", "status", "detail", "errors"} or told["status"] != int(status[1]):
        yield f"of another shape: {sorted(told)}"
    if found := _TELLTALE.search(body):
        yield f"tells {found[0]!r}"
    for path in (site.folder, ROOT, sys.prefix):
        if str(path).encode() in body:
            yield f"tells a path: {body[:200]!r}"


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as place, bar(place, draw.fault, "-v") as site:
        processes = (site.web_pid(), site.worker_pids())
        usual = sorted(ask(site, plain("GET", "/quick")).seconds for _ in range(50))
        took = []
        for name, data in corpus(draw.random, draw.sizes["requests"]):
            answer = ask(site, data)
            took.append(answer.seconds)
            for fault in faults(answer, site):
                yield Miss(f"{name}: {fault}")
        took.sort()
        yield Figure("bad requests", len(took))
        yield Figure("half answered within", took[len(took) // 2] * 1000, "ms")
        p99 = took[int(len(took) * 0.99) - 1]
        yield Figure("99 of 100 answered within", p99 * 1000, "ms")
        yield Figure("the slowest good one before", usual[-1] * 1000, "ms")
        if p99 > max(P99, 3 * usual[-1]):  # a busy machine makes all requests slow
            yield Miss(f"99 of 100 took {p99 * 1000:.0f} ms, the goal is {P99 * 1000:.0f} ms")
        if (site.web_pid(), site.worker_pids()) != processes:
            yield Miss("a process was replaced")
        if stored := rows(place / "queue.db"):
            yield Miss(f"{len(stored)} tasks were enqueued")
        if "Traceback" in site.said:
            yield Miss(f"a trace in the log: {site.said[-500:]}")
        if ask(site, plain("GET", "/quick")).whole[9:12] != b"200":
            yield Miss("a good request is not answered afterwards")


ROW = Row(
    "A2",
    "whatever comes is answered with a 4xx of one shape, without trace or path, and harms nobody",
    run,
    quick={"requests": 300},
    full={"requests": 600},
    faults=("told",),
)
if __name__ == "__main__":
    ROW.main()
