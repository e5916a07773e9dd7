"""Codecs of containers: lists and tuples as JSON lists, sets as sorted lists, dicts as JSON objects.

A JSON key is text. Keys that are written as text (str, UUID, date, Enum and so on) are used as they are; all others
(int, float, tuples, unions) become the JSON text of what they encode to, so that `{3: "x"}` travels as `{"3": "x"}`.
"""

import json
from collections.abc import Callable
from typing import Any

from ebbtide.values_codec import JSON, PLAIN, Codec, ValueRefused, each, mismatch, path_step

_LIST: frozenset[type] = frozenset({list})
_DICT: frozenset[type] = frozenset({dict})
_TEXT: frozenset[type] = frozenset({str})
_NUMBERS: frozenset[type] = frozenset({int, float, bool})


def json_text(value: JSON) -> str:
    """The one JSON text of a value, whatever order its keys were put in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _listed(value: Any, name: str) -> Any:
    if type(value) is not list:
        raise mismatch(name, value)
    return value


def list_codec(item: Codec) -> Codec:
    name = "list" if item is PLAIN else f"list[{item.name}]"

    def encode(value: Any) -> JSON:
        if type(value) is not list:
            raise mismatch(name, value, "convert it first: list(...)" if isinstance(value, (list, tuple)) else "")
        return each(item.encode, value)

    def decode(value: Any) -> Any:
        return each(item.decode, _listed(value, name))

    return Codec(name, encode, decode, _LIST, (list,), plain=item.plain)


def set_codec(kind: type[set[Any]] | type[frozenset[Any]], item: Codec) -> Codec:
    name = kind.__name__ if item is PLAIN else f"{kind.__name__}[{item.name}]"
    order: Callable[[Any], Any] | None = None if item.shapes == _TEXT or item.shapes <= _NUMBERS else json_text

    def encode(value: Any) -> JSON:
        if type(value) is not kind:
            raise mismatch(name, value)
        # A set has no order, and equal sets may be walked differently; one order makes equal messages equal text.
        return sorted(each(item.encode, value), key=order)

    def decode(value: Any) -> Any:
        items = each(item.decode, _listed(value, name))
        try:
            return kind(items)
        except Exception:
            raise ValueRefused(f"an item of this {kind.__name__} is not hashable") from None

    return Codec(name, encode, decode, _LIST, (kind,))


def tuple_codec(items: list[Codec] | None, rest: Codec) -> Codec:
    """A tuple of the given items, or of any number of `rest` if `items` is None."""
    inside = f"{rest.name}, ..." if items is None else ", ".join(item.name for item in items) or "()"
    name = "tuple" if items is None and rest is PLAIN else f"tuple[{inside}]"

    def convert(values: Any, ways: list[Callable[[Any], Any]], any_way: Callable[[Any], Any]) -> list[Any]:
        if items is None:
            return each(any_way, values)
        if len(values) != len(ways):
            raise ValueRefused(f"expected {name}, got {len(values)} items", mismatch=True)
        return each(lambda pair: pair[0](pair[1]), zip(ways, values, strict=True))

    encoders = [item.encode for item in items or ()]
    decoders = [item.decode for item in items or ()]

    def encode(value: Any) -> JSON:
        if type(value) is not tuple:
            raise mismatch(name, value, "annotate with its class" if isinstance(value, tuple) else "")
        return convert(value, encoders, rest.encode)

    def decode(value: Any) -> Any:
        return tuple(convert(_listed(value, name), decoders, rest.decode))

    return Codec(name, encode, decode, _LIST, (tuple,))


def _key_writer(key: Codec) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        return json_text(key.encode(value))

    def write_text(value: Any) -> str:
        return str(key.encode(value))

    return write_text if key.shapes == _TEXT else write


def _key_reader(key: Codec) -> Callable[[str], Any]:
    if key.shapes == _TEXT:
        return key.decode

    def read(text: str) -> Any:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        return key.decode(value)

    return read


def dict_codec(key: Codec, item: Codec) -> Codec:
    name = "dict" if key is PLAIN and item is PLAIN else f"dict[{key.name}, {item.name}]"
    write, read = _key_writer(key), _key_reader(key)

    def convert(value: Any, convert_key: Callable[[Any], Any], convert_item: Callable[[Any], Any]) -> dict[Any, Any]:
        done: dict[Any, Any] = {}
        step: object = None
        try:
            for step, inner in value.items():
                done[convert_key(step)] = convert_item(inner)
        except ValueRefused as refusal:
            refusal.under(path_step(step))
            raise
        if len(done) != len(value):
            raise ValueRefused(f"two keys of this dict are the same {key.name}")
        return done

    def encode(value: Any) -> JSON:
        if type(value) is not dict:
            raise mismatch(name, value, "convert it first: dict(...)" if isinstance(value, dict) else "")
        return convert(value, write, item.encode)

    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise mismatch(name, value)
        try:
            return convert(value, read, item.decode)
        except TypeError:
            raise ValueRefused(f"a key of this {name} is not hashable") from None

    return Codec(name, encode, decode, _DICT, (dict,), plain=key.plain and item.plain and key.shapes == _TEXT)


def untyped_dict_codec(item: Codec) -> Codec:
    """A dict whose keys nobody typed: str, as in JSON."""

    def key(value: Any) -> Any:
        if type(value) is not str:
            raise mismatch("str key", value, "annotate the parameter, e.g. `counts: dict[int, str]`")
        return value

    return dict_codec(Codec("Any", key, key, _TEXT, (str,), plain=True), item)
