"""A stage's dead letters as an operator sees them: listed, sent back to their queues, or dropped.

SQS cannot be asked what a queue holds; it only hands out. So a list is what could be received within some seconds, and
while it is made those letters are on loan. They are given back at once. SQS keeps a letter for 14 days.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ebbtide.broker import DeadLetter
from ebbtide.brokers.sqs.attributes import Found, found_in
from ebbtide.brokers.sqs.batches import ENTRIES, carry_out, chunks
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import EnvelopeError, StorageError

LOOK = 10.0
"""Seconds a list is made of at most: enough for some thousand letters."""

FRESH = 20.0
"""Seconds a list serves for its further pages."""

_LOAN = 60
"""Seconds a letter is out at most, should this process die while it lists."""

_ORIGIN = "DeadLetterQueueSourceArn"
"""SQS's attribute of a message that its redrive policy moved."""

_EMPTY_LOOKS = 2
"""Looks in a row that must find nothing: SQS keeps a queue on many machines, and a look without a wait asks a few."""

_FETCHED = 16 * 1024 * 1024
"""Bytes of large bodies fetched for one page; after them a letter's body is the pointer to it."""


class Letters:
    """The dead letters of one stage. send_back: stores a letter's body on its queue anew."""

    def __init__(self, clients: Clients, urls: Urls, claims: ClaimCheck, send_back: Callable[[Found], None]) -> None:
        self._clients = clients
        self._urls = urls
        self._claims = claims
        self._send_back = send_back
        self._listed: list[DeadLetter] = []
        self._listed_at = float("-inf")

    def dead(self, queue: str | None, limit: int, after: str | None) -> list[DeadLetter]:
        """As `DeadLetters.dead` promises, of what could be received; a further page is of the same list."""
        if after is None or time.monotonic() - self._listed_at > FRESH:
            self._list()
        meant = [one for one in self._listed if queue in (None, one.queue) and (after is None or one.id > after)]
        return list(self._with_bodies(meant[:limit]))

    def by_lane(self) -> Counter[tuple[str, int]]:
        """How many letters of each lane were in the last list, made anew if it is old."""
        if time.monotonic() - self._listed_at > FRESH:
            self._list()
        return Counter((letter.queue, letter.lane) for letter in self._listed)

    def redrive(self, ids: Sequence[str]) -> list[str]:
        """Send these back to their queues; those it was done for. Each is stored there before it is deleted here."""
        return self._each(ids, self._send_back)

    def drop(self, ids: Sequence[str]) -> list[str]:
        """Delete these; those it was done for."""
        return self._each(ids, lambda found: None)

    def _each(self, ids: Sequence[str], act: Callable[[Found], None]) -> list[str]:
        done: dict[str, None] = {}
        if not ids:
            return []
        with self._out(set(ids)) as out:
            for found in [one for one in out if one.letter.id in ids]:
                if found.letter.id not in done:  # of one that is here twice, once is enough
                    act(found)
                self._clients.sqs.delete_message(QueueUrl=found.url, ReceiptHandle=found.handle)
                out.remove(found)
                done[found.letter.id] = None
        self._listed = [letter for letter in self._listed if letter.id not in done]
        return list(done)

    def _list(self) -> None:
        with self._out() as out:
            by_id = {found.letter.id: found.letter for found in out}
        self._listed = sorted(by_id.values(), key=lambda letter: letter.id)
        self._listed_at = time.monotonic()

    @contextmanager
    def _out(self, wanted: set[str] | None = None) -> Iterator[list[Found]]:
        """What can be received within a moment, or until all those wanted are; what is left in the list at the end is
        given back."""
        out: list[Found] = []
        try:
            end = time.monotonic() + LOOK
            for fifo in self._urls.kinds:
                self._take(self._urls.dead_letters(fifo), out, end, wanted)
            yield out
        finally:
            for url in {found.url for found in out}:
                back = [{"ReceiptHandle": one.handle, "VisibilityTimeout": 0} for one in out if one.url == url]
                for run in chunks(back):
                    some = [back[place] for place in run]
                    carry_out(self._clients.sqs.change_message_visibility_batch, url, some)

    def _take(self, url: str, out: list[Found], end: float, wanted: set[str] | None) -> None:
        empty = 0
        while empty < _EMPTY_LOOKS and time.monotonic() < end:
            if wanted is not None and wanted <= {found.letter.id for found in out}:
                return
            answer = self._clients.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=ENTRIES,
                VisibilityTimeout=_LOAN,
                MessageSystemAttributeNames=["SentTimestamp", _ORIGIN],
                MessageAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            out += [self._of_its_queue(found_in(url, message), message) for message in messages]
            empty = 0 if messages else empty + 1

    def _of_its_queue(self, found: Found, message: Mapping[str, Any]) -> Found:
        """With the queue it came from, which SQS tells of a letter that it moved here itself."""
        arn = message.get("Attributes", {}).get(_ORIGIN)
        if found.letter.queue or not arn:
            return found
        queue, lane, own = self._urls.origin(arn, "")
        return found._replace(letter=found.letter._replace(queue=queue, lane=lane)) if own else found

    def _with_bodies(self, letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
        """The letters with what the bucket holds of them; one that is there no more keeps its pointer."""
        fetched = 0
        for letter in letters:
            body = letter.body
            if self._claims.is_pointer(body) and fetched < _FETCHED:
                with suppress(StorageError, EnvelopeError):
                    body = self._claims.fetch(body)
                    fetched += len(body)
            yield letter._replace(body=body)
