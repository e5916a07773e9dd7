"""`ebbtide worker --http` as a real process on a free port, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
"""Seconds to wait for what must happen."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.01)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; checked to be one, of the one shape."""
        assert self.headers["content-type"] == "application/problem+json", self
        told: dict[str, Any] = self.json
        assert set(told) == {"type", "title", "status", "detail", "errors"}, told
        assert told["status"] == self.status
        assert all(set(fault) == {"in", "parameter", "reason"} for fault in told["errors"])
        return told


class Served:
    """A worker with a web process. url: where it listens."""

    def __init__(self, folder: Path, target: str, *options: str, **environment: str) -> None:
        self.folder = folder
        self._said = folder / f"said-{time.monotonic_ns()}"
        everything = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        argv = [sys.executable, "-m", "ebbtide.cli", "worker", target, "--http", "0", *options]
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                argv, cwd=folder, env=everything, stdout=said, stderr=said, start_new_session=True
            )
        until(lambda: self.process.poll() is not None or "http://" in self.said)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
        assert found, self.said
        self.port = int(found[1])

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._said.read_text()

    def ready(self) -> Served:
        """Once it is well."""
        until(lambda: self.request("GET", "/health").status == 200)
        return self

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return reply_of(connection)
        finally:
            connection.close()

    def send_json(self, method: str, path: str, value: Any, **headers: str) -> Reply:
        """One request with a JSON body; `X_Token=` is the header X-Token."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.request(method, path, json.dumps(value).encode(), {"Content-Type": "application/json", **named})

    def raw(self, data: bytes, patience: float = PATIENCE) -> bytes:
        """Whatever comes back for these bytes, until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            with suppress(ConnectionError):
                connection.sendall(data)
            received = b""
            with suppress(TimeoutError, ConnectionError):
                while part := connection.recv(65536):
                    received += part
        return received

    def web_pid(self) -> int:
        """The web process."""
        return next(pid for pid, command in self._children() if "ebbtide.web.process" in command)

    def worker_pids(self) -> list[int]:
        """The worker processes."""
        return [pid for pid, command in self._children() if "ebbtide.cli.process" in command]

    def _children(self) -> list[tuple[int, str]]:
        listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid=,args="], capture_output=True, text=True, check=True)
        lines = (line.split(None, 2) for line in listed.stdout.splitlines())
        return sorted((int(pid), args[0]) for ppid, pid, *args in lines if int(ppid) == self.process.pid and args)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def clear(self) -> None:
        """Leave nothing behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def reply_of(connection: http.client.HTTPConnection) -> Reply:
    """The answer to what was sent on this connection."""
    response = connection.getresponse()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


@contextmanager
def served(folder: Path, target: str, *options: str, **environment: str) -> Iterator[Served]:
    """A worker with a web process, which is well, and gone afterwards."""
    made = Served(folder, target, *options, **environment)
    try:
        yield made.ready()
    finally:
        made.clear()


@contextmanager
def bar(folder: Path, fault: str | None, *options: str) -> Iterator[Served]:
    """The same with the app of the bar's rows."""
    environment = {"BAR_FOLDER": str(folder), "BAR_FAULT": fault or ""}
    with served(folder, "tests.bar.web_app:app", "-p", "1", *options, **environment) as made:
        yield made
