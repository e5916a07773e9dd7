"""The main of one worker process, as the supervisor starts it: no command-line library, so that it starts quickly.

python -m ebbtide.cli.process '{"target": "shop:app", ...}' --lifeline FD
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from threading import Thread
from typing import Any

from ebbtide.app import App
from ebbtide.connect.target import TargetBroken, load
from ebbtide.errors import EbbtideError, StorageError, dotted
from ebbtide.runners.logs import Form, line, set_up
from ebbtide.runners.report import Reporter
from ebbtide.runners.scheduler import Scheduler
from ebbtide.runners.supervisor import AT_ONCE, DRAINED, NOT_STARTABLE, NOT_YET_STARTABLE
from ebbtide.runners.trouble import Trouble
from ebbtide.runners.worker import Settings, Worker


def main() -> int:
    """Run one worker process; the exit code."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGHUP):  # from a terminal, to all; the supervisor turns them into SIGTERM
        signal.signal(number, signal.SIG_IGN)
    form: Form = given.get("log_format", "text")
    log = set_up(given["log"], form)
    trouble = Trouble(log)
    try:
        app: App = load(given["target"])
        if given["broker"]:
            app.use(given["broker"])
        wanted = given["queues"] or [queue.name for queue in app.queues.values() if queue.is_ours]
        queues = [app.queues[name] for name in wanted]
        settings = Settings(**given["settings"])
        worker = Worker(app, queues, settings, Reporter(log), trouble)
        scheduler = Scheduler(app, lambda said: log.warning("%s", said, extra={"event": "ticks_missed"}), trouble)
    except EbbtideError as error:
        _tell_why_not(error, form)
        return NOT_YET_STARTABLE if isinstance(error, StorageError) else NOT_STARTABLE
    signal.signal(signal.SIGTERM, lambda number, frame: _stop(worker, scheduler))
    signal.signal(AT_ONCE, lambda number, frame: _stop(worker, scheduler, at_once=True))
    Thread(target=_follow, args=(int(sys.argv[3]),), name="ebbtide-lifeline", daemon=True).start()
    _tell(log, form, "process_started", f"process {os.getpid()} takes {', '.join(queue.name for queue in queues)}")
    if given.get("schedules") and not settings.drain:
        scheduler.start()
    worker.run()
    scheduler.stop()
    try:
        app.close()
    except StorageError as error:
        trouble(error)
    _tell(
        log, form, "process_stopped", f"process {os.getpid()} {'has drained its queues' if worker.drained else 'stops'}"
    )
    return DRAINED if worker.drained else 0


def _follow(lifeline: int) -> None:
    """Stop when the supervisor is gone: reading the pipe ends when its other end is closed."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(worker: Worker, scheduler: Scheduler, *, at_once: bool = False) -> None:
    scheduler.ring()
    worker.stop(at_once=at_once)


def _tell(log: logging.Logger, form: Form, event: str, text: str) -> None:
    """What is of interest to programs, and to people only if they look for it."""
    log.log(logging.INFO if form == "json" else logging.DEBUG, text, extra={"event": event})


def _tell_why_not(error: EbbtideError, form: Form) -> None:
    trace = error.traceback if isinstance(error, TargetBroken) else ""
    if form == "json":
        about = {"type": dotted(type(error)), "message": str(error), "traceback": trace}
        print(line("ERROR", "process_not_started", time.time(), error=about), file=sys.stderr)
    else:
        print(f"{trace}error: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
