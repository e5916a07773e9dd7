"""A4: slow clients and huge bodies cost neither memory nor the others' time.

Many connections send a byte now and then, half of them of their head, half of their body; beside them a body far over
the limit arrives, announced and in chunks. The web process may grow by less than 50 MB, and good requests must be
answered within 200 ms all the while.
"""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread

from tests.bar.queuefile import folder
from tests.bar.row import Draw, Figure, Miss, Row
from tests.web.served import Served, bar

GROWTH = 50.0
"""MB that the web process may grow by."""

LATEST = 0.2
"""Seconds in which a good request is answered."""

CHUNK = 256 * 1024


def memory(pid: int, field: str) -> float:
    """VmRSS or VmHWM (the peak) of a process, in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def timed(site: Served) -> float:
    """Seconds that a good request takes."""
    began = time.monotonic()
    assert site.request("GET", "/quick").status == 200
    return time.monotonic() - began


class Drip:
    """Connections that send a byte each now and then, until told to stop."""

    def __init__(self, site: Served, count: int, stack: ExitStack) -> None:
        self._connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.port))) for _ in range(count)
        ]
        self._stop = Event()
        self._thread = Thread(target=self._drip, daemon=True)
        for number, connection in enumerate(self._connections):
            head = b"POST /files/a HTTP/1.1\r\nHost: a\r\n"
            connection.sendall(head + (b"Content-Length: 1000000\r\n\r\n" if number % 2 else b"X-A: "))
        self._thread.start()

    def _drip(self) -> None:
        while not self._stop.wait(0.25):
            for connection in self._connections:
                with suppress(OSError):
                    connection.sendall(b"x")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def flood(site: Served, size: int, chunked: bool) -> tuple[int, int]:
    """Send a body of so many bytes; the status that came, and how many bytes could be sent."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    sent, part = 0, b"x" * CHUNK
    try:
        connection.putrequest("POST", "/jobs")
        connection.putheader("Content-Type", "application/json")
        connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(size))))
        connection.endheaders()
        with suppress(ConnectionError):
            while sent < size:
                connection.send(b"%x\r\n%s\r\n" % (CHUNK, part) if chunked else part)
                sent += CHUNK
            connection.send(b"0\r\n\r\n" if chunked else b"")
        with suppress(ConnectionError, http.client.HTTPException):
            return connection.getresponse().status, sent
        return 0, sent
    finally:
        connection.close()


def run(draw: Draw) -> Iterator[Figure | Miss]:
    size = draw.sizes["megabytes"] * 1024 * 1024
    with folder() as place, bar(place, draw.fault) as site, ExitStack() as stack:
        usual = sorted(timed(site) for _ in range(30))[-1]
        pid = site.web_pid()
        before = memory(pid, "VmRSS")
        drip = Drip(site, draw.sizes["slow"], stack)
        answered: list[tuple[int, int]] = []
        floods = Thread(target=lambda: answered.extend(flood(site, size, chunked) for chunked in (True, False)))
        floods.start()
        took = []
        end = time.monotonic() + draw.sizes["seconds"]
        while floods.is_alive() or time.monotonic() < end:
            took.append(timed(site))
            time.sleep(0.005)
        drip.stop()
        grown = memory(pid, "VmHWM") - before
        took.sort()
        yield Figure("good requests meanwhile", len(took))
        yield Figure("the slowest good one before", usual * 1000, "ms")
        yield Figure("99 of 100 good ones within", took[int(len(took) * 0.99) - 1] * 1000, "ms")
        yield Figure("the slowest good one", took[-1] * 1000, "ms")
        yield Figure("answers to the huge bodies", ", ".join(str(status) for status, _ in answered))
        yield Figure("of them taken", ", ".join(f"{sent >> 20} MB" for _, sent in answered))
        yield Figure("memory before", before, "MB")
        yield Figure("memory grew by", grown, "MB")
        if grown >= GROWTH:
            yield Miss(f"the web process grew by {grown:.0f} MB")
        if took[int(len(took) * 0.99) - 1] > max(LATEST, 4 * usual):  # a busy machine makes all requests slow
            yield Miss(f"good requests took {took[-1] * 1000:.0f} ms")
        if [status for status, _ in answered] != [413, 413]:
            yield Miss(f"the huge bodies were answered with {answered}, not 413")
        if site.web_pid() != pid:
            yield Miss("the web process was replaced")


ROW = Row(
    "A4",
    "slow connections and huge bodies cost less than 50 MB, and the others no time",
    run,
    quick={"slow": 60, "megabytes": 100, "seconds": 2},
    full={"slow": 200, "megabytes": 1024, "seconds": 20},
    faults=("unlimited",),
)
if __name__ == "__main__":
    ROW.main()
