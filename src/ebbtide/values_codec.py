"""What a codec is, how it refuses, and the plainest codec of all: JSON as it stands.

A codec turns one Python value into JSON and back. Its whole promise is that a value arrives as what it was, or is
refused with a reason: never silently as something else. The modules beside this one hold the codecs kind by kind
(`values_scalars`, `values_times`, `values_containers`, `values_unions`, `values_models`); `values` chooses among them
by annotation.

`PLAIN` serves parameters whose annotation says nothing. It takes exactly what JSON gives back: None, bool, int,
float, str, list and dict with str keys, by exact class. A tuple would return as a list and an IntEnum as an int, so
both are refused.
"""

from collections.abc import Callable, Iterable
from math import isfinite
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None

MAX_DEPTH = 100
"""Lists and dicts may stand this deep in one another."""

INT_BOUND = 10**4300
"""Python writes and reads integers of at most 4300 digits (`sys.int_info.default_max_str_digits`)."""

_INT_BOUND_BELOW = -INT_BOUND

EVERY_SHAPE = frozenset({NoneType, bool, int, float, str, list, dict})

_ANNOTATE = {
    "tuple": "pair: tuple[int, str]",
    "set": "tags: set[str]",
    "frozenset": "tags: frozenset[str]",
    "datetime": "when: datetime",
    "date": "day: date",
    "time": "at: time",
    "timedelta": "wait: timedelta",
    "bytes": "body: bytes",
    "bytearray": "body: bytearray",
    "Decimal": "price: Decimal",
    "UUID": "id: UUID",
    "PosixPath": "file: Path",
    "WindowsPath": "file: Path",
}
_OF_A_CLASS = ("__dataclass_fields__", "__struct_fields__", "__pydantic_fields__", "_fields", "_member_map_")


class ValueRefused(Exception):
    """A value cannot travel under its annotation. `reason` is one line; `path` leads there, such as `[3].when`."""

    def __init__(self, reason: str, path: str = "", *, mismatch: bool = False) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path
        self.mismatch = mismatch
        """The value as a whole is of another type, so another member of a union may well take it."""

    def under(self, step: str) -> None:
        """Put one step in front of the path, on the way out of a container."""
        self.path = step + self.path
        self.mismatch = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class Codec(NamedTuple):
    """How the values of one annotation travel. `encode` and `decode` raise ValueRefused and nothing else.

    Attributes:
        name: The annotation as a person would write it, for messages and for the tags of unions.
        encode: From a value to JSON.
        decode: From JSON to an equal value of the same class.
        shapes: The JSON classes `encode` may answer with.
        types: The exact classes of the values `encode` takes, where they can be listed; empty where not.
        plain: Both ways are the identity apart from checks.
    """

    name: str
    encode: Callable[[Any], JSON]
    decode: Callable[[Any], Any]
    shapes: frozenset[type]
    types: tuple[type, ...] = ()
    plain: bool = False


def describe(value: object) -> str:
    """The class of a value, with the value itself where it is short and harmless to print."""
    kind = type(value)
    if value is None:
        return "None"
    if isinstance(value, str) and kind is str:
        return f"str {value[:40]!r}{'...' if len(value) > 40 else ''}"
    if kind in (bool, float) or (isinstance(value, int) and kind is int and -(10**40) < value < 10**40):
        return f"{kind.__name__} {value!r}"
    return kind.__name__


def mismatch(expected: str, value: object, hint: str = "") -> ValueRefused:
    """The refusal of a value that is of another type than expected."""
    tail = f"; {hint}" if hint else ""
    return ValueRefused(f"expected {expected}, got {describe(value)}{tail}", mismatch=True)


def one_line(error: BaseException) -> str:
    """An exception of foreign code as one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def refusing(name: str, reason: str) -> Codec:
    """A codec for an annotation of which no value can travel."""

    def refuse(value: Any) -> Any:
        raise ValueRefused(reason)

    return Codec(name, refuse, refuse, EVERY_SHAPE)


def each(convert: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Convert the values in turn; a refusal tells which one it was."""
    done: list[Any] = []
    try:
        for value in values:
            done.append(convert(value))
    except ValueRefused as refusal:
        refusal.under(f"[{len(done)}]")
        raise
    return done


def check_int(value: int) -> int:
    if _INT_BOUND_BELOW < value < INT_BOUND:
        return value
    raise ValueRefused("an int of more than 4300 digits cannot be written as JSON; send it as bytes or a hex str")


def check_float(value: float) -> float:
    if isfinite(value):
        return value
    raise ValueRefused(f"{value!r} is not in JSON; send None or a str instead")


def within_depth(value: JSON) -> bool:
    """Whether lists and dicts stand no deeper in one another than MAX_DEPTH. Does not recurse."""
    level: list[JSON] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[JSON] = []
        for item in level:
            if isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, dict):
                inner.extend(item.values())
        if not inner:
            return True
        level = inner
    return not any(isinstance(item, (list, dict)) for item in level)


def _not_plain(value: object) -> ValueRefused:
    kind = type(value)
    name = kind.__name__
    if name in _ANNOTATE:
        cure = f"annotate the parameter, e.g. `{_ANNOTATE[name]}`"
    elif any(hasattr(kind, mark) for mark in _OF_A_CLASS):
        cure = f"annotate the parameter with its class, e.g. `value: {name}`"
    elif isinstance(value, (str, int, float, list, dict)):
        plain = next(base.__name__ for base in kind.__mro__ if base in EVERY_SHAPE)
        cure = f"it would arrive as {plain}, so convert it first: {plain}(...)"
    else:
        cure = "pass an id or a dataclass instead"
    return ValueRefused(f"{name} is not plain JSON; {cure}", mismatch=True)


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        check_int(value)  # type: ignore[arg-type]
    elif kind is float:
        check_float(value)  # type: ignore[arg-type]
    elif kind is not list and kind is not dict:
        raise _not_plain(value)
    elif depth == MAX_DEPTH:
        raise ValueRefused(f"nested deeper than {MAX_DEPTH} levels, or within itself")
    else:
        _check_inside(value, depth + 1)  # type: ignore[arg-type]


def _check_inside(value: list[object] | dict[object, object], depth: int) -> None:
    step: object = None
    try:
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and type(step) is not str:
                hint = "annotate the parameter, e.g. `counts: dict[int, str]`"
                raise ValueRefused(f"a JSON key is a str, this one is {describe(step)}; {hint}")
            if type(item) is not str:
                _check(item, depth)
    except ValueRefused as refusal:
        # Beyond a few levels a path says no more than the reason.
        if depth <= 10:
            refusal.under(path_step(step))
        raise


def path_step(key: object) -> str:
    """One step into a container, as it would be written in Python: `[3]`, `['name']`."""
    if isinstance(key, str):
        return f"[{key[:40]!r}]"
    return f"[{key!r}]" if type(key) in (int, float, bool) and describe(key) != "int" else f"[{type(key).__name__}]"


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return check_int(value)
    try:
        _check(value, 0)
    except RecursionError:
        raise ValueRefused("nested too deeply for the stack that is left") from None
    return value


PLAIN = Codec("plain JSON", _plain, _plain, EVERY_SHAPE, plain=True)
