"""`--http [HOST:]PORT`: where the web process listens, and how it is started beside the workers."""

from __future__ import annotations

import errno
import json
import socket
import sys
from typing import Any

import click

from ebbtide.app import App
from ebbtide.errors import TargetError
from ebbtide.runners.supervisor import Command
from ebbtide.triggers.http import Http

LOCAL = "127.0.0.1"
DEFAULT_PORT = 8000
BACKLOG = 1024
_EVERYWHERE = "0.0.0.0 is every address of this machine"


def address(value: str) -> tuple[str, int]:
    """An option's type: `8000`, `0.0.0.0:8000`, `[::1]:8000`, as (host, port)."""
    host, _, port = value.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535) or (":" in host and host[0] != "["):
        example = "write a port, or a host and a port: 8000, 0.0.0.0:8000, [::1]:8000"
        raise click.BadParameter(f"{value!r} is no address; {example}")
    return host.strip("[]") or LOCAL, int(port)


def address_or_none(value: str) -> tuple[str, int] | str:
    """An option's type: an address, or the word `none`."""
    return value if value == "none" else address(value)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises TargetError with the cure."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror:
        raise TargetError(f"--http {written(host, port)}: there is no host {host!r} here; {_EVERYWHERE}") from None
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise TargetError(f"--http {written(host, port)}: {_reason(error, host, port)}") from None
    return made


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        free = port + 1 if port < 65_535 else port - 1
        other = str(free) if host == LOCAL else written(host, free)
        return f"the port is in use; end what listens there, or choose another port: --http {other}"
    if error.errno == errno.EACCES:
        return "ports below 1024 are not for every user; choose a higher one"
    return f"{(error.strerror or str(error)).lower()}; {_EVERYWHERE}"


def web_command(listening: socket.socket, given: dict[str, Any]) -> Command:
    """The web process on this socket. given: as a worker process is given it."""
    settings = given["settings"]
    about = {name: given[name] for name in ("target", "broker", "log", "log_format")}
    about["socket"] = listening.fileno()
    threads = {"threads": settings["threads"]} if settings["threads"] else {}  # else as many as a web process has
    about["settings"] = {"concurrency": settings["concurrency"], "grace": settings["grace"], **threads}
    argv = [sys.executable, "-m", "ebbtide.web.process", json.dumps(about)]
    return Command(argv, "web", (listening.fileno(),), attends=True)


def routes_of(app: App) -> list[str]:
    """What the app's tasks are started by, as `POST /reports/{year}`."""
    return [
        f"{trigger.method} {trigger.path}"
        for task in app.tasks.values()
        for trigger in task.triggers
        if isinstance(trigger, Http)
    ]


def url_of(listening: socket.socket) -> str:
    """Where to point a browser."""
    return f"http://{written(*listening.getsockname()[:2])}"


def written(host: str, port: int) -> str:
    """An address as it is written on a command line and in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
