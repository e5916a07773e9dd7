"""One call as data: the message, its lineage, and the versioned JSON envelope that is all that crosses a wire.

Decoding is strict, because what stands on a queue may have been written by anyone: a field too many, a wrong type or a
version we do not know is an EnvelopeError that names it, never a guess. Nothing is looked up, imported or built but
plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.errors import EnvelopeError

VERSION = 1
PATH_KEPT = 10
"""How many task names of its ancestry a message carries, to show the path when a loop is stopped."""


class Lineage(NamedTuple):
    """Where a message comes from.

    root: id of the first message of the chain; parent: id of the one whose task enqueued this (None for the first);
    depth: enqueues between the root and this one; path: names of the last tasks above it, oldest first.
    """

    root: str
    parent: str | None = None
    depth: int = 0
    path: tuple[str, ...] = ()

    def child(self, parent: str, task: str) -> Lineage:
        """The lineage of a message enqueued by the message `parent`, which ran `task`."""
        return Lineage(self.root, parent, self.depth + 1, (*self.path, task)[-PATH_KEPT:])


@dataclass(frozen=True)
class Message:
    """One call of one task. Times are seconds since 1970; args and kwargs hold plain JSON values.

    run_after: not before then. expires_at: not after then. key: unique among the task's pending messages, and for
    `key_window` seconds from the enqueue. group: tenant, or unit of ordering on a FIFO queue. priority: -100 to 100,
    higher first. headers: text for middleware and tracing (`traceparent`).
    """

    id: str
    task: str
    queue: str
    lineage: Lineage
    enqueued_at: float
    lane: int = 0
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    run_after: float | None = None
    expires_at: float | None = None
    key: str | None = None
    key_window: float = 0.0
    group: str | None = None
    priority: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The envelope: ASCII JSON, members that hold their default left out; made once.

        Raises ValueError or TypeError if args, kwargs or headers hold anything but plain JSON.
        """
        return self._envelope

    @cached_property
    def _envelope(self) -> bytes:
        line = self.lineage
        lineage: dict[str, Any] = {"root": line.root, "parent": line.parent, "depth": line.depth}
        if line.path:
            lineage["path"] = line.path
        wire: dict[str, Any] = {"v": VERSION, "id": self.id, "task": self.task, "queue": self.queue, "lane": self.lane}
        wire |= {"args": self.args, "kwargs": self.kwargs, "enqueued_at": self.enqueued_at, "lineage": lineage}
        for name, default in _OPTIONAL.items():
            value = getattr(self, name)
            if value != default:
                wire[name] = value
        return strictjson.dumps(wire).encode("ascii")

    @classmethod
    def decode(cls, body: bytes) -> Message:
        """The message in an envelope. Raises EnvelopeError, and nothing else, for any other bytes."""
        wire = _parse(body)
        version = wire.pop("v", None)
        if type(version) is not int or version != VERSION:
            raise EnvelopeError(f"envelope version {_show(version)}: this Ebbtide speaks version {VERSION}")
        for name, value in wire.items():
            _check(name, value, _MEMBERS)
        for name in _REQUIRED:
            if name not in wire:
                raise EnvelopeError(f"the envelope has no {name!r}")
        wire["lineage"] = _lineage(wire["lineage"])
        return cls(**wire)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        wire = strictjson.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise EnvelopeError(f"not JSON: {str(error)[:200]}") from None
    if not isinstance(wire, dict):
        raise EnvelopeError(f"not a JSON object: {_show(wire)}")
    return wire


def _lineage(wire: dict[str, Any]) -> Lineage:
    for name, value in wire.items():
        _check(name, value, _LINEAGE_MEMBERS, "lineage.")
    if "root" not in wire:
        raise EnvelopeError("the envelope has no 'lineage.root'")
    return Lineage(wire["root"], wire.get("parent"), wire.get("depth", 0), tuple(wire.get("path", ())))


def _check(name: str, value: Any, members: Mapping[str, Callable[[Any], bool]], inside: str = "") -> None:
    fits = members.get(name)
    if fits is None:
        raise EnvelopeError(f"unknown member {_show(inside + name)} in the envelope")
    if not fits(value):
        raise EnvelopeError(f"the envelope's {inside + name!r} cannot be {_show(value)}")


def _show(value: object) -> str:
    """A short, printable form of a hostile value; containers by their kind alone."""
    return type(value).__name__ if isinstance(value, (dict, list)) else ascii(value)[:60]


def _text(limit: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and 0 < len(value) <= limit and value.isprintable()


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _headers(value: Any) -> bool:
    return type(value) is dict and all(type(text) is str for text in value.values())


_name = _text(200)
_time = _number(0, 253_402_300_800)  # the end of the year 9999
_MEMBERS: dict[str, Callable[[Any], bool]] = {
    "id": _name,
    "task": _name,
    "queue": _name,
    "lane": _integer(0, 10_000),
    "args": lambda value: type(value) is list,
    "kwargs": lambda value: type(value) is dict,
    "enqueued_at": _time,
    "lineage": lambda value: type(value) is dict,
    "run_after": _or_none(_time),
    "expires_at": _or_none(_time),
    "key": _or_none(_text(1000)),
    "key_window": _number(0, 253_402_300_800),
    "group": _or_none(_text(128)),
    "priority": _integer(-100, 100),
    "headers": _headers,
}
_LINEAGE_MEMBERS: dict[str, Callable[[Any], bool]] = {
    "root": _name,
    "parent": _or_none(_name),
    "depth": _integer(0, 1_000_000_000),
    "path": lambda value: type(value) is list and len(value) <= 100 and all(map(_name, value)),
}
_REQUIRED = ("id", "task", "queue", "lane", "args", "kwargs", "enqueued_at", "lineage")
_OPTIONAL: dict[str, Any] = {
    "run_after": None,
    "expires_at": None,
    "key": None,
    "key_window": 0.0,
    "group": None,
    "priority": 0,
    "headers": {},
}
