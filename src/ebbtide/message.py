"""One call as data: the message, its lineage, and the versioned JSON envelope that is all that crosses a wire.

Decoding is strict, because what stands on a queue may have been written by anyone: a field too many, a wrong type or a
version we do not know is an EnvelopeError that names it, never a guess. Nothing is looked up, imported or built but
plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, init=False)
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
    lane: int
    args: list[Any]
    kwargs: dict[str, Any]
    run_after: float | None
    expires_at: float | None
    key: str | None
    key_window: float
    group: str | None
    priority: int
    headers: dict[str, str]

    def __init__(
        self,
        id: str,
        task: str,
        queue: str,
        lineage: Lineage,
        enqueued_at: float,
        lane: int = 0,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        run_after: float | None = None,
        expires_at: float | None = None,
        key: str | None = None,
        key_window: float = 0.0,
        group: str | None = None,
        priority: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        # One dict for the instance: the __init__ of a frozen dataclass takes three times as long.
        members = {
            "id": id,
            "task": task,
            "queue": queue,
            "lineage": lineage,
            "enqueued_at": enqueued_at,
            "lane": lane,
            "args": [] if args is None else args,
            "kwargs": {} if kwargs is None else kwargs,
            "run_after": run_after,
            "expires_at": expires_at,
            "key": key,
            "key_window": key_window,
            "group": group,
            "priority": priority,
            "headers": {} if headers is None else headers,
        }
        object.__setattr__(self, "__dict__", members)

    def encode(self) -> bytes:
        """The envelope: ASCII JSON, members that hold their default left out; made once.

        Raises ValueError or TypeError if args, kwargs or headers hold anything but plain JSON.
        """
        made = vars(self)
        if "envelope" not in made:
            made["envelope"] = self._envelope().encode("ascii")
        envelope: bytes = made["envelope"]
        return envelope

    def as_written(self, body: bytes) -> Message:
        """The same message, for whose queue these bytes are the envelope: another system's, which a trigger reads."""
        made = object.__new__(type(self))
        vars(made).update(vars(self), envelope=body)
        return made

    def _envelope(self) -> str:
        line, dumps = self.lineage, strictjson.dumps
        lineage = f'"root":{dumps(line.root)},"parent":{dumps(line.parent)},"depth":{dumps(line.depth)}'
        if line.path:
            lineage += f',"path":{dumps(line.path)}'
        optional = ""
        for name, default in _OPTIONAL:
            value = getattr(self, name)
            if value != default:
                optional += f',"{name}":{dumps(value)}'
        return (
            f'{{"v":{VERSION},"id":{dumps(self.id)},"task":{dumps(self.task)},"queue":{dumps(self.queue)},'
            f'"lane":{dumps(self.lane)},"args":{dumps(self.args)},"kwargs":{dumps(self.kwargs)},'
            f'"enqueued_at":{dumps(self.enqueued_at)},"lineage":{{{lineage}}}{optional}}}'
        )

    @classmethod
    def decode(cls, body: bytes) -> Message:
        """The message in an envelope. Raises EnvelopeError, and nothing else, for any other bytes."""
        wire = _parse(body)
        version = wire.pop("v", None)
        if type(version) is not int or version != VERSION:
            raise EnvelopeError(f"envelope version {_show(version)}: this Ebbtide speaks version {VERSION}")
        _check(wire, _MEMBERS, _REQUIRED)
        lineage = wire["lineage"]
        _check(lineage, _LINEAGE_MEMBERS, _ROOT, "lineage.")
        path = lineage.get("path")
        wire["lineage"] = Lineage(lineage["root"], lineage.get("parent"), lineage.get("depth", 0), tuple(path or ()))
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


def _check(
    wire: dict[str, Any], members: Mapping[str, Callable[[Any], bool]], required: frozenset[str], inside: str = ""
) -> None:
    for name, value in wire.items():
        fits = members.get(name)
        if fits is None:
            raise EnvelopeError(f"unknown member {_show(inside + name)} in the envelope")
        if not fits(value):
            raise EnvelopeError(f"the envelope's {inside + name!r} cannot be {_show(value)}")
    if not required <= wire.keys():
        missing = next(name for name in members if name in required and name not in wire)
        raise EnvelopeError(f"the envelope has no {inside + missing!r}")


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
_REQUIRED = frozenset(("id", "task", "queue", "lane", "args", "kwargs", "enqueued_at", "lineage"))
_ROOT = frozenset(("root",))
_OPTIONAL: tuple[tuple[str, Any], ...] = (
    ("run_after", None),
    ("expires_at", None),
    ("key", None),
    ("key_window", 0.0),
    ("group", None),
    ("priority", 0),
    ("headers", {}),
)
