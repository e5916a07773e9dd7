"""Codecs of single values: the JSON scalars, and what is written as text (numbers, ids, bytes, paths) or by name
(enums).

Decimal, UUID and Path are recognised by name and built by the very class the annotation holds. Whoever annotates with
them has imported them; a program that does not need them shall not wait for them.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from enum import Enum, Flag
from types import NoneType
from typing import Any

from ebbtide.values_codec import JSON, Codec, ValueRefused, check_float, check_int, mismatch, refusing

TEXT: frozenset[type] = frozenset({str})

# Most ints are small; comparing with these costs less than a call to check_int.
_LOW, _HIGH = -(2**63), 2**63


def _none(value: Any) -> None:
    if value is not None:
        raise mismatch("None", value)


def _bool(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise mismatch("bool", value)


def _int(value: Any) -> Any:
    kind = type(value)
    if (kind is int and _LOW < value < _HIGH) or kind is bool:
        return value
    if kind is int:
        return check_int(value)
    raise mismatch("int", value, _subclass_hint(value, int))


def _float(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return check_float(value)
    if kind is int:
        return check_int(value)
    if kind is bool:
        return value
    raise mismatch("float", value, _subclass_hint(value, float))


def _encode_str(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        # A str that merely says more about itself, such as Django's SafeString. str(value) may answer with itself.
        return str.__str__(value)
    raise mismatch("str", value, _subclass_hint(value, str))


def _decode_str(value: Any) -> Any:
    if type(value) is str:
        return value
    raise mismatch("str", value)


def _subclass_hint(value: object, base: type) -> str:
    if not isinstance(value, base):
        return ""
    if isinstance(value, Enum):
        return f"annotate the parameter as {type(value).__name__}"
    return f"convert it first: {base.__name__}(...)"


NONE = Codec("None", _none, _none, frozenset({NoneType}), (NoneType,), plain=True)
BOOL = Codec("bool", _bool, _bool, frozenset({bool}), (bool,), plain=True)
INT = Codec("int", _int, _int, frozenset({int, bool}), (int, bool), plain=True)
FLOAT = Codec("float", _float, _float, frozenset({float, int, bool}), (float, int, bool), plain=True)
STR = Codec("str", _encode_str, _decode_str, TEXT, (str,), plain=True)


def text_codec(
    kind: type,
    write: Callable[[Any], str],
    read: Callable[[Any], Any],
    *,
    name: str = "",
    also: tuple[type, ...] = (),
    hint: str = "",
) -> Codec:
    """Values of exactly `kind`, written as text; `read` takes that text, and JSON of the classes in `also`.

    name: what the annotation is called, where that is not the class of its values.
    hint: what to do about a value of a subclass.
    """
    name = name or kind.__name__
    readable = (str, *also)

    def encode(value: Any) -> JSON:
        if type(value) is not kind:
            raise mismatch(name, value, hint if isinstance(value, kind) else "")
        return write(value)

    def decode(value: Any) -> Any:
        if type(value) not in readable:
            raise mismatch(name, value)
        try:
            return read(value)
        except ValueRefused:
            raise
        except Exception:
            raise mismatch(name, value) from None

    return Codec(name, encode, decode, TEXT, (kind,))


def _bytes_codec(kind: type) -> Codec:
    def read(text: str) -> Any:
        return kind(a2b_base64(text, strict_mode=True))

    return text_codec(kind, lambda value: b2a_base64(value, newline=False).decode("ascii"), read)


def _decimal_codec(kind: Any) -> Codec:
    def write(value: Any) -> str:
        if value.is_finite():
            return str(value)
        raise ValueRefused(f"Decimal {value} is refused, as NaN and infinity are everywhere")

    def read(text: Any) -> Any:
        value = kind(str(text))
        if value.is_finite():
            return value
        raise ValueRefused(f"Decimal {str(text)[:40]!r} is refused, as NaN and infinity are everywhere")

    return text_codec(kind, write, read, also=(int, float))


def _path_codec(kind: Any) -> Codec:
    try:
        concrete = type(kind("."))
    except Exception:
        return refusing(kind.__name__, f"{kind.__name__} cannot be built on this system; annotate with PurePath")

    def write(value: Any) -> str:
        # Forward slashes are read on Windows too.
        return str(value.as_posix())

    hint = f"convert it first: {kind.__name__}(...)"
    return text_codec(concrete, write, kind, name=kind.__name__, hint=hint)


def _enum_codec(kind: Any) -> Codec:
    name = kind.__name__

    def encode(value: Any) -> JSON:
        # Not isinstance: under the annotation Enum itself no reader could find the member again.
        if type(value) is not kind:
            raise mismatch(name, value)
        return str(value.name)

    def decode(value: Any) -> Any:
        if type(value) is str and value in kind.__members__:
            return kind.__members__[value]
        if isinstance(value, (list, dict)):
            raise mismatch(name, value)
        try:
            return kind(value)
        except Exception:
            names = ", ".join(list(kind.__members__)[:10])
            raise mismatch(name, value, f"its members are {names}") from None

    return Codec(name, encode, decode, TEXT, (kind,))


def _flag_codec(kind: Any) -> Codec:
    named = _enum_codec(kind)

    def encode(value: Any) -> JSON:
        if type(value) is not kind:
            raise mismatch(named.name, value)
        return check_int(value.value)

    def decode(value: Any) -> Any:
        if type(value) is int:
            check_int(value)
        elif type(value) is not str:
            raise mismatch(named.name, value)
        return named.decode(value)

    return Codec(named.name, encode, decode, frozenset({int}), (kind,))


_BY_CLASS = {
    NoneType: NONE,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STR,
    bytes: _bytes_codec(bytes),
    bytearray: _bytes_codec(bytearray),
}


def scalar_codec(kind: type) -> Codec | None:
    """The codec of a class of single values, or None if it is not one."""
    known = _BY_CLASS.get(kind)
    if known is not None:
        return known
    if issubclass(kind, Enum):
        return _flag_codec(kind) if issubclass(kind, Flag) else _enum_codec(kind)
    name = (kind.__module__, kind.__name__)
    if name == ("decimal", "Decimal"):
        return _decimal_codec(kind)
    if name == ("uuid", "UUID"):
        return text_codec(kind, str, kind, hint="convert it first: UUID(str(...))")
    if any(base.__name__ == "PurePath" and base.__module__.split(".")[0] == "pathlib" for base in kind.__mro__):
        return _path_codec(kind)
    return None
