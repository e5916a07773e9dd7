"""G1: whatever bytes come, decoding gives a message or an EnvelopeError, soon and in little memory.

Seeds are mutated here, and beside that atheris, where it has a wheel, finds `--atheris N` more inputs by coverage: one
half of up to 4 KiB, the other of up to 300 KiB.
"""

from __future__ import annotations

import importlib.util
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.bar import corpus
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.errors import EnvelopeError
from ebbtide.message import Message

SLOWEST = 5.0
"""Seconds: no input of 300 KiB may take that long on any machine; it takes milliseconds."""

MOST_MEMORY = 200
"""MB of resident memory, at the peak of each process."""

PROMISED, CORES = 90.0, 2
"""Seconds for all of it on a machine of two cores with nothing else to do; judged by the processor time it takes."""


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
    began = time.monotonic()
    with TemporaryDirectory(prefix="bar-") as folder:
        by_coverage = _by_coverage(draw, Path(folder))
        yield from _mutations(draw)
        yield from _memory()
        yield from _found(by_coverage)
    busy = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    yield Figure("seconds of the clock, and of processors", f"{time.monotonic() - began:.0f}, {busy:.0f}")
    if busy > CORES * PROMISED:
        yield Miss(f"it takes {busy:.0f} s of processor time, which is more than {PROMISED:.0f} s on {CORES} cores")


def _mutations(draw: Draw) -> Iterator[Figure | Miss]:
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


class Fuzzing(NamedTuple):
    """atheris at work on inputs of up to so many bytes, and the file of what it says."""

    limit: int
    process: subprocess.Popen[bytes]
    said: Path


def _by_coverage(draw: Draw, folder: Path) -> list[Fuzzing] | None:
    """One process for each limit; None where there is no atheris."""
    if draw.sizes["atheris"] and importlib.util.find_spec("atheris") is None:
        return None
    limits = (corpus.PLAIN_LIMIT, corpus.LARGE_LIMIT) if draw.sizes["atheris"] else ()
    return [_fuzzing(draw, limit, folder / str(limit)) for limit in limits]


def _fuzzing(draw: Draw, limit: int, folder: Path) -> Fuzzing:
    folder.mkdir()
    for number, body in enumerate(corpus.envelopes(draw.random)):
        (folder / str(number)).write_bytes(body)
    options = {
        "runs": draw.sizes["atheris"] // 2,
        "seed": draw.seed % 2**31 or 1,
        "max_len": limit,
        "rss_limit_mb": MOST_MEMORY,
        "artifact_prefix": f"{folder}/",
    }
    command = [sys.executable, "-m", "tests.bar.g1_atheris", *(f"-{name}={to}" for name, to in options.items())]
    said = folder.with_suffix(".said")
    with said.open("wb") as file:
        process = subprocess.Popen([*command, str(folder)], stdout=file, stderr=file)
    return Fuzzing(limit, process, said)


def _found(by_coverage: list[Fuzzing] | None) -> Iterator[Figure | Miss]:
    if by_coverage is None:
        yield Figure("inputs by atheris", "left out: atheris has no wheel here")
        return
    for fuzzing in by_coverage:
        code = fuzzing.process.wait()
        said = fuzzing.said.read_text("utf-8", "replace")
        done = re.search(r"#(\d+)\s+DONE\s+cov: (\d+).* rss: (\d+)Mb", said)
        if code or not done:
            yield Miss(f"atheris, up to {fuzzing.limit:,} bytes, ends with {code}: {said[-2000:]}")
        else:
            inputs, coverage, memory = map(int, done.groups())
            figures = f"{inputs:,}, coverage {coverage}, peak memory {memory} MB"
            yield Figure(f"inputs by atheris, up to {fuzzing.limit:,} bytes", figures)


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
