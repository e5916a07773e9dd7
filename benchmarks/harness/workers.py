"""A contender's worker processes: started together, weighed while idle, ended with certainty.

Every command gets a session of its own, so whatever it forks is found by that session and killed with it.
Memory and processor time are read from Linux's /proc; elsewhere they are None.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
STOP_SECONDS = 8.0


class Workers:
    """The running workers; a context that leaves none behind."""

    def __init__(self, commands: list[list[str]], log: Path) -> None:
        self.commands, self.log = commands, log
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Workers":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()

    def _start(self) -> None:
        programs = Path(sys.executable).parent
        with self.log.open("ab") as log:
            for program, *arguments in self.commands:
                process = subprocess.Popen(
                    [programs / program, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self.processes.append(process)

    def _stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def pids(self) -> list[int]:
        """Every process of the workers' sessions."""
        sessions = {process.pid for process in self.processes}
        return [pid for pid, session in _sessions() if session in sessions]

    def memory_mb(self) -> float | None:
        """Proportional set size of all worker processes, MB: shared pages are counted once between them."""
        if not PROC.is_dir():
            return None
        return sum(_pss_kb(pid) for pid in self.pids()) / 1024

    def cpu_ms(self) -> float | None:
        """Processor time which all worker processes have used so far, ms."""
        if not PROC.is_dir():
            return None
        return sum(_cpu_ns(pid) for pid in self.pids()) / 1e6


def _sessions() -> list[tuple[int, int]]:
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in brackets may hold anything; behind it stand state, parent, group and session.
            fields = stat.read_text().rpartition(")")[2].split()
            found.append((int(stat.parent.name), int(fields[3])))
    return found


def _pss_kb(pid: int) -> int:
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _cpu_ns(pid: int) -> int:
    total = 0
    for thread in (PROC / str(pid) / "task").glob("*/schedstat"):
        with suppress(OSError):
            total += int(thread.read_text().split()[0])
    return total
