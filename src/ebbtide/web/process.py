"""The main of the web process, as the supervisor starts it beside the workers.

python -m ebbtide.web.process '{"target": "shop:app", "socket": 5, ...}' --lifeline FD

The socket is the supervisor's: while one web process is replaced by another, connections wait in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from threading import Thread
from typing import Any

from ebbtide.app import App
from ebbtide.connect.target import TargetBroken, load
from ebbtide.errors import EbbtideError, StorageError
from ebbtide.runners.limits import TimeLimit
from ebbtide.runners.logs import set_up
from ebbtide.runners.supervisor import AT_ONCE, NOT_STARTABLE
from ebbtide.web.body import Bodies
from ebbtide.web.calls import Calls, Settings
from ebbtide.web.server import Server
from ebbtide.web.site import Site
from ebbtide.web.stored import Stored


def main() -> int:
    """Serve until stopped; the exit code."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGHUP):  # from a terminal, to all; the supervisor turns them into SIGTERM
        signal.signal(number, signal.SIG_IGN)
    log = set_up(given["log"], given["log_format"])
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # each request is told by us
    try:
        app: App = load(given["target"])
        if given["broker"]:
            app.use(given["broker"])
        web = _Web(app, Settings(**given["settings"]), log)
    except EbbtideError as error:
        trace = error.traceback if isinstance(error, TargetBroken) else ""
        print(f"{trace}error: {error}", file=sys.stderr)
        return NOT_STARTABLE
    Thread(target=_follow, args=(int(sys.argv[3]),), name="ebbtide-lifeline", daemon=True).start()
    asyncio.run(web.serve(socket.socket(fileno=given["socket"])))
    app.close()
    logging.shutdown()
    os._exit(0)  # threads whose calls went past the grace would be waited for


class _Web:
    """The parts of a web process, put together on its loop."""

    def __init__(self, app: App, settings: Settings, log: logging.Logger) -> None:
        self._app = app
        self._settings = settings
        self._log = log
        self._limit = TimeLimit(sys.stderr.fileno())  # what a call that overruns hung in is for the log
        self._overran = False

    async def serve(self, listening: socket.socket) -> None:
        """Take requests from this socket."""
        loop = asyncio.get_running_loop()
        stored = Stored(self._app, self._trouble)
        calls = Calls(self._app, self._settings, self._limit, self._overrun)
        site = Site(self._app, calls, stored, Bodies(), self._log)
        self._server = Server(site, self._settings.grace)
        loop.add_signal_handler(signal.SIGTERM, self._server.stop)
        loop.add_signal_handler(AT_ONCE, os._exit, 0)
        await self._server.serve(sockets=[listening])
        stored.close()
        if self._overran:
            os.kill(os.getpid(), signal.SIGALRM)  # the end that its time limit means

    def _overrun(self) -> None:
        self._overran = True
        self._server.stop()

    def _trouble(self, error: StorageError) -> None:
        self._log.error("%s", error, extra={"event": "storage_trouble"})


def _follow(lifeline: int) -> None:
    """Stop when the supervisor is gone: reading the pipe ends when its other end is closed."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
