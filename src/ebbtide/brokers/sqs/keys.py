"""Idempotency keys on AWS: one item for each key says whose it is, and whether its task is to run.

A key goes through states, each written on a condition:

    sending   an enqueue has taken it and speaks to SQS; free again after a minute, should it have died meanwhile
    queued    SQS has the message, or has it back for another attempt
    running   a holder runs it, until its deadline; fenced by the receipt, so one that lost it changes nothing
    done      it succeeded; a copy that SQS delivers again is not run again
    dead      it was buried; an operator may send it back

Another enqueue may take the key when its minute has passed, or once it is done or dead and its window has passed, or
when the item is past its `gone`, which is when SQS cannot have the message any more. So nothing blocks a key for ever.
A message that finds its key with another call, as a letter sent back may, runs by an item of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from ebbtide.broker import Delivery, Permit
from ebbtide.brokers.sqs.digest import sha256
from ebbtide.errors import KeyConflict, StorageError
from ebbtide.message import Message
from ebbtide.table import Condition, Item, Table, Value, holds, until

SENDING = 60.0
"""Seconds an enqueue has from taking a key to SQS's answer."""

PENDING = 15 * 86_400.0
"""Seconds a message can be pending after it is due, at most: a day longer than SQS keeps one."""

REMEMBERED = 86_400.0
"""Seconds it is remembered at least that a task has ended, for copies that SQS delivers late."""

TRIES = 10
"""How often in a row a key may change between a write that it refuses and the look at why."""

LONGEST = 1000
"""Bytes of a key that stands in its item's id as it is (DynamoDB takes 2,048 for the whole)."""


