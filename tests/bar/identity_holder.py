"""A process of R11: it holds messages until it is told to acknowledge them, or takes what it can get for a while.

    python -m tests.bar.identity_holder FILE hold 5 [FAULT]
    python -m tests.bar.identity_holder FILE take 5 [FAULT]      until it has 5, and a little longer

Both say what they are and have, as one line of JSON. The fault is that holders are known by host name and process id.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker, statements
from ebbtide.brokers.sqlite.holders import Holder, Remains
from ebbtide.brokers.sqlite.upkeep import Upkeep
from ebbtide.queue import Queue

QUEUE = Queue("default", visibility=3600.0)
GIVE_UP, LINGER = 10.0, 1.3
"""Seconds: how long to wait for what should come, and then for what should not: a look at holders comes each second."""


class ByProcessId(Upkeep):
    """Plants the fault: a holder lives if this host has a process of its number."""

    def holder(self) -> Holder:
        holder = super().holder()
        draft = self._database.folder / f"draft-{holder.token}"
        draft.write_text(f"{socket.gethostname()} {os.getpid()}")
        draft.rename(draft.with_name(f"owner-{holder.token}"))
        return holder

    def _dead_holders(self) -> dict[str, Remains]:
        with self._database.reading() as connection:
            holding = {token for (token,) in connection.execute(statements.HOLDERS)}
        return {token: Remains(frozenset(), "") for token in holding if not self._lives(token)}

    def _lives(self, token: str) -> bool:
        owner = self._database.folder / f"owner-{token}"
        if not owner.exists():
            return False
        host, pid = owner.read_text().split()
        return host == socket.gethostname() and Path(f"/proc/{pid}").exists()


def main(path: str, verb: str, number: str, fault: str = "") -> None:
    """Do it."""
    broker = SqliteBroker(path)
    if fault == "host-and-pid":
        broker._upkeep = ByProcessId(broker._database, time.time)
    began = time.monotonic()
    held = _held(broker, int(number)) if verb == "hold" else _taken(broker, int(number))
    ids = {delivery.message.id: delivery.attempt for delivery, _ in held}
    longest = max((at for _, at in held), default=began) - began
    print(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "ids": ids, "seconds": longest}), flush=True)
    if sys.stdin.readline():
        print(broker.ack([Settlement(delivery) for delivery, _ in held]), flush=True)


def _held(broker: SqliteBroker, number: int) -> list[tuple[Delivery, float]]:
    deliveries = broker.receive([QUEUE], number)
    for delivery in deliveries[::2]:
        broker.begin(delivery)
    return [(delivery, time.monotonic()) for delivery in deliveries]


def _taken(broker: SqliteBroker, number: int) -> list[tuple[Delivery, float]]:
    taken: list[tuple[Delivery, float]] = []
    began = time.monotonic()
    until = began + GIVE_UP
    while (now := time.monotonic()) < until:
        taken += [(delivery, time.monotonic()) for delivery in broker.receive([QUEUE], 100, wait=0.1)]
        if len(taken) >= number:
            until = min(until, now + LINGER)
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
