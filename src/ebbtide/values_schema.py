"""JSON Schemas of annotations, for whoever describes an API: what a codec reads, and so also what it writes.

    Schemas().of(list[date])    ->  {"type": "array", "items": {"type": "string", "format": "date"}}

It walks annotations as `values_compile` does, and nothing that runs tasks imports it. Classes with fields stand under
their names in `Schemas.named` and are referred to, so that a class may hold itself. The dialect is JSON Schema 2020-12,
which is OpenAPI 3.1's. A schema may be narrower than its codec where reading is lenient (a UUID without dashes, a time
with a zone in brackets), never wider than what can be said in a schema.
"""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum, Flag
from types import NoneType, UnionType
from typing import Any

from ebbtide.values import codec_for
from ebbtide.values_annotations import filled, is_alias, key_requirement, resolved_hints, unwrapped, variables_of
from ebbtide.values_codec import Codec
from ebbtide.values_compile import DICTS, LISTS, SETS
from ebbtide.values_models import is_named_tuple, is_pydantic, is_typed_dict
from ebbtide.values_unions import tag_names, tagged

Schema = dict[str, Any]

_NUMBER_TEXT = r"^[+-]?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?$"
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{6})?(Z|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9])?$"
_LASTING = r"^-?P([0-9]{1,8}D|([0-9]{1,8}D)?T[0-9]{1,5}(\.[0-9]{1,6})?S)$"
_LEAST_SECONDS, _MOST_SECONDS = -86_399_999_913_600, 86_399_999_999_999  # of a timedelta

_BY_CLASS: dict[type, Schema] = {
    NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64", "pattern": _BASE64},
    bytearray: {"type": "string", "contentEncoding": "base64", "pattern": _BASE64},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "pattern": _CLOCK},
    timedelta: {
        "anyOf": [
            {"type": "string", "pattern": _LASTING},
            {"type": "number", "minimum": _LEAST_SECONDS, "maximum": _MOST_SECONDS},
        ]
    },
}
_BY_NAME: dict[tuple[str, str], Schema] = {
    ("decimal", "Decimal"): {"anyOf": [{"type": "string", "pattern": _NUMBER_TEXT}, {"type": "number"}]},
    ("uuid", "UUID"): {"type": "string", "format": "uuid"},
}
_KEY_OF_NUMBER = {"pattern": "^(0|-?[1-9][0-9]*)$"}


