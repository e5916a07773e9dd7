"""From an annotation to its codec: which kind of type it is, and what codecs its parts have.

Compiling looks at nothing but the annotation, never at codecs compiled before, so that two processes that read the
same annotation agree on the wire format whatever else they have read.
"""

import collections.abc as abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from ebbtide.values_annotations import filled, is_alias, key_requirement, resolved_hints, unwrapped, variables_of
from ebbtide.values_codec import EVERY_SHAPE, PLAIN, Codec, mismatch, refusing
from ebbtide.values_containers import dict_codec, list_codec, set_codec, tuple_codec, untyped_dict_codec
from ebbtide.values_models import (
    dataclass_codec,
    is_named_tuple,
    is_pydantic,
    is_typed_dict,
    named_tuple_codec,
    pydantic_codec,
    struct_codec,
    typed_dict_codec,
)
from ebbtide.values_scalars import scalar_codec
from ebbtide.values_times import TIMES
from ebbtide.values_unions import literal_codec, union_codec

_SAYS_NOTHING = (Any, object, inspect.Parameter.empty)
LISTS = (
    list,
    abc.Sequence,
    abc.MutableSequence,
    abc.Iterable,
    abc.Collection,
    abc.Reversible,
    abc.Container,
)
SETS: dict[Any, Any] = {set: set, abc.Set: set, abc.MutableSet: set, frozenset: frozenset}
DICTS = (dict, abc.Mapping, abc.MutableMapping)


class Compilation:
    """One annotation being turned into a codec."""

    def __init__(self) -> None:
        self.made: dict[Any, Codec] = {}
        self.open: set[Any] = set()
        self.recursive = False
        self.final = True

    def of(self, annotation: Any) -> Codec:
        annotation = unwrapped(annotation)
        if isinstance(annotation, (str, typing.ForwardRef)):
            self.final = False
            return PLAIN
        if annotation is None:
            return self.of(type(None))
        if annotation is typing.LiteralString:
            return self.of(str)
        if isinstance(annotation, typing.TypeVar) or any(annotation is nothing for nothing in _SAYS_NOTHING):
            return PLAIN
        origin = typing.get_origin(annotation)
        arguments = typing.get_args(annotation)
        if is_alias(annotation) or is_alias(origin):
            return self.once(annotation, EVERY_SHAPE, lambda: self.alias(origin or annotation, arguments))
        if origin is typing.Union or origin is types.UnionType:
            return union_codec([self.of(member) for member in arguments])
        if origin is typing.Literal:
            return literal_codec([(value, self.of(type(value))) for value in arguments])
        kind = origin or annotation
        if isinstance(kind, type):
            return self.container(annotation, kind, arguments) or self.of_class(annotation, kind, arguments)
        return refusing(str(annotation), f"values annotated {annotation} do not travel as JSON")

    def once(self, key: Any, shapes: frozenset[type], make: Callable[[], Codec]) -> Codec:
        """Make the codec of what may refer to itself. Inside, it is known by what holds for it in any case."""
        if key in self.made:
            self.recursive = self.recursive or key in self.open
            return self.made[key]
        box: list[Codec] = []
        name = getattr(key, "__name__", str(key))
        self.made[key] = Codec(name, lambda value: box[0].encode(value), lambda value: box[0].decode(value), shapes)
        self.open.add(key)
        box.append(make())
        self.made[key] = box[0]
        self.open.discard(key)
        return box[0]

    def alias(self, alias: Any, arguments: tuple[Any, ...]) -> Codec:
        try:
            meaning = alias.__value__
        except Exception:
            self.final = False
            return PLAIN
        return self.of(filled(meaning, variables_of(alias, arguments)))

    def container(self, annotation: Any, kind: type, arguments: tuple[Any, ...]) -> Codec | None:
        item = self.of(arguments[-1]) if arguments and kind in (*LISTS, *SETS, *DICTS) else PLAIN
        if kind in LISTS:
            return list_codec(item)
        if kind in SETS:
            return set_codec(SETS[kind], item)
        if kind in DICTS:
            if not arguments:
                return untyped_dict_codec(PLAIN)
            key = self.of(arguments[0])
            return untyped_dict_codec(item) if key is PLAIN else dict_codec(key, item)
        if annotation is tuple or annotation is typing.Tuple:  # noqa: UP006 - not tuple[()], which has no arguments either
            return tuple_codec(None, PLAIN)
        return self.tuple(arguments) if kind is tuple else None

    def tuple(self, arguments: Any) -> Codec:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple_codec(None, self.of(arguments[0]))
        if any(map(_is_unpacked, arguments)):
            return refusing("tuple", "a tuple that is only partly of fixed length does not travel; use a dataclass")
        return tuple_codec([self.of(argument) for argument in arguments], PLAIN)

    def of_class(self, annotation: Any, kind: Any, arguments: Any) -> Codec:
        known = TIMES.get(kind) or scalar_codec(kind)
        if known is not None:
            return known
        fields = frozenset({dict})
        if dataclasses.is_dataclass(kind):
            return self.once(annotation, fields, lambda: dataclass_codec(kind, self.fields(kind, arguments)))
        if is_typed_dict(kind):
            return self.once(annotation, fields, lambda: self.typed_dict(kind, arguments))
        if is_named_tuple(kind):
            return self.once(annotation, fields, lambda: named_tuple_codec(kind, self.fields(kind, arguments)))
        if is_pydantic(kind):
            return pydantic_codec(annotation)
        if hasattr(kind, "__struct_fields__"):
            return struct_codec(kind)
        return _instances(kind)

    def fields(self, kind: Any, arguments: Any) -> dict[str, Codec]:
        hints, values = resolved_hints(kind), variables_of(kind, arguments)
        if dataclasses.is_dataclass(kind):
            names = [field.name for field in dataclasses.fields(kind) if field.init]
        else:
            names = list(getattr(kind, "_fields", hints))
        return {name: self.of(filled(unwrapped(hints.get(name, Any)), values)) for name in names}

    def typed_dict(self, kind: Any, arguments: Any) -> Codec:
        # Under `from __future__ import annotations` the class itself does not see which keys say NotRequired.
        said = {name: key_requirement(hint) for name, hint in resolved_hints(kind).items()}
        required = {name for name, need in said.items() if need or (need is None and name in kind.__required_keys__)}
        return typed_dict_codec(kind, self.fields(kind, arguments), frozenset(required))


def _is_unpacked(argument: Any) -> bool:
    """Whether this is `*tuple[X, ...]` in either spelling, or dots where none belong."""
    spread = getattr(argument, "__unpacked__", False) or typing.get_origin(argument) is typing.Unpack
    return bool(spread or argument is Ellipsis)


def _instances(kind: Any) -> Codec:
    """Any other class: plain JSON may be an instance of it, as of numbers.Number; its own objects do not travel."""
    name = kind.__name__

    def check(value: Any) -> Any:
        try:
            fits = isinstance(value, kind)
        except TypeError:  # a protocol that cannot be asked
            fits = True
        if not fits:
            raise mismatch(name, value, f"and a {name} does not travel as JSON: use a dataclass, or pass an id")
        return PLAIN.encode(value)

    return Codec(name, check, check, EVERY_SHAPE, plain=True)
