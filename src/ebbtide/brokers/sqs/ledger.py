"""The ledger of attempts: how often a message that SQS handed out more than once was truly started.

SQS counts receipts: those of a throttled invocation, of a record given back, of a neighbour's crash. So from its second
receipt on a message is looked up here, where only starts are written down; one that succeeds at its first receipt,
as nearly all do, costs nothing. The first receipt counts as a start unless it was given back unused; but that of a task
with a single attempt counts as nothing until it begins, which is then written down: such a task must neither be buried
unrun, when its first invocation was throttled or lost with its poller, nor be run twice.

What a holder writes is of its own receipt, so it stays true when somebody else has the message by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ebbtide.table import Item, Table, until

KEPT = 15 * 86_400.0
"""Seconds: a day longer than SQS keeps a message."""


class Written(NamedTuple):
    """What is written down of a message. starts: those of its later receipts, and of its first one if its task has a
    single attempt; unused: whether its first receipt was given back before its task ran."""

    starts: int = 0
    unused: bool = False


class Ledger:
    """The starts of messages. now: seconds since 1970. Every verb raises StorageError."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def of(self, queue: str, ids: Iterable[str]) -> dict[str, Written]:
        """What is written down of each of these."""
        wanted = {id: _name(queue, id) for id in ids}
        now = self._now()
        found = self._table.read(wanted.values()) if wanted else {}
        lives = {name: item for name, item in found.items() if float(item["gone"]) > now}
        return {id: _written(lives.get(name, {})) for id, name in wanted.items()}

    def begun(self, queue: str, id: str) -> None:
        """It starts, at a receipt that is not its first."""
        self._count(queue, id, 1)

    def begun_only(self, queue: str, id: str, by: str) -> bool:
        """It starts, in its only attempt; whether it may: not if it has begun before, by another receipt than this."""
        started: Item = {"gone": until(self._now() + KEPT), "starts": 1, "by": by}
        return self._table.change(_name(queue, id), started, only_if=[[("starts", "=", 0)], [("by", "=", by)]])

    def unspent(self, queue: str, id: str) -> None:
        """A start written down counts for nothing: it was handed back before its task ran, or its holder stopped."""
        self._count(queue, id, -1)

    def unused(self, queue: str, id: str) -> None:
        """Its first receipt counts for nothing. Written twice it is the same."""
        self._table.change(_name(queue, id), {"gone": until(self._now() + KEPT), "unused": 1}, add={"starts": 0})

    def _count(self, queue: str, id: str, by: int) -> None:
        self._table.change(_name(queue, id), {"gone": until(self._now() + KEPT)}, add={"starts": by})


def _written(item: Item) -> Written:
    return Written(int(item.get("starts", 0)), "unused" in item)


def _name(queue: str, id: str) -> str:
    return f"attempts/{queue}/{id}"
