"""Codecs of classes with fields: dataclasses, NamedTuples, TypedDicts, pydantic models and msgspec Structs.

All travel as JSON objects by field name. The exact class is required, for a subclass instance would lose its own
fields. Constructors are foreign code: a `__post_init__` may change what it was given, an `init=False` field may hold
what nobody can pass. So every object is rebuilt from its JSON before it is sent, and refused if the copy differs.

pydantic and msgspec are not imported: whoever annotates with one of their classes has loaded them. Both write and
read their own JSON.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from ebbtide.values_codec import EVERY_SHAPE, JSON, PLAIN, Codec, ValueRefused, mismatch, one_line
from ebbtide.values_times import TIMES

_DICT: frozenset[type] = frozenset({dict})


def same(one: Any, two: Any) -> bool:
    """Whether a copy is equal to the original, class for class, also where `==` would be content with less."""
    kind = type(two)
    if type(one) is not kind:
        # Two stand-ins may arrive as the real thing: a str subclass, and a frozen clock's datetime.
        stands_in = isinstance(one, kind) and not isinstance(one, Enum)
        return (kind is str or kind in TIMES) and stands_in and bool(one == two)
    if kind in (list, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if kind is dict:
        pairs = zip(one.items(), two.items(), strict=False)
        return len(one) == len(two) and all(same(k, m) and same(v, w) for (k, v), (m, w) in pairs)
    if kind in (set, frozenset):
        return bool(one == two) and _classes(one) == _classes(two)
    names = _compared(kind)
    if names is None:
        return bool(one == two)
    return all(same(getattr(one, name, None), getattr(two, name, None)) for name in names)


def _classes(items: Any) -> list[str]:
    return sorted(f"{type(item).__module__}.{type(item).__qualname__}" for item in items)


def _compared(kind: Any) -> list[str] | None:
    """The attributes that make up an object of this class, if it is a class with fields."""
    if hasattr(kind, "__dataclass_fields__"):
        fields = [field.name for field in dataclasses.fields(kind) if field.init or field.compare]
        # A subclass that was not decorated keeps what it adds in its __dict__, where no field names it.
        return fields if "__dataclass_fields__" in vars(kind) else [*fields, "__dict__"]
    if hasattr(kind, "__struct_fields__"):
        return list(kind.__struct_fields__)
    if is_pydantic(kind):
        return [*kind.model_fields, "__pydantic_extra__", "__pydantic_private__"]
    return None


def is_pydantic(kind: type) -> bool:
    """Whether this is a model of pydantic 2."""
    return any(base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in kind.__mro__)


def is_typed_dict(kind: type) -> bool:
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__") and hasattr(kind, "__total__")


def is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and hasattr(kind, "_make")


def _rebuilding(codec: Codec, kind: type) -> Codec:
    """Take only objects of exactly this class, and only if their JSON makes an equal one."""

    def encode(value: Any) -> JSON:
        if type(value) is not kind:
            hint = f"annotate with {type(value).__name__}, or its own fields would be lost"
            raise mismatch(codec.name, value, hint if isinstance(value, kind) else "")
        encoded = codec.encode(value)
        try:
            copy = codec.decode(encoded)
        except ValueRefused as refusal:
            raise ValueRefused(f"this {codec.name} cannot be rebuilt from its fields: {refusal}") from None
        if not same(value, copy):
            raise ValueRefused(f"this {codec.name} rebuilt from its fields would differ{_where(value, copy)}")
        return encoded

    return Codec(codec.name, encode, codec.decode, codec.shapes, (kind,))


def _where(value: Any, copy: Any) -> str:
    for name in _compared(type(value)) or ():
        if not same(getattr(value, name, None), getattr(copy, name, None)):
            return f" in {name}"
    return ""


def _write_fields(items: Any, fields: Mapping[str, Codec]) -> dict[str, JSON]:
    written: dict[str, JSON] = {}
    name = ""
    try:
        for name, value in items:
            written[name] = fields[name].encode(value)
    except ValueRefused as refusal:
        refusal.under(f".{name}")
        raise
    return written


def _read_fields(kind: str, value: Any, fields: Mapping[str, Codec], required: frozenset[str]) -> dict[str, Any]:
    if type(value) is not dict:
        raise mismatch(kind, value)
    _check_names(kind, value, fields, required)
    read: dict[str, Any] = {}
    name = ""
    try:
        for name, inner in value.items():
            read[name] = fields[name].decode(inner)
    except ValueRefused as refusal:
        refusal.under(f".{name}")
        raise
    return read


def _check_names(kind: str, value: dict[Any, Any], fields: Mapping[str, Codec], required: frozenset[str]) -> None:
    unknown = [name for name in value if name not in fields]
    if unknown:
        shown = ", ".join(repr(name)[:40] for name in unknown[:5])
        raise ValueRefused(f"{kind} has no field {shown}; its fields are {', '.join(fields) or 'none'}", mismatch=True)
    missing = [name for name in fields if name in required and name not in value]
    if missing:
        raise ValueRefused(f"{kind} is missing {', '.join(missing)}", mismatch=True)


def dataclass_codec(kind: Any, fields: Mapping[str, Codec]) -> Codec:
    """`fields` are the codecs of the fields of `__init__`. A missing field that has a default takes it."""
    name = kind.__name__
    required = frozenset(
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )

    def encode(value: Any) -> JSON:
        return _write_fields(((field, getattr(value, field)) for field in fields), fields)

    def decode(value: Any) -> Any:
        arguments = _read_fields(name, value, fields, required)
        try:
            return kind(**arguments)
        except Exception as error:
            raise ValueRefused(f"{name} refuses these fields: {one_line(error)}") from None

    return _rebuilding(Codec(name, encode, decode, _DICT), kind)


def named_tuple_codec(kind: Any, fields: Mapping[str, Codec]) -> Codec:
    name, defaults = kind.__name__, kind._field_defaults
    required = frozenset(fields) - frozenset(defaults)

    def encode(value: Any) -> JSON:
        return _write_fields(zip(fields, value, strict=True), fields)

    def decode(value: Any) -> Any:
        read = {**defaults, **_read_fields(name, value, fields, required)}
        return kind._make(read[field] for field in fields)

    return _rebuilding(Codec(name, encode, decode, _DICT), kind)


def typed_dict_codec(kind: Any, fields: Mapping[str, Codec], required: frozenset[str]) -> Codec:
    name = kind.__name__

    def encode(value: Any) -> JSON:
        if type(value) is not dict:
            raise mismatch(name, value)
        _check_names(name, value, fields, required)
        return _write_fields(value.items(), fields)

    def decode(value: Any) -> Any:
        return _read_fields(name, value, fields, required)

    return Codec(name, encode, decode, _DICT, (dict,))


def _foreign(
    kind: type, dump: Callable[[Any], str | bytes], load: Callable[[str], Any], shapes: frozenset[type]
) -> Codec:
    """A class of a library that writes and reads JSON by itself."""
    name = kind.__name__

    def encode(value: Any) -> JSON:
        try:
            text = dump(value)
        except Exception as error:
            raise ValueRefused(f"{name} cannot be written as JSON: {one_line(error)}") from None
        written = PLAIN.encode(json.loads(text))
        if type(written) not in shapes:
            raise ValueRefused(f"{name} wrote itself as {type(written).__name__}; a union could not find it again")
        return written

    def decode(value: Any) -> Any:
        try:
            return load(json.dumps(value, allow_nan=False))
        except Exception as error:
            raise _foreign_refusal(name, error) from None

    return _rebuilding(Codec(name, encode, decode, shapes), kind)


def _foreign_refusal(name: str, error: Exception) -> ValueRefused:
    details = getattr(error, "errors", None)
    if not callable(details):
        return ValueRefused(f"{name} refuses this: {one_line(error)}")
    first = details()[0]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}"[:40] for step in first["loc"])
    return ValueRefused(f"{name} refuses this: {first['msg']}", path)


def pydantic_codec(kind: Any) -> Codec:
    # Aliases: field names serve both ways since pydantic 2.11; before, only where both aliases are one.
    by_name = "by_name" in (kind.model_validate_json.__kwdefaults__ or {})
    naming = {"by_name": True, "by_alias": True} if by_name else {}

    def dump(value: Any) -> str:
        return str(value.model_dump_json(round_trip=True, by_alias=not by_name, warnings=False))

    def load(text: str) -> Any:
        return kind.model_validate_json(text, **naming)

    any_shape = kind.__pydantic_root_model__ or kind.__pydantic_decorators__.model_serializers
    return _foreign(kind, dump, load, EVERY_SHAPE if any_shape else _DICT)


def struct_codec(kind: Any) -> Codec:
    library: Any = sys.modules["msgspec"].json
    shapes: frozenset[type] = frozenset({list}) if kind.__struct_config__.array_like else _DICT
    return _foreign(kind, library.Encoder().encode, library.Decoder(kind).decode, shapes)
