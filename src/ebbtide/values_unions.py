"""Codecs of choices: unions and literals.

Most unions need no help: `datetime | None` is a JSON string or null. Where two members share a JSON shape and one of
them is more than plain JSON (`datetime | str`), the members say who they are, `{"$type": "datetime", "value":
"2026-03-29"}`, so that the right one comes back. A value without a tag, as people type it on a command line, goes to
the first member that takes it.
"""

from contextvars import ContextVar
from enum import Enum
from typing import Any

from ebbtide.values_codec import JSON, Codec, ValueRefused, mismatch

_TAG = frozenset({"$type", "value"})

MAX_TRIES = 100_000
"""Failed members per value of a recursive annotation. Without a bound a hostile message could make them 2**100."""

tries_left: ContextVar[list[int] | None] = ContextVar("tries_left", default=None)


class TooManyTries(Exception):
    """A recursive union has tried MAX_TRIES members in vain. Not a ValueRefused: the next union must not go on."""


def _failed(refusals: list[ValueRefused], refusal: ValueRefused) -> None:
    refusals.append(refusal)
    left = tries_left.get()
    if left is not None:
        left[0] -= 1
        if left[0] < 0:
            raise TooManyTries


def _none_takes(name: str, value: Any, refusals: list[ValueRefused]) -> ValueRefused:
    """The most telling refusal: of the one member that recognised the value, else of all together."""
    near = [refusal for refusal in refusals if not refusal.mismatch]
    if near:
        return near[0]
    if len(refusals) == 1:
        return refusals[0]
    if type(value) in (list, dict) and refusals:
        reasons = "; ".join(refusal.reason for refusal in refusals)
        return ValueRefused(f"no member of {name} takes this: {reasons}"[:400], mismatch=True)
    return mismatch(name, value)


def tagged(members: list[Codec]) -> list[bool]:
    """For each member, whether its values need a tag to be told from another's."""
    marks = [
        any(not (one.plain and two.plain) and one.shapes & two.shapes for two in members if two is not one)
        for one in members
    ]
    # A tag is a dict: beside tagged members, a dict must be told from a tag too.
    return [mark or (any(marks) and dict in one.shapes) for mark, one in zip(marks, members, strict=True)]


def tag_names(members: list[Codec]) -> list[str]:
    """The members' names; those that two members share get a number."""
    names: list[str] = []
    for member in members:
        same = sum(1 for other in members[: len(names)] if other.name == member.name)
        names.append(f"{member.name}#{same + 1}" if same else member.name)
    return names


def union_codec(members: list[Codec]) -> Codec:
    """One of the members, in the order written."""
    if len(members) == 1:
        return members[0]
    name = " | ".join(member.name for member in members)
    tags = dict(zip(tag_names(members), members, strict=True))
    needs_tag = tagged(members)
    wire = [(member, tag if needed else None) for (tag, member), needed in zip(tags.items(), needs_tag, strict=True)]
    takers: dict[type, list[tuple[Codec, str | None]]] = {}
    for entry in wire:
        for kind in entry[0].types:
            takers.setdefault(kind, []).append(entry)
    # First the members that name the value's class, then those that may take anything.
    by_type = {kind: [*found, *(e for e in wire if e not in found)] for kind, found in takers.items()}
    by_shape: dict[type, list[Codec]] = {}
    for shape in (type(None), bool, int, float, str, list, dict):
        found = [member for member in members if shape in member.shapes]
        by_shape[shape] = [*found, *(member for member in members if member not in found)]

    def encode(value: Any) -> JSON:
        refusals: list[ValueRefused] = []
        for member, tag in by_type.get(type(value), wire):
            try:
                encoded = member.encode(value)
            except ValueRefused as refusal:
                _failed(refusals, refusal)
            else:
                return encoded if tag is None else {"$type": tag, "value": encoded}
        raise _none_takes(name, value, refusals)

    def decode(value: Any) -> Any:
        if type(value) is dict and value.keys() == _TAG and any(needs_tag):
            member = tags.get(value["$type"]) if type(value["$type"]) is str else None
            if member is not None:
                return member.decode(value["value"])
        refusals: list[ValueRefused] = []
        for member in by_shape.get(type(value), members):
            try:
                return member.decode(value)
            except ValueRefused as refusal:
                _failed(refusals, refusal)
        raise _none_takes(name, value, refusals)

    shapes = frozenset().union(*(member.shapes for member in members))
    if any(needs_tag):
        shapes |= {dict}
    types = tuple(kind for member in members for kind in member.types) if all(m.types for m in members) else ()
    return Codec(name, encode, decode, shapes, types, plain=all(member.plain for member in members))


def _literal_of_one_class(values: list[Any], base: Codec) -> Codec:
    shown = [f"{type(v).__name__}.{v.name}" if isinstance(v, Enum) else repr(v) for v in values]
    name = f"Literal[{', '.join(shown)}]"
    kind = type(values[0])

    def encode(value: Any) -> JSON:
        if type(value) is not kind or value not in values:
            raise mismatch(name, value)
        return base.encode(value)

    def decode(value: Any) -> Any:
        try:
            decoded = base.decode(value)
        except ValueRefused:
            raise mismatch(name, value) from None
        if type(decoded) is not kind or decoded not in values:
            raise mismatch(name, value)
        return decoded

    return Codec(name, encode, decode, base.shapes, (kind,), plain=base.plain)


def literal_codec(values: list[tuple[Any, Codec]]) -> Codec:
    """One of the values, each given with the codec of its class. Classes matter: Literal[1] does not take True."""
    by_class: dict[type, tuple[list[Any], Codec]] = {}
    for value, base in values:
        by_class.setdefault(type(value), ([], base))[0].append(value)
    return union_codec([_literal_of_one_class(same, base) for same, base in by_class.values()])
