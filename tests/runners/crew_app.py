"""The app that the tests give to real worker processes.

EBBTIDE_BROKER says where its queue is, CREW_LOG where its tasks note what they do: a line is a word, the task's number
and the process. How long a task takes, the test decides: many wait for a gate, which is a file beside the log.
"""

import asyncio
import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Barrier

from ebbtide import App, Delivery, Queue, RetryPolicy

app = App(
    "crew",
    queues=[Queue("brief", visibility=0.3), Queue("tight", timeout=0.4)],
)
TWICE = RetryPolicy(attempts=2, base=0)
THRICE = RetryPolicy(attempts=3, base=0)
DEADLY = 99
_four = Barrier(4)
_here: list[int] = []


def note(word: str, number: int) -> None:
    """One line, in one write, so that many processes can share the log."""
    log = os.open(os.environ["CREW_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, f"{word} {number} {os.getpid()}\n".encode())
    os.close(log)


def is_open(gate: str) -> bool:
    return (Path(os.environ["CREW_LOG"]).parent / gate).exists()


@app.task(retry=TWICE)
def quick(number: int = 0) -> int:
    note("ran", number)
    return number


@app.task(retry=TWICE)
def gated(number: int, gate: str) -> int:
    """Takes as long as its gate is shut."""
    note("start", number)
    while not is_open(gate):
        time.sleep(0.005)
    note("end", number)
    return number


@app.task(retry=TWICE)
async def agated(number: int, gate: str) -> int:
    """The same on the event loop."""
    note("start", number)
    while not is_open(gate):
        await asyncio.sleep(0.005)
    note("end", number)
    return number


@app.task(queue="brief", retry=TWICE)
def lasting(seconds: float) -> None:
    note("start", 0)
    time.sleep(seconds)
    note("end", 0)


@app.task(queue="tight", retry=TWICE, takes_context=True)
def stuck_once(delivery: Delivery) -> int:
    """Hangs in C code at its first attempt."""
    note("start", delivery.attempt)
    if delivery.attempt == 1:
        ctypes.CDLL(None).sleep(60)
    return delivery.attempt


@app.task(queue="tight", retry=RetryPolicy(attempts=1))
async def dawdle() -> None:
    note("start", 0)
    await asyncio.sleep(60)


@app.task(queue="tight", retry=TWICE, takes_context=True)
async def stubborn_once(delivery: Delivery) -> int:
    """Will not be cancelled at its first attempt."""
    note("start", delivery.attempt)
    while delivery.attempt == 1:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    return delivery.attempt


@app.task
async def meet(number: int, others: int) -> int:
    """Ends only when so many run at once in one process."""
    _here.append(number)
    while len(_here) < others:
        await asyncio.sleep(0.005)
    return os.getpid()


@app.task
def meet_four() -> int:
    _four.wait(20)
    return os.getpid()


@app.task(retry=THRICE, takes_context=True)
async def deadly(delivery: Delivery, others: int) -> None:
    """Kills its process, at its first attempt once so many others run beside it."""
    note("start", DEADLY)
    while delivery.attempt == 1 and len(_here) < others:
        await asyncio.sleep(0.005)
    os.abort()


@app.task(retry=TWICE, takes_context=True)
async def innocent(delivery: Delivery, number: int) -> int:
    """Runs at its first attempt as long as its process lives."""
    note("start", number)
    _here.append(number)
    await asyncio.sleep(60 if delivery.attempt == 1 else 0.03)
    note("end", number)
    return delivery.attempt


@app.task(queue="brief", retry=TWICE, takes_context=True)
def leave_once(delivery: Delivery, code: int) -> int:
    """Ends its process at its first attempt with this exit code."""
    note("start", delivery.attempt)
    if delivery.attempt == 1:
        os._exit(code)
    return delivery.attempt


@app.task(retry=RetryPolicy(attempts=2, base=2))
def fail() -> None:
    note("ran", 0)
    raise ValueError("no")
