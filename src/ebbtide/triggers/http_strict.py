"""What Python lets pass and JSON does not: `true` for a number.

A codec reads `true` for an int, because a bool is one in Python and must arrive as it was. Over HTTP the schema says
`integer`, and whoever sends `true` has made a mistake.
"""

from __future__ import annotations

from typing import Any

from ebbtide.values import ValueRefused
from ebbtide.values_codec import path_step
from ebbtide.values_schema import Schema, Schemas


class Strict:
    """Finds booleans where an annotation wants numbers."""

    def __init__(self) -> None:
        self._schemas = Schemas("")

    def check(self, annotation: Any, value: Any) -> None:
        """Raise ValueRefused, naming the path, if there is one in this JSON value."""
        stray = self._stray(self._schemas.of(annotation), value) if _holds_boolean(value) else None
        if stray is not None:
            raise ValueRefused("expected a number, got a boolean", stray)

    def _stray(self, schema: Any, value: Any) -> str | None:
        """The path to a boolean that none of the schema's choices takes."""
        paths = [self._stray_in(choice, value) for choice in self._choices(schema) if _alike(choice, value)]
        return None if not paths or None in paths else paths[0]

    def _choices(self, schema: Any) -> list[Schema]:
        if not isinstance(schema, dict):
            return [{}]
        if "$ref" in schema:
            return self._choices(self._schemas.named.get(schema["$ref"], {}))
        if "anyOf" in schema:
            return [choice for member in schema["anyOf"] for choice in self._choices(member)]
        return [schema]

    def _stray_in(self, schema: Schema, value: Any) -> str | None:
        if type(value) is bool:
            return "" if schema.get("type") in ("integer", "number") else None
        if isinstance(value, dict):
            known, other = schema.get("properties", {}), schema.get("additionalProperties", {})
            inside = [(path_step(name), known.get(name, other), item) for name, item in value.items()]
        elif isinstance(value, list):
            first, rest = schema.get("prefixItems", []), schema.get("items", {})
            named = [*first, *[rest] * (len(value) - len(first))]
            inside = [(f"[{index}]", part, item) for index, (part, item) in enumerate(zip(named, value, strict=False))]
        else:
            return None
        found = ((step, self._stray(part, item)) for step, part, item in inside)
        return next((step + path for step, path in found if path is not None), None)


def _holds_boolean(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_holds_boolean, value.values() if isinstance(value, dict) else value))
    return type(value) is bool


def _alike(schema: Schema, value: Any) -> bool:
    """Whether the value has the schema's type, a boolean counting as a number."""
    kinds = {dict: ("object",), list: ("array",), bool: ("boolean", "integer", "number")}.get(type(value))
    return kinds is None or "type" not in schema or schema["type"] in kinds
