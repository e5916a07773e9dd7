"""What an event offers a task, and how the task's parameters pick from it: by name, and as their annotations say.

    @app.task(Bucket("uploads"))
    def ingest(key: str, size: int): ...          takes two of the values that Bucket offers

So the task stays a function to be called by hand. A parameter that nothing is offered for keeps its default.
"""

from __future__ import annotations

import inspect
from binascii import b2a_base64
from collections.abc import Mapping
from types import NoneType
from typing import Any

from ebbtide import strictjson
from ebbtide.errors import DeclarationError
from ebbtide.names import nearest
from ebbtide.signature import Signature
from ebbtide.values import ValueRefused, codec_for
from ebbtide.values_annotations import unwrapped
from ebbtide.values_codec import PLAIN

_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_ONE_TEXT = frozenset({str, NoneType})


class Offer:
    """One value that the events of a trigger have.

    kind: "text", "number", "json" (any JSON value), "content" (text, read as the annotation says), "time" (ISO 8601).
    always: every such event has it.
    """

    __slots__ = ("always", "kind")

    def __init__(self, kind: str, always: bool = True) -> None:
        self.kind = kind
        self.always = always


Offers = Mapping[str, Offer]


def check(where: str, offers: Offers, signature: Signature) -> None:
    """Raise DeclarationError for a parameter that cannot be given."""
    for name, parameter in signature.shape.parameters.items():
        if parameter.kind in _REST:
            continue
        needed = parameter.default is inspect.Parameter.empty
        offer = offers.get(name)
        if offer is not None:
            _check_kind(where, name, offer, signature.parameters[name], needed)
        elif needed:
            raise DeclarationError(
                f"{where}: parameter {name!r} is none of what it offers, and has no default; it offers "
                f"{', '.join(offers)}.{_near(name, offers)}"
            )
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise DeclarationError(f"{where}: parameter {name!r}, which it does not offer, cannot be positional-only")


def _near(name: str, offers: Offers) -> str:
    hint = nearest(name, offers)
    return hint if "Did you mean" in hint else ""


def _check_kind(where: str, name: str, offer: Offer, annotation: Any, needed: bool) -> None:
    codec = codec_for(annotation)
    if offer.kind == "time" and not _takes(annotation, "2027-01-01T09:00:00+00:00"):
        raise DeclarationError(f"{where}: parameter {name!r} is a time; annotate it as datetime or str")
    if offer.kind == "text" and str not in codec.shapes:
        raise DeclarationError(f"{where}: parameter {name!r} is text; annotate it as str")
    if offer.kind == "number" and not _takes(annotation, 1):
        raise DeclarationError(f"{where}: parameter {name!r} is a whole number; annotate it as int")
    if not offer.always and needed and NoneType not in codec.shapes:
        raise DeclarationError(
            f"{where}: not every event has a {name!r}; annotate it as `{codec.name} | None`, or give it a default"
        )


def _takes(annotation: Any, value: Any) -> bool:
    try:
        codec_for(annotation).decode(value)
    except ValueRefused:
        return False
    return True


def pick(offers: Offers, signature: Signature, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The JSON arguments of a call, out of an event's values by name; None stands for a value it does not have."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in signature.shape.parameters.items():
        if parameter.kind in _REST or name not in offers:
            continue
        value = values.get(name)
        if offers[name].kind == "content" and value is not None:
            value = content(signature.parameters[name], value)
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            args.append(value)
        elif value is not None or parameter.default is inspect.Parameter.empty:
            kwargs[name] = value
    return args, kwargs


def content(annotation: Any, text: str) -> Any:
    """What somebody sent, as the JSON value that the annotation's codec reads.

    str, or nothing said: the text. bytes: the bytes. All else is JSON, unless it is text that the annotation takes, as
    a date; what is neither stays text, for the codec to refuse with a reason.
    """
    if unwrapped(annotation) in (bytes, bytearray):
        return b2a_base64(text.encode("utf-8", "surrogatepass"), newline=False).decode("ascii")
    codec = codec_for(annotation)
    if codec is PLAIN or codec.shapes <= _ONE_TEXT:
        return text
    try:
        value = strictjson.loads(text)
    except ValueError:
        return text
    return text if not isinstance(value, (dict, list)) and _takes(annotation, text) else value
