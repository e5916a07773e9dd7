"""A payload as JSON text. What JSON has goes as it is; what has one obvious text goes as that; all else is refused.

A UUID, a Decimal and a path are written as their text, dates and times in ISO 8601, an enum's member as its value. They
arrive as text: async-lambda's payloads carry no types. NaN, bytes, sets and objects are refused with the way to them
(`payload['user']['scores'][2]`), before anything is sent. Keys are what `json.dumps` makes of them, unless that makes
one of two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, time
from enum import Enum
from types import NoneType
from typing import Any

from ebbtide import strictjson
from ebbtide.errors import ArgumentError, EnvelopeError
from ebbtide.values_codec import INT_BOUND, MAX_DEPTH, ValueRefused, describe, path_step

_SHOWN = 10
"""Steps of a path that are told; beyond, it says no more than the reason."""

_TEXT = frozenset({str})
_LEAVES = frozenset({str, int, float, bool, NoneType})

_TEXTS: dict[tuple[str, str], Callable[[Any], str]] = {
    ("uuid", "UUID"): str,
    ("decimal", "Decimal"): str,
    ("pathlib", "PurePath"): str,
}
"""Recognised by name: whoever passes one has imported its module, and nobody else shall wait for it."""

_CURES = {
    "bytes": "; send text, base64 for instance",
    "bytearray": "; send text, base64 for instance",
    "set": "; send a list",
    "frozenset": "; send a list",
    "timedelta": "; send its total_seconds()",
}


class PayloadRefused(ArgumentError):
    """A payload has something in it that JSON lacks; the message says where, and what to send instead."""


def encode(payload: object) -> str:
    """The payload's JSON text: ASCII without white space. Raises PayloadRefused."""
    try:
        text = strictjson.dumps(payload)
        if _as_it_stands(payload):
            return text
    except (TypeError, ValueError, RecursionError):
        pass  # something that the C encoder does not know: look for it, and convert what may be
    try:
        return strictjson.dumps(_plain(payload, ()))
    except ValueRefused as refusal:
        raise PayloadRefused(f"payload{refusal.path} {refusal.reason}") from None
    except RecursionError:
        raise PayloadRefused("payload is nested too deeply for the stack that is left") from None


def decode(text: str) -> Any:
    """The payload in its JSON text, as leniently as async-lambda reads it: NaN passes. Raises EnvelopeError."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise EnvelopeError(f"the payload is not JSON: {str(error)[:200]}") from None


def _as_it_stands(payload: object) -> bool:
    """Whether every key is text and nothing too deep. Does not recurse; cycles have been found before."""
    level: list[object] = [payload]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                if not _TEXT.issuperset(map(type, item)):
                    return False
                inner += item.values()
            elif isinstance(item, (list, tuple)):
                inner += item
        level = [item for item in inner if type(item) not in _LEAVES]  # three times quicker than to look at them all
        if not level:
            return True
    return not any(isinstance(item, (dict, list, tuple)) for item in level)


def _plain(value: object, within: tuple[int, ...]) -> object:
    """The value as JSON has it; `within` are the ids of the lists and dicts around it."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        if value - value == 0:
            return value
        raise ValueRefused(f"is {float(value)!r}, which JSON lacks; send None or text")
    if isinstance(value, int):
        if -INT_BOUND < value < INT_BOUND:
            return value
        raise ValueRefused("is an int of more than 4300 digits; send text, hex() of it for instance")
    if isinstance(value, (dict, list, tuple)):
        if id(value) in within:
            raise ValueRefused("is what it stands in: JSON has no cycles")
        if len(within) == MAX_DEPTH:
            raise ValueRefused(f"is nested deeper than {MAX_DEPTH} levels")
        around = (*within, id(value))
        return _object(value, around) if isinstance(value, dict) else _array(value, around)
    if isinstance(value, Enum):
        return _plain(value.value, within)
    return _text(value)


def _array(values: Iterable[object], around: tuple[int, ...]) -> list[object]:
    return [_step(number, value, around) for number, value in enumerate(values)]


def _object(members: dict[Any, object], around: tuple[int, ...]) -> dict[str, object]:
    done: dict[str, object] = {}
    for key, value in members.items():
        name = _key(key)
        if name in done:
            raise ValueRefused(f"has two keys that JSON writes as {name[:40]!r}; keep one of them")
        done[name] = _step(key, value, around)
    return done


def _step(key: object, value: object, around: tuple[int, ...]) -> object:
    try:
        return _plain(value, around)
    except ValueRefused as refusal:
        if len(around) <= _SHOWN:
            refusal.under(path_step(key))
        elif len(around) == _SHOWN + 1:
            refusal.under("[...]")
        raise


def _key(key: object) -> str:
    """A key as `json.dumps` writes it."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, int)) or (isinstance(key, float) and key - key == 0):
        return strictjson.dumps(key)
    raise ValueRefused(f"has the key {describe(key)}; JSON's are text: send str() of it, or a list of pairs")


def _text(value: object) -> str:
    if isinstance(value, (date, time)):
        return value.isoformat()
    for base in type(value).__mro__:
        if write := _TEXTS.get((base.__module__.split(".")[0], base.__name__)):
            return write(value)
    name = type(value).__name__
    raise ValueRefused(f"is {name}, which JSON lacks{_CURES.get(name, '; send its id, or a dict of what matters')}")
