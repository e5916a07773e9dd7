"""G1: whatever bytes come, decoding gives a message or an EnvelopeError, soon and in little memory.

Where atheris is installed, `--atheris N` adds N inputs that it finds by coverage; it is no dependency of ours.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bar import corpus
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.errors import EnvelopeError
from ebbtide.message import Message

SLOWEST = 5.0
"""Seconds: no input of 300 KiB may take that long on any machine; it takes milliseconds."""

MOST_MEMORY = 200.0
"""MB of resident memory, at the peak."""


def decode_unchecked(body: bytes) -> Message:
    """The planted fault: a decoder that trusts what it reads."""
    wire: dict[str, Any] = json.loads(body)
    del wire["v"]
    return Message(**wire)


def amiss(body: bytes, decode: Callable[[bytes], Message]) -> str | None:
    """What is wrong with what becomes of these bytes, if anything is."""
    try:
        message = decode(body)
    except EnvelopeError as error:
        told = str(error)
        return None if told.isprintable() and 0 < len(told) < 500 else f"the reason is no short line: {told[:200]!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    try:
        return None if Message.decode(message.encode()) == message else "it comes back different"
    except Exception as error:
        return f"it was taken but does not encode: {type(error).__name__}: {str(error)[:100]}"


def run(draw: Draw) -> Iterator[Figure | Miss]:
    decoder = decode_unchecked if draw.fault == "unchecked" else Message.decode
    seeds = corpus.envelopes(draw.random)
    accepted = 0

    def decode(body: bytes) -> Message:
        nonlocal accepted
        message = decoder(body)
        accepted += 1
        return message

    slowest, longest = 0.0, 0
    for _ in range(draw.sizes["count"]):
        body = corpus.mutation(draw.random, seeds) if draw.random.random() < 0.97 else corpus.foreign(draw.random)
        began = time.perf_counter()
        wrong = amiss(body, decode)
        slowest = max(slowest, time.perf_counter() - began)
        longest = max(longest, len(body))
        if wrong:
            yield Miss(f"{wrong}, for {len(body)} bytes {body[:120]!r}")
    yield Figure("inputs", draw.sizes["count"])
    yield Figure("of them messages", accepted)
    yield Figure("longest input", longest, "bytes")
    yield Figure("slowest decode", slowest * 1000, "ms")
    if slowest > SLOWEST:
        yield Miss(f"one input took {slowest:.1f} s")
    yield from _memory()
    yield from _atheris(draw)


def _peak() -> float:
    """This program's highest resident memory, in MB. On Linux ru_maxrss may be that of whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes


def _memory() -> Iterator[Figure | Miss]:
    peak = _peak()
    yield Figure("peak memory", peak, "MB")
    if peak > MOST_MEMORY:
        yield Miss(f"{peak:.0f} MB of memory at the peak")


def _atheris(draw: Draw) -> Iterator[Figure | Miss]:
    if not draw.sizes["atheris"]:
        return
    if importlib.util.find_spec("atheris") is None:
        yield Figure("atheris", "not installed, left out")
        return
    limits = [f"-runs={draw.sizes['atheris']}", f"-seed={draw.seed % 2**31 or 1}", f"-max_len={corpus.LARGE_LIMIT}"]
    with TemporaryDirectory(prefix="bar-") as folder:
        for number, body in enumerate(corpus.envelopes(draw.random)):
            (Path(folder) / str(number)).write_bytes(body)
        command = [sys.executable, "-m", "tests.bar.g1_atheris", *limits, f"-artifact_prefix={folder}/", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    yield Figure("inputs by atheris", draw.sizes["atheris"])
    if done.returncode:
        yield Miss(f"atheris: {done.stderr[-2000:]}")


ROW = Row(
    "G1",
    "any bytes decode to a message or an EnvelopeError",
    run,
    quick={"count": 100_000, "atheris": 0},
    full={"count": 1_000_000, "atheris": 1_000_000},
    faults=("unchecked",),
)

if __name__ == "__main__":
    ROW.main()
