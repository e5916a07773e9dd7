"""The storm limit: how many descendants one root may send to a queue, counted in one item for each two.

It stops what the depth budget cannot: a task that enqueues a thousand which enqueue a thousand each is three deep.
"""

from __future__ import annotations

from collections.abc import Callable

from ebbtide.table import Table, until

KEPT = 15 * 86_400.0
"""Seconds after the last descendant: a day longer than SQS keeps a message that could send another one."""


class Storm:
    """The counts of roots. now: seconds since 1970. Raises StorageError."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def admit(self, root: str, queue: str, count: int, limit: int) -> int:
        """How many of `count` further descendants of this root the queue may take; they are counted.

        A task that is run again sends its descendants again, and they count again.
        """
        name = f"storm/{root}/{queue}"
        while count > 0:
            now = self._now()
            room = ("count", "<=", limit - count)
            kept = {"gone": until(now + KEPT)}
            if self._table.change(name, kept, add={"count": count}, only_if=[[room]], or_absent=count <= limit):
                return count
            item = self._table.read([name]).get(name, {})
            if float(item.get("gone", 0.0)) <= now:
                self._table.change(name, {"count": 0, **kept}, only_if=[[("gone", "<=", now)]])
                count = min(count, limit)
            else:
                count = min(count, limit - int(item["count"]))
        return 0
