"""Runs a command until its owner is gone, and leaves nothing of it: no process, no folder.

python guard.py FOLDER COMMAND...

The owner holds the other end of standard input. When that closes, however the owner ended, the command's whole process
group is ended and the folder removed. The same when the command ends by itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import FrameType

PATIENCE = 3.0
"""Seconds the command has to end by itself."""


def main(folder: Path, command: list[str]) -> int:
    """Guard one command; its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # what the terminal sends is the owner's to answer
        signal.signal(number, _heard)  # and not SIG_IGN, which the command would inherit
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - the argv is this package's own, and no shell reads it
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    Thread(target=_wait_for_owner, args=(child,), daemon=True).start()
    try:
        return child.wait()
    finally:
        _end(child.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _heard(number: int, frame: FrameType | None) -> None:
    """Nothing: the end of standard input is what counts."""


def _wait_for_owner(child: subprocess.Popen[bytes]) -> None:
    os.read(sys.stdin.fileno(), 1)
    _end(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(PATIENCE)
    _end(child.pid, signal.SIGKILL)


def _end(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
