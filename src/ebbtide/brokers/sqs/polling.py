"""Long polls, each on a thread of its own: several queues are waited for at once, and a stop need not wait for them.

A poll cannot be called off: what SQS hands to it is on loan whether or not somebody still listens. So what comes too
late is kept for a moment for the next receiver, and is then given back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import NamedTuple

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.clients import LONGEST_POLL
from ebbtide.errors import StorageError

KEPT = 1.0
"""Seconds a delivery that came too late waits for the next receiver."""


class Source(NamedTuple):
    """One lane of one queue, by name. loan: seconds its messages are lent for."""

    queue: str
    lane: int
    loan: float


Poll = Callable[[Source, int, int], list[Delivery]]
"""Takes up to so many messages of a source, waiting at most so many whole seconds for the first."""

_NEWS, _WAKE = object(), object()


class Polls:
    """The long polls of one process, one at a time for each source. give_back: hands back what nobody came for."""

    def __init__(self, poll: Poll, give_back: Callable[[list[Delivery]], None]) -> None:
        self._poll = poll
        self._give_back = give_back
        self._lock = Lock()
        self._found: list[tuple[Source, Delivery]] = []
        self._polling: set[Source] = set()
        self._threads: set[Thread] = set()
        self._waiters: list[SimpleQueue[object]] = []
        self._closing = Event()

    def wait(self, sources: Sequence[Source], limit: int, seconds: float) -> list[Delivery]:
        """Up to `limit` messages of these, within so many seconds. Raises StorageError."""
        end = time.monotonic() + seconds
        heard: SimpleQueue[object] = SimpleQueue()
        self._waiters.append(heard)
        try:
            while True:
                found = self.found(sources, limit)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                self._start(sources, limit, left)
                try:
                    word = heard.get(timeout=left)
                except Empty:
                    continue
                if isinstance(word, StorageError):
                    raise word
                if word is _WAKE:
                    return self.found(sources, limit)
        finally:
            self._waiters.remove(heard)

    def found(self, sources: Sequence[Source], limit: int) -> list[Delivery]:
        """What polls have found and nobody has taken yet."""
        if not self._found:
            return []
        with self._lock:
            taken = [one for one in self._found if one[0] in sources][:limit]
            self._found = [one for one in self._found if one not in taken]
        return [delivery for _, delivery in taken]

    def wake(self) -> None:
        """Make every wait of this process return. Safe in a signal handler, as a SimpleQueue is."""
        self._tell(_WAKE)

    def close(self) -> None:
        """Wait until all polls have ended and what they found is given back; 20 seconds at most."""
        self._closing.set()
        for thread in list(self._threads):
            thread.join()
        self._closing.clear()

    def _tell(self, word: object) -> None:
        for heard in list(self._waiters):
            heard.put(word)

    def _start(self, sources: Sequence[Source], limit: int, left: float) -> None:
        seconds = min(math.ceil(left), int(LONGEST_POLL))
        with self._lock:
            for source in sources:
                if source not in self._polling:
                    self._polling.add(source)
                    thread = Thread(target=self._run, args=(source, limit, seconds), name="ebbtide-poll", daemon=True)
                    self._threads.add(thread)
                    thread.start()
            self._threads = {thread for thread in self._threads if thread.is_alive()}

    def _run(self, source: Source, limit: int, seconds: int) -> None:
        word, taken = _NEWS, []
        try:
            taken = self._poll(source, limit, seconds)
        except StorageError as error:
            word = error
        with self._lock:
            self._found += [(source, delivery) for delivery in taken]
            self._polling.discard(source)
        self._tell(word)
        if taken:
            self._closing.wait(KEPT)
            self._return(taken)

    def _return(self, taken: list[Delivery]) -> None:
        receipts = {delivery.receipt for delivery in taken}
        with self._lock:
            left = [delivery for _, delivery in self._found if delivery.receipt in receipts]
            self._found = [one for one in self._found if one[1].receipt not in receipts]
        if left:
            self._give_back(left)
