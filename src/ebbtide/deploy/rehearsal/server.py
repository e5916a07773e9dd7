"""MiniStack, which speaks AWS's protocols from one process: started on a free loopback port, and ended without a trace.

It gets a folder of its own for all it writes, an environment without a word of the user's (its functions inherit it),
and a guard that ends it when this process is gone. What it opens besides its one port is switched off.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ebbtide.errors import EbbtideError

ACCOUNT = "000000000000"
"""The account it pretends unless told another."""

LOOPBACK = "127.0.0.1"
START = 60.0
"""Seconds it may take to answer; it takes about one on a machine with nothing else to do."""

_ANYBODY = "rehearsal"
"""As whom clients sign: the stand-in takes any."""

_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class RehearsalError(EbbtideError):
    """What stands in for AWS cannot be had here; the message names the cure."""


class Server(NamedTuple):
    """A running MiniStack. endpoint: its URL; folder: all it writes, gone with it; process: its guard."""

    endpoint: str
    region: str
    account: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def credentials(self) -> dict[str, str]:
        """What a client must have in its environment to talk to it, and to nobody else."""
        return {
            "AWS_ACCESS_KEY_ID": _ANYBODY,
            "AWS_SECRET_ACCESS_KEY": _ANYBODY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def log(self) -> Path:
        return self.folder / "log"


@contextmanager
def ministack(
    region: str = "us-east-1", account: str = ACCOUNT, more: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A MiniStack until the block ends. account: twelve digits; more: settings of its own, as AUTH.

    Raises RehearsalError.
    """
    if find_spec("ministack") is None:
        raise RehearsalError("MiniStack, which stands in for AWS, is not installed: pip install 'ebbtide[rehearse]'")
    folder = Path(tempfile.mkdtemp(prefix="ebbtide-rehearsal-"))
    port = _free_port()
    endpoint = f"http://{LOOPBACK}:{port}"
    environment = _environment(folder, port) | {"MINISTACK_REGION": region, "MINISTACK_ACCOUNT_ID": account}
    server = Server(endpoint, region, account, folder, _start(folder, {**environment, **(more or {})}))
    try:
        _wait(server)
        yield server
    finally:
        assert server.process.stdin is not None  # noqa: S101 - it was given one
        server.process.stdin.close()
        server.process.wait()


def _start(folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    guard = Path(__file__).with_name("guard.py")  # by its path: it needs nothing of this package
    argv = [sys.executable, "-I", str(guard), str(folder), sys.executable, "-m", "ministack"]
    return subprocess.Popen(  # noqa: S603 - the argv is our own, and no shell reads it
        argv, stdin=subprocess.PIPE, env=environment, start_new_session=True
    )


def _environment(folder: Path, port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    inside = {name: str(folder / name.lower()) for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR")}
    for path in inside.values():
        Path(path).mkdir()
    return {
        **kept,
        **inside,
        "HOME": str(folder),  # the user's own may hold a profile of AWS's
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
        "AWS_ACCESS_KEY_ID": _ANYBODY,
        "AWS_SECRET_ACCESS_KEY": _ANYBODY,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{folder}/no-docker",
    }


def _wait(server: Server) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until:
        if server.process.poll() is not None:
            raise RehearsalError("MiniStack ended as soon as it was started; does 'python -m ministack' run?")
        if _answers(server):
            return
        time.sleep(0.05)
    raise RehearsalError(f"MiniStack did not answer within {START:g} seconds")


def _answers(server: Server) -> bool:
    connection = HTTPConnection(server.endpoint.removeprefix("http://"), timeout=5)  # by no proxy, whatever is set
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
