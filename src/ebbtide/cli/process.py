"""The main of one worker process, as the supervisor starts it: no command-line library, so that it starts quickly.

python -m ebbtide.cli.process '{"target": "shop:app", ...}' --lifeline FD
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from threading import Thread
from typing import Any

from ebbtide.app import App
from ebbtide.connect.target import TargetBroken, load
from ebbtide.errors import EbbtideError, StorageError
from ebbtide.runners.report import Reporter
from ebbtide.runners.supervisor import AT_ONCE, DRAINED, NOT_STARTABLE
from ebbtide.runners.worker import Settings, Worker


def main() -> int:
    """Run one worker process; the exit code."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGHUP):  # from a terminal, to all; the supervisor turns them into SIGTERM
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=given["log"], format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    log = logging.getLogger("ebbtide.worker")
    try:
        app: App = load(given["target"])
        if given["broker"]:
            app.use(given["broker"])
        queues = [app.queues[name] for name in given["queues"] or app.queues]
        settings = Settings(**given["settings"])
        worker = Worker(app, queues, settings, Reporter(log), trouble=lambda error: _warn(log, error))
    except EbbtideError as error:
        trace = error.traceback if isinstance(error, TargetBroken) else ""
        print(f"{trace}error: {error}", file=sys.stderr)
        return 1 if isinstance(error, StorageError) else NOT_STARTABLE
    signal.signal(signal.SIGTERM, lambda number, frame: worker.stop())
    signal.signal(AT_ONCE, lambda number, frame: worker.stop(at_once=True))
    Thread(target=_follow, args=(int(sys.argv[3]),), name="ebbtide-lifeline", daemon=True).start()
    log.debug("process %d takes %s", os.getpid(), ", ".join(queue.name for queue in queues))
    worker.run()
    app.close()
    return DRAINED if worker.drained else 0


def _follow(lifeline: int) -> None:
    """Stop when the supervisor is gone: reading the pipe ends when its other end is closed."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _warn(log: logging.Logger, error: StorageError) -> None:
    log.error("%s; trying again", error)


if __name__ == "__main__":
    sys.exit(main())