class Schemas:
    """Schemas that may refer to each other. at: where `named` will stand, as a JSON pointer that ends with a slash."""

    def __init__(self, at: str = "#/components/schemas/") -> None:
        self.named: dict[str, Schema] = {}
        """The schemas of classes with fields, by name."""
        self._at = at
        self._names: dict[Any, str] = {}

    def of(self, annotation: Any) -> Schema:
        """The schema of an annotation; {} where anything goes."""
        annotation = unwrapped(annotation)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if annotation is None:
            return self.of(NoneType)
        if is_alias(annotation) or is_alias(origin):
            return self._alias(annotation, origin or annotation, arguments)
        if origin is typing.Union or origin is UnionType:
            return self._union(arguments)
        if origin is typing.Literal:
            return {"enum": [codec_for(type(value)).encode(value) for value in arguments]}
        kind = origin or annotation
        if annotation is typing.LiteralString:
            return self.of(str)
        if not isinstance(kind, type) or kind in (object, inspect.Parameter.empty):
            return {}
        return self._container(kind, arguments) or self._class(annotation, kind, arguments)

    def _alias(self, annotation: Any, alias: Any, arguments: tuple[Any, ...]) -> Schema:
        meaning = filled(alias.__value__, variables_of(alias, arguments))
        return self._once(annotation, alias.__name__, lambda: self.of(meaning))

    def _union(self, members: tuple[Any, ...]) -> Schema:
        schemas = [self.of(member) for member in members]
        codecs = [codec_for(member) for member in members]
        for schema, name, needed in zip(list(schemas), tag_names(codecs), tagged(codecs), strict=True):
            if needed:
                fields = {"$type": {"const": name}, "value": schema}
                schemas.append(_object(fields, list(fields)))
        return {"anyOf": schemas}

    def _container(self, kind: Any, arguments: Any) -> Schema | None:
        if kind in DICTS:
            return self._mapping(*arguments) if arguments else {"type": "object"}
        if kind in LISTS or kind in SETS:
            return {"type": "array", "items": self.of(arguments[-1])} if arguments else {"type": "array"}
        if kind is not tuple:
            return None
        if not arguments:
            return {"type": "array"}
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": self.of(arguments[0])}
        size = len(arguments)
        items = [self.of(item) for item in arguments]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": size, "maxItems": size}

    def _mapping(self, key: Any, item: Any) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self.of(item)}
        codec = codec_for(key)
        if codec.shapes == {str} and unwrapped(key) is not str:
            schema["propertyNames"] = self.of(key)
        elif unwrapped(key) is int:
            schema["propertyNames"] = _KEY_OF_NUMBER
        return schema

    def _class(self, annotation: Any, kind: Any, arguments: tuple[Any, ...]) -> Schema:
        known = _BY_CLASS.get(kind) or _BY_NAME.get((kind.__module__, kind.__name__))
        if known is not None:
            return dict(known)
        if issubclass(kind, Enum):
            return _choice(kind)
        if is_pydantic(kind):
            return self._pydantic(annotation)
        if hasattr(kind, "__struct_fields__"):
            return self._struct(annotation)
        if dataclasses.is_dataclass(kind) or is_named_tuple(kind) or is_typed_dict(kind):
            return self._once(annotation, kind.__name__, lambda: self._fields(kind, arguments))
        codec = codec_for(kind)
        return {"type": "string"} if codec.shapes == {str} else {}

    def _fields(self, kind: Any, arguments: tuple[Any, ...]) -> Schema:
        hints, values = resolved_hints(kind), variables_of(kind, arguments)
        names, required = _names(kind, hints)
        properties = {name: self.of(filled(unwrapped(hints.get(name, Any)), values)) for name in names}
        about = {"description": kind.__doc__.strip()} if _documented(kind) else {}
        return {**_object(properties, [name for name in names if name in required]), **about}

    def _once(self, key: Any, name: str, make: Callable[[], Schema]) -> Schema:
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = self._free(name)
            self.named[known] = {}  # what is inside may refer to it
            self.named[known] = make()
        return {"$ref": self._at + known}

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self.named:
            number += 1
            free = f"{name}{number}"
        return free

    def _pydantic(self, kind: Any) -> Schema:
        def make() -> Schema:
            schema: Schema = kind.model_json_schema(ref_template=self._at + "{model}")
            self.named |= schema.pop("$defs", {})
            return schema

        return self._once(kind, kind.__name__, make)

    def _struct(self, kind: Any) -> Schema:
        library: Any = sys.modules["msgspec"].json
        (schema,), components = library.schema_components([kind], ref_template=self._at + "{name}")
        self.named |= components
        return dict(schema)


def default_of(codec: Codec, value: Any) -> Schema:
    """`{"default": ...}` of a parameter's default value, or nothing where it does not travel."""
    try:
        return {"default": codec.encode(value)}
    except Exception:
        return {}


def _object(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _names(kind: Any, hints: Mapping[str, Any]) -> tuple[list[str], set[str]]:
    """The fields, and which of them must be there."""
    if dataclasses.is_dataclass(kind):
        fields = [field for field in dataclasses.fields(kind) if field.init]
        missing = dataclasses.MISSING
        needed = {f.name for f in fields if f.default is missing and f.default_factory is missing}
        return [field.name for field in fields], needed
    if is_named_tuple(kind):
        return list(kind._fields), set(kind._fields) - set(kind._field_defaults)
    said = {name: key_requirement(hint) for name, hint in hints.items()}
    needed = {name for name, need in said.items() if need or (need is None and name in kind.__required_keys__)}
    return list(hints), needed


def _documented(kind: Any) -> bool:
    """Whether somebody wrote the docstring: dataclasses and named tuples make one of their own."""
    return bool(kind.__doc__) and not kind.__doc__.startswith(f"{kind.__name__}(") and kind.__doc__ != dict.__doc__


def _choice(kind: Any) -> Schema:
    """An Enum is read by the names of its members and by their values; a Flag is a number."""
    if issubclass(kind, Flag):
        every = 0
        for member in kind.__members__.values():
            every |= member.value
        return {"type": "integer", "minimum": 0, "maximum": every}
    values = [member.value for member in kind.__members__.values()]
    plain = [value for value in values if type(value) in (str, int)]
    return {"enum": list(dict.fromkeys([*kind.__members__, *plain]))}
