"""From the event of an HTTP request to the JSON arguments of a call: every parameter from its place, every fault told.

All faults of a request are told at once, each with the parameter's name. An absent parameter is left to the
function's default.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ebbtide.names import nearest
from ebbtide.signature import Signature
from ebbtide.triggers.http_event import Event, body_in_base64, check_encoding, header_of, json_of, method_of, query_of
from ebbtide.triggers.http_places import Place
from ebbtide.triggers.http_problem import Fault, misfit
from ebbtide.triggers.http_strict import Strict
from ebbtide.triggers.http_text import from_text, from_texts, item_of, takes_text
from ebbtide.values import ValueRefused, codec_for

_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_ABSENT: Any = ...
_strict = Strict()


class Binding:
    """How one task's parameters are read. found: the place of each, as `http_places.places` says."""

    def __init__(self, signature: Signature, found: Mapping[str, Place]) -> None:
        kinds = signature.shape.parameters
        self._places = {name: place for name, place in found.items() if kinds[name].kind not in _REST}
        self._required = [name for name in self._places if kinds[name].default is inspect.Parameter.empty]
        self._positional = [p.name for p in kinds.values() if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        self._open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in kinds.values())
        self._members = {place.name for place in self._places.values() if place.where == "open"}
        self._asked = self._members | {place.name for place in self._places.values() if place.where == "query"}
        self._whole = next((place.where for place in self._places.values() if place.where in ("json", "raw")), "")

    def arguments(self, event: Event) -> tuple[list[Any], dict[str, Any]]:
        """The call's arguments. Raises Problem, EnvelopeError for an event of another kind."""
        method_of(event)
        check_encoding(event)
        request = _Request(event, query_of(event), _ABSENT if self._whole == "raw" else json_of(event))
        faults = self._unknown(request)
        values: dict[str, Any] = {}
        for name, place in self._places.items():
            try:
                value = request.value(place)
                if value is not _ABSENT:
                    values[name] = value
                elif name in self._required:
                    faults.append(Fault(place.said, place.name, f"is missing{_where(place)}"))
            except ValueRefused as refusal:
                faults.append(Fault(place.said, place.name, str(refusal)))
        if self._open_ended:
            values |= {name: text for name, text in request.rest(self._asked).items() if name not in values}
        positional = [name for name in self._positional if name in values]
        if positional != self._positional[: len(positional)]:
            gap = next(name for name in self._positional if name not in values)
            faults.append(Fault(self._places[gap].said, gap, f"must be given where {positional[-1]!r} is"))
        if faults:
            raise misfit(faults)
        return [values.pop(name) for name in positional], values

    def _unknown(self, request: _Request) -> list[Fault]:
        if self._open_ended:
            return []
        faults = [_stranger("query", name, self._asked) for name in request.query if name not in self._asked]
        if self._whole or request.json is _ABSENT:
            return faults
        if not isinstance(request.json, dict):
            reason = f"a JSON object is expected, not {_kind(request.json)}"
            return [*faults, Fault("body", None, reason)]
        faults += [_stranger("body", name, self._members) for name in request.json if name not in self._members]
        twice = [name for name in request.query if name in request.json]
        return faults + [Fault("query", name, "is given in the body, too") for name in twice]


class _Request:
    """One request, read; json is Ellipsis where there is no body, or one that is taken as it is."""

    def __init__(self, event: Event, query: dict[str, list[str]], json: Any) -> None:
        self.event = event
        self.query = query
        self.json = json

    def value(self, place: Place) -> Any:
        """What stands there as JSON, checked, or Ellipsis. Raises ValueRefused."""
        match place.where:
            case "path":
                return from_text(place.annotation, self.event["pathParameters"][place.name])
            case "header":
                text = header_of(self.event, place.name)
                listed = item_of(place.annotation) is not None and not takes_text(place.annotation)
                if text is None:
                    return _ABSENT
                return _from_texts(
                    place, [part.strip() for part in text.split(",") if part.strip()] if listed else [text]
                )
            case "raw":
                return body_in_base64(self.event)
            case "json":
                return _checked(place, self.json)
            case "open" if isinstance(self.json, dict) and place.name in self.json:
                return _checked(place, self.json[place.name])
        return _from_texts(place, self.query[place.name]) if place.name in self.query else _ABSENT

    def rest(self, known: set[str]) -> dict[str, Any]:
        """What nobody asked for by name, for `**others`."""
        members = self.json if isinstance(self.json, dict) else {}
        texts = {name: texts[0] if len(texts) == 1 else texts for name, texts in self.query.items()}
        return {name: value for name, value in {**texts, **members}.items() if name not in known}


def _from_texts(place: Place, texts: list[str]) -> Any:
    if item_of(place.annotation) is not None and not takes_text(place.annotation):
        return _checked(place, from_texts(place.annotation, texts))
    if len(texts) > 1:
        raise ValueRefused(f"is given {len(texts)} times, and is no list")
    return from_text(place.annotation, texts[0])


def _checked(place: Place, value: Any) -> Any:
    if value is not _ABSENT:
        codec_for(place.annotation).decode(value)
        _strict.check(place.annotation, value)
    return value


def _where(place: Place) -> str:
    if place.where == "open":
        return "; give it as a member of the body's JSON object, or in the query"
    return "; it is the body, as JSON" if place.where == "json" else ""


def _stranger(place: str, name: str, known: set[str]) -> Fault:
    hint = nearest(name, known) if known else " There are none." if place == "query" else " No body is taken."
    return Fault(place, name[:100], f"is unknown.{hint}")


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names[type(value)]
