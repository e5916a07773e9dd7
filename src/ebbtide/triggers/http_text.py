"""From the text of a path, query or header to the JSON value that an annotation's codec reads.

Numbers are written as in JSON, booleans as `true` and `false`; a list is a repeated query parameter, or a header's
values between commas. Everything else is text already, as dates and ids are.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from ebbtide.values import ValueRefused, codec_for
from ebbtide.values_annotations import unwrapped
from ebbtide.values_codec import PLAIN
from ebbtide.values_compile import LISTS, SETS

# Compiled on first use: whoever imports Ebbtide without a route does not wait for it.
_INTEGER = r"-?(?:0|[1-9][0-9]{0,4299})"
_NUMBER = r"-?(?:0|[1-9][0-9]{0,308})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?"
_BOOLEANS = {"true": True, "false": False}


def takes_text(annotation: Any) -> bool:
    """Whether some text may be a value of this annotation."""
    return not codec_for(annotation).shapes <= {list, dict, type(None)}


def item_of(annotation: Any) -> Any | None:
    """The annotation of one item, if this is a list, set or tuple of any length whose items text can say; else None."""
    for member in _members(annotation):
        arguments = typing.get_args(member)
        kind = typing.get_origin(member) or member
        plain = kind in LISTS or kind in SETS
        if (plain or (kind is tuple and arguments[1:] == (...,))) and kind is not str:
            item = arguments[0] if arguments else str
            return item if takes_text(item) else None
    return None


def from_text(annotation: Any, text: str) -> Any:
    """The JSON value. Raises ValueRefused where the annotation takes none that this text may stand for."""
    codec = codec_for(annotation)
    if codec is PLAIN:  # nothing is said, so nothing is guessed
        return text
    candidates: list[Any] = []
    if text in _BOOLEANS and any(_takes_bool(member) for member in _members(annotation)):
        candidates.append(_BOOLEANS[text])
    number = _number(text)
    if number is not None and codec.shapes & {int, float}:
        candidates.append(number)
    candidates.append(text)
    if number is not None and not codec.shapes & {int, float}:
        candidates.append(number)  # seconds of a timedelta, an enum by its value
    return _first_taken(codec.decode, candidates, text)


def from_texts(annotation: Any, texts: Sequence[str]) -> Any:
    """The JSON list of a repeated parameter. Raises ValueRefused, naming the item."""
    values = []
    for index, text in enumerate(texts):
        try:
            values.append(from_text(item_of(annotation), text))
        except ValueRefused as refusal:
            refusal.under(f"[{index}]")
            raise
    return values


def _first_taken(decode: Any, candidates: list[Any], text: str) -> Any:
    refusals = []
    for candidate in candidates:
        try:
            decode(candidate)
        except ValueRefused as refusal:
            refusals.append(refusal)
        else:
            return candidate
    raise next((refusal for refusal in refusals if not refusal.mismatch), refusals[0])


def _number(text: str) -> int | float | None:
    if re.fullmatch(_INTEGER, text):
        return int(text)
    number = float(text) if re.fullmatch(_NUMBER, text) else None
    return number if number is None or number - number == 0 else None


def _members(annotation: Any) -> list[Any]:
    annotation = unwrapped(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [inner for member in typing.get_args(annotation) for inner in _members(member)]
    return [annotation]


def _takes_bool(member: Any) -> bool:
    return member is bool or any(type(value) is bool for value in typing.get_args(member))
