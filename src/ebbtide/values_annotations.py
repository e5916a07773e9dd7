"""Reading annotations: resolving names, taking off wrappers, filling in type variables. Knows nothing of codecs."""

import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

_WRAPPERS = frozenset({"Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"})


def resolved_hints(owner: Any) -> dict[str, Any]:
    """The annotations of a function or class, names resolved; what cannot be resolved stays as it was written.

    Unlike typing.get_type_hints, one import hidden behind TYPE_CHECKING does not spoil the rest.
    """
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:
        return _one_by_one(owner)


def _one_by_one(owner: Any) -> dict[str, Any]:
    if isinstance(owner, type):
        bases = [base for base in reversed(owner.__mro__) if base is not object]
        sources = [(base, vars(sys.modules.get(base.__module__, types)), {base.__name__: base}) for base in bases]
    else:
        function = inspect.unwrap(owner)
        sources = [(function, getattr(function, "__globals__", {}), {})]
    hints: dict[str, Any] = {}
    for source, names, local in sources:
        for name, annotation in inspect.get_annotations(source).items():
            alone = types.SimpleNamespace(__annotations__={name: annotation})
            try:
                hints |= typing.get_type_hints(alone, names, local, include_extras=True)
            except Exception:
                hints[name] = annotation
    return hints


def unwrapped(annotation: Any) -> Any:
    """Without Annotated, Final, ClassVar, Required, NotRequired, ReadOnly and NewType around it."""
    while True:
        origin = typing.get_origin(annotation)
        name = getattr(origin, "__name__", None) or getattr(origin, "_name", None)
        if name in _WRAPPERS and typing.get_args(annotation):
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif annotation is typing.Final or annotation is typing.ClassVar:
            return Any
        else:
            return annotation


def key_requirement(annotation: Any) -> bool | None:
    """Whether a TypedDict key's own annotation says Required (True) or NotRequired (False)."""
    while (origin := typing.get_origin(annotation)) is not None:
        name = getattr(origin, "__name__", None) or getattr(origin, "_name", None)
        if name in ("Required", "NotRequired"):
            return bool(name == "Required")
        if name not in _WRAPPERS:
            return None
        annotation = typing.get_args(annotation)[0]
    return None


def is_alias(annotation: Any) -> bool:
    """Whether this is the name a `type X = ...` statement made."""
    return type(annotation).__name__ == "TypeAliasType"


def filled(annotation: Any, values: Mapping[Any, Any]) -> Any:
    """The annotation with its type variables replaced: list[T] with {T: int} is list[int]."""
    if not values:
        return annotation
    if isinstance(annotation, typing.TypeVar):
        return values.get(annotation, annotation)
    variables = getattr(annotation, "__parameters__", ())
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation
    return annotation[tuple(values.get(variable, variable) for variable in variables)] if variables else annotation


def variables_of(generic: Any, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """What the arguments stand for: `Page[int]` of a class Page(Generic[T]) gives {T: int}."""
    variables = getattr(generic, "__type_params__", ()) or getattr(generic, "__parameters__", ())
    return dict(zip(variables, arguments, strict=False))
