"""Where each parameter of a task stands in an HTTP request, as its annotation and the route say.

path     a name in the route: /reports/{year}
header   Annotated[str, Header()] or Header("X-Token")
query    Annotated[int, Query()] or Query("page-size"); on GET and DELETE whatever is not in the path
body     the whole body: Annotated[Order, Body()] as JSON; one parameter annotated `bytes` as it is
open     all others, on POST, PUT and PATCH: a member of the body's JSON object, or of the query
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from ebbtide.errors import DeclarationError
from ebbtide.triggers.http_text import item_of, takes_text
from ebbtide.values_annotations import unwrapped

WITH_BODY = ("POST", "PUT", "PATCH")


class Header:
    """In `Annotated[...]`: the parameter is this header; without a name its own, `_` written as `-`."""

    def __init__(self, name: str = "") -> None:
        self.name = name


class Query:
    """In `Annotated[...]`: the parameter stands in the query, under this name or its own, and never in the body."""

    def __init__(self, name: str = "") -> None:
        self.name = name


class Body:
    """In `Annotated[...]`: the parameter is the whole body, as JSON; annotated `bytes`, as it is."""


class Place:
    """One parameter's place. where: path, header, query, open, json or raw. name: the one used there."""

    __slots__ = ("annotation", "name", "where")

    def __init__(self, where: str, name: str, annotation: Any) -> None:
        self.where = where
        self.name = name
        self.annotation = annotation

    @property
    def said(self) -> str:
        """The place as a problem names it."""
        return {"open": "body", "json": "body", "raw": "body"}.get(self.where, self.where)


def places(task: str, method: str, in_path: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Place]:
    """The place of every parameter. Raises DeclarationError for what cannot come about, with the cure."""
    at = f"task {task!r}"
    missing = [name for name in in_path if name not in parameters]
    if missing:
        raise DeclarationError(
            f"{at}: its route has {{{missing[0]}}}, its function no such parameter; add {missing[0]!r} to the function"
        )
    found = {name: _place(method, name, hint, in_path) for name, hint in parameters.items()}
    _check_bodies(at, method, found)
    if any(place.where in ("json", "raw") for place in found.values()):  # it takes all of the body
        found = {name: Place("query", p.name, p.annotation) if p.where == "open" else p for name, p in found.items()}
    for name, place in found.items():
        _check_text(at, name, place)
    _check_twice(at, found)
    return found


def _place(method: str, name: str, hint: Any, in_path: Sequence[str]) -> Place:
    marker = _marker(hint)
    if name in in_path:
        return Place("path", name, hint)
    if isinstance(marker, Header):
        return Place("header", (marker.name or name.replace("_", "-")).lower(), hint)
    if isinstance(marker, Query):
        return Place("query", marker.name or name, hint)
    if unwrapped(hint) is bytes:
        return Place("raw", name, hint)
    if isinstance(marker, Body):
        return Place("json", name, hint)
    return Place("open" if method in WITH_BODY else "query", name, hint)


def _marker(hint: Any) -> object:
    metadata = getattr(hint, "__metadata__", ())
    for value in metadata:
        if value in (Header, Query, Body):  # without parentheses
            return value()
        if isinstance(value, (Header, Query, Body)):
            return value
    return None


def _check_bodies(at: str, method: str, found: Mapping[str, Place]) -> None:
    whole = [name for name, place in found.items() if place.where in ("json", "raw")]
    if whole and method not in WITH_BODY:
        raise DeclarationError(f"{at}: {method} has no body for parameter {whole[0]!r}; use POST, PUT or PATCH")
    if len(whole) > 1:
        raise DeclarationError(
            f"{at}: parameters {whole[0]!r} and {whole[1]!r} would both be the whole body; keep one, and put the other "
            f"in the query or a header: Annotated[str, Query()]"
        )


def _check_text(at: str, name: str, place: Place) -> None:
    if place.where not in ("path", "query", "header"):
        return
    is_list = item_of(place.annotation) is not None
    if takes_text(place.annotation) or (is_list and place.where != "path"):
        return
    kind = typing.get_origin(unwrapped(place.annotation)) or unwrapped(place.annotation)
    written = getattr(kind, "__name__", str(kind))
    cure = "take it in a query or body" if is_list else "send it in the body of a POST, as Annotated[..., Body()]"
    raise DeclarationError(f"{at}: a {written} cannot be written in a {place.where}, as parameter {name!r} is; {cure}")


def _check_twice(at: str, found: Mapping[str, Place]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for name, place in found.items():
        key = ("query" if place.where == "open" else place.where, place.name)
        if key in seen:
            raise DeclarationError(
                f"{at}: parameters {seen[key]!r} and {name!r} are both {place.name!r} in the {place.said}; rename one"
            )
        seen[key] = name
