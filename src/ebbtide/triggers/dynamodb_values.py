"""DynamoDB's JSON as plain values: `{"N": "3"}` is 3, `{"S": "a"}` is "a".

A number stays exact. It becomes an int, or a float if the float says the very same; a number with more digits than a
float holds stays text, which the annotation Decimal reads, and int and float refuse. Sets become lists, binary values
base64, as sets and bytes travel everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ebbtide.errors import EnvelopeError

_NUMBER = r"(-?)0*([0-9]{1,400})(?:\.([0-9]{1,400}))?(?:[eE]([+-]?[0-9]{1,4}))?"
_MOST_DIGITS = 200
"""Zeros at the end included; DynamoDB's numbers end at 10**126."""


def plain(item: object) -> dict[str, Any]:
    """An item, or its keys: every attribute by name. Raises EnvelopeError."""
    try:
        return {str(name): _value(one) for name, one in _mapping(item).items()}
    except RecursionError:
        raise EnvelopeError("an item of DynamoDB that is nested too deeply") from None


def _value(one: object) -> Any:
    said = _mapping(one)
    if len(said) != 1:
        raise EnvelopeError("a value of DynamoDB has one member, its type")
    ((kind, value),) = said.items()
    read = _KINDS.get(kind)
    if read is None:
        raise EnvelopeError(f"{ascii(kind)[:40]} is no type of DynamoDB's")
    return read(value)


def number(text: object) -> int | float | str:
    """A number as its text says it, exactly."""
    written = re.fullmatch(_NUMBER, text, re.ASCII) if isinstance(text, str) else None
    if not written or not isinstance(text, str):
        raise EnvelopeError(f"{ascii(text)[:60]} is no number of DynamoDB's")
    sign, digits, exponent = _parts(text)
    if exponent >= 0 and len(digits) + exponent <= _MOST_DIGITS:
        return int(sign + digits + "0" * exponent)
    near = float(text)
    return near if near - near == 0 and _parts(repr(near)) == (sign, digits, exponent) else text


def _parts(text: str) -> tuple[str, str, int]:
    """Sign, digits without zeros around them, and the power of ten of the last."""
    written = re.fullmatch(_NUMBER, text, re.ASCII)
    assert written  # noqa: S101 - the caller looked, and so does repr
    sign, whole, part, power = written.groups()
    digits = (whole + (part or "")).lstrip("0")
    short = digits.rstrip("0")
    exponent = int(power or 0) - len(part or "") + len(digits) - len(short)
    return (sign, short, exponent) if short else ("", "0", 0)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise EnvelopeError("text expected in a value of DynamoDB")


def _listed(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise EnvelopeError("a list expected in a value of DynamoDB")


def _mapping(value: object) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    raise EnvelopeError("an object expected in an item of DynamoDB")


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise EnvelopeError("true or false expected in a value of DynamoDB")


_KINDS: dict[Any, Callable[[Any], Any]] = {
    "S": _text,
    "N": number,
    "B": _text,
    "BOOL": _truth,
    "NULL": lambda value: None,
    "L": lambda value: [_value(one) for one in _listed(value)],
    "M": lambda value: {str(name): _value(one) for name, one in _mapping(value).items()},
    "SS": lambda value: [_text(one) for one in _listed(value)],
    "NS": lambda value: [number(one) for one in _listed(value)],
    "BS": lambda value: [_text(one) for one in _listed(value)],
}