class Keys:
    """The keys of a stage. now: seconds since 1970. Messages without one cost nothing. Verbs raise StorageError."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def reserve(self, message: Message) -> str | None:
        """Take the message's key for its enqueue: the id of the message that holds it, or None if that is this one.

        Raises KeyConflict if the one that holds it has other arguments. A message that holds its key already may be
        sent: it is sent once more, or comes back from the dead letters.
        """
        if message.key is None:
            return None
        name, about = key_id(message), _about(message)
        for _ in range(TRIES):
            now = self._now()
            free = _free(message.id, now)
            if self._table.change(name, {**about, "state": "sending", "gone": until(now + SENDING)}, only_if=free):
                return None
            item = self._table.read([name]).get(name)
            if item is None or holds(free, item):
                continue  # it has just become free
            if item["holder"] == message.id:
                return None
            if item["call"] != about["call"]:
                raise KeyConflict(
                    f"task {message.task!r}: key {message.key!r} is held by {item['holder']} with other arguments; "
                    f"put what differs into the key"
                )
            return str(item["holder"])
        raise _restless(name)

    def queued(self, messages: Iterable[Message]) -> None:
        """SQS has these."""
        for message in messages:
            pending = max(self._now(), message.run_after or 0.0) + PENDING
            self._sent(message, {"state": "queued", "gone": until(pending)})

    def release(self, messages: Iterable[Message]) -> None:
        """SQS never got these: their keys are free."""
        for message in messages:
            self._sent(message, {"gone": until(self._now() - 1)})

    def begin(self, delivery: Delivery, deadline: float) -> Permit:
        """Whether this delivery may run; if so, nobody else may under its key until `deadline` (since 1970).

        Raises EnvelopeError.
        """
        message = delivery.message
        if message.key is None:
            return Permit.RUN
        id, name, own = message.id, key_id(message), _own_id(message)
        running = {
            **_about(message),
            "state": "running",
            "until": deadline,
            "fence": _fence(delivery),
            "gone": until(deadline + PENDING),
        }
        for _ in range(TRIES):
            now = self._now()
            if self._table.change(name, running, only_if=_its_turn(id, now), or_absent=False):
                return Permit.RUN
            items = self._table.read([name, own])
            if own in items or _is_anothers(items.get(name), running, now):
                name = own  # for good: its copies must find each other
            if name not in items or holds(_vacant(now), items[name]):
                if self._table.change(name, running, only_if=_vacant(now)):
                    return Permit.RUN
            elif not holds(_its_turn(id, now), items[name]):
                return _permit(items[name], running)
        raise _restless(name)

    def done(self, delivery: Delivery) -> None:
        """It succeeded. A late word, of a holder that lost the key, changes nothing; nor do the next two."""
        self._end(delivery, "done")

    def failed(self, delivery: Delivery) -> None:
        """It is buried."""
        self._end(delivery, "dead")

    def again(self, delivery: Delivery, wait: float) -> None:
        """It goes back to SQS, to come again after `wait` seconds."""
        self._settle(delivery, {"state": "queued", "gone": until(self._now() + wait + PENDING)})

    def _sent(self, message: Message, changes: Mapping[str, Value | None]) -> None:
        if message.key is not None:
            sending = [[("holder", "=", message.id), ("state", "=", "sending")]]
            self._table.change(key_id(message), changes, only_if=sending, or_absent=False)

    def _end(self, delivery: Delivery, state: str) -> None:
        held = max(_window(delivery.message), self._now() + REMEMBERED)
        self._settle(delivery, {"state": state, "gone": until(held)})

    def _settle(self, delivery: Delivery, changes: Mapping[str, Value | None]) -> None:
        message = delivery.message
        if message.key is not None:
            ours: Condition = [
                [("holder", "=", message.id), ("state", "=", "running"), ("fence", "=", _fence(delivery))],
                [("holder", "=", message.id), ("state", "=", "queued")],
                [("holder", "=", message.id), ("state", "=", "sending")],
            ]
            if not self._table.change(key_id(message), changes, only_if=ours, or_absent=False):
                self._table.change(_own_id(message), changes, only_if=ours, or_absent=False)


def _free(id: str, now: float) -> Condition:
    """When the message `id` may take a key for its enqueue."""
    return [
        [("gone", "<=", now)],
        [("state", "=", "done"), ("window", "<=", now), ("holder", "<>", id)],
        [("state", "=", "dead"), ("window", "<=", now)],
        [("state", "=", "dead"), ("holder", "=", id)],
    ]


def _its_turn(id: str, now: float) -> Condition:
    """When a delivery of the message `id`, which holds the key, may run."""
    return [
        [("holder", "=", id), ("state", "=", "sending")],
        [("holder", "=", id), ("state", "=", "queued")],
        [("holder", "=", id), ("state", "=", "running"), ("until", "<=", now)],
    ]


def _vacant(now: float) -> Condition:
    """When any message may run under a key."""
    return [[("gone", "<=", now)], [("state", "=", "dead")]]


def _is_anothers(item: Item | None, running: Item, now: float) -> bool:
    """Whether the key went on to another call, so that this one is no copy of it: a letter sent back, say."""
    return item is not None and item["call"] != running["call"] and not holds(_vacant(now), item)


def _permit(item: Item, running: Item) -> Permit:
    """What becomes of a delivery under a key that is taken. running: what it would have written."""
    if item["holder"] != running["holder"]:
        return Permit.BUSY if item["state"] == "sending" else Permit.DONE
    if item["state"] == "running":
        return Permit.RUN if item["fence"] == running["fence"] else Permit.BUSY  # the former: a call made twice
    return Permit.DONE


def _restless(name: str) -> StorageError:
    return StorageError(f"{name}: the key changes hands faster than it can be read. Try again")


def key_id(message: Message) -> str:
    """The id of its key's item. A key too long for one, or one that could pass for such, is there by its digest."""
    assert message.key is not None  # noqa: S101 - asked for keyed messages only
    key = message.key
    if key.startswith("#") or len(key.encode()) > LONGEST:
        key = f"#{sha256(key)}"
    return f"key/{message.task}/{key}"


def _own_id(message: Message) -> str:
    """The item of a message whose key went on to another call while it was dead, or on its way without a word."""
    return f"key/{message.task}/#of/{message.id}"


def _about(message: Message) -> Item:
    """Whose key it is. `call` tells arguments apart as JSON does: 1, 1.0 and true are three."""
    call = json.dumps([message.args, message.kwargs], sort_keys=True)
    return {"holder": message.id, "call": sha256(call), "window": _window(message)}


def _window(message: Message) -> float:
    """Until when a key is held whatever becomes of its task; 0 without a window, by whoever's clock."""
    return message.enqueued_at + message.key_window if message.key_window else 0.0


def _fence(delivery: Delivery) -> str:
    return sha256(delivery.receipt)[:32]
