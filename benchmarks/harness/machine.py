"""The machine in one line, and what one synced write costs on its disk: figures mean little without it."""

import os
import platform
import sqlite3
import statistics
import time
from pathlib import Path

SYNCS = 200


def machine(folder: Path) -> str:
    """Processor, cores, system, interpreter, and the disk under this folder."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{_filesystem(folder)} where one synced 100-byte append takes {_sync_ms(folder):.2f} ms"
    )


def _processor() -> str:
    with_model = Path("/proc/cpuinfo")
    if with_model.exists():
        for line in with_model.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _filesystem(folder: Path) -> str:
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "a disk"
    found = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    under = [(point, kind) for point, kind in found if folder.resolve().is_relative_to(point)]
    return max(under, key=lambda mount: len(mount[0]))[1]


def _sync_ms(folder: Path) -> float:
    """Median of a few hundred, ms."""
    path, times = folder / "sync", []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(SYNCS):
            start = time.perf_counter()
            os.write(file, b"x" * 100)
            os.fsync(file)
            times.append(time.perf_counter() - start)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(times) * 1000
