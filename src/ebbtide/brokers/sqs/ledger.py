"""The ledger of attempts: how often a message that SQS handed out more than once was truly started.

SQS counts receipts: those of a throttled invocation, of a record given back, of a neighbour's crash. So from its second
receipt on a message is looked up here, where only starts are written down; one that succeeds at its first receipt,
as nearly all do, costs nothing. The first receipt counts as a start unless it was given back unspent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ebbtide.table import Table, until

KEPT = 15 * 86_400.0
"""Seconds: a day longer than SQS keeps a message."""


class Ledger:
    """The starts of messages. now: seconds since 1970. Every verb raises StorageError."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def starts(self, queue: str, ids: Iterable[str]) -> dict[str, int]:
        """Starts written down of each of these, 0 where none is. Below 0: the first receipt was given back unspent.

        The attempt of a delivery that is not the first is 2 + this.
        """
        wanted = {id: _name(queue, id) for id in ids}
        now = self._now()
        found = self._table.read(wanted.values()) if wanted else {}
        lives = {name: item for name, item in found.items() if float(item["gone"]) > now}
        return {id: int(lives[name]["starts"]) if name in lives else 0 for id, name in wanted.items()}

    def begun(self, queue: str, id: str) -> None:
        """It starts, at a receipt that is not its first."""
        self._count(queue, id, 1)

    def unspent(self, queue: str, id: str) -> None:
        """Its last start counts for nothing: it was handed back before its task ran, or the holder was told to stop."""
        self._count(queue, id, -1)

    def _count(self, queue: str, id: str, by: int) -> None:
        self._table.change(_name(queue, id), {"gone": until(self._now() + KEPT)}, add={"starts": by})


def _name(queue: str, id: str) -> str:
    return f"attempts/{queue}/{id}"
