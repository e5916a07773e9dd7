"""Running one measuring command: what it printed, and that nothing of it stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

LIMIT = 1200.0
"""Seconds after which a command that does not end is ended."""

STOP_SECONDS = 60.0


def answered(command: list[str], work: Path, settings: dict[str, str]) -> bytes:
    """What a command printed, run in this folder. It is told to stop, and stops its own workers, if we are.

    Raises SystemExit with the end of its log if it fails.
    """
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    finally:
        process.terminate()  # It ends its workers, then itself; nothing happens if it is done.
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{(work / 'log').read_text()[-2000:]}")
    return output


def exit_on_signals() -> None:
    """Have a signal unwind this program, so that it ends what it started."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
