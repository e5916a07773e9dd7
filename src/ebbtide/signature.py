"""How a call's arguments are bound to a function's parameters, checked, and carried as JSON by their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from ebbtide import strictjson
from ebbtide.errors import ArgumentError, CallRefused, DeclarationError
from ebbtide.values import Codec, ValueRefused, codec_for, resolved_hints

_Kind = inspect.Parameter


class Signature:
    """The parameters of one task's function, compiled once.

    context: the function's first parameter is the delivery, not an argument. gathers: the function takes a list for
    each parameter, of which a call gives one item. Raises DeclarationError for one that gathers otherwise.
    """

    def __init__(
        self, task: str, function: Callable[..., Any], context: bool = False, *, gathers: bool = False
    ) -> None:
        self._task = task
        whole = inspect.signature(function)
        parameters = list(whole.parameters.values())[1 if context else 0 :]
        hints = resolved_hints(function)
        if gathers:
            hints |= {p.name: _item(task, p, hints.get(p.name, list)) for p in parameters}
            parameters = [p.replace(annotation=hints[p.name]) for p in parameters]
        self._bindable = whole.replace(parameters=parameters)
        self.parameters: dict[str, Any] = {p.name: hints.get(p.name, Any) for p in parameters}
        codecs = {p.name: codec_for(self.parameters[p.name]) for p in parameters}
        in_order = [p for p in parameters if p.kind in (_Kind.POSITIONAL_ONLY, _Kind.POSITIONAL_OR_KEYWORD)]
        self._positional = [(p.name, codecs[p.name]) for p in in_order]
        self._required = sum(p.default is _Kind.empty for p in in_order)
        self._keyword_needed = any(p.kind is _Kind.KEYWORD_ONLY and p.default is _Kind.empty for p in parameters)
        rest = (_Kind.VAR_POSITIONAL, _Kind.VAR_KEYWORD)
        self._named = {p.name: codecs[p.name] for p in parameters if p.kind not in rest}
        self._rest = _variadic(parameters, codecs, _Kind.VAR_POSITIONAL)
        self._others = _variadic(parameters, codecs, _Kind.VAR_KEYWORD)
        self.returns: Any = hints.get("return", Any)
        self._result = codec_for(self.returns)

    @property
    def task(self) -> str:
        """The task's name."""
        return self._task

    @property
    def shape(self) -> inspect.Signature:
        """The parameters with their kinds and defaults."""
        return self._bindable

    def pack(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The call's arguments as JSON values. Raises ArgumentError, naming the parameter."""
        self._bind(args, kwargs)
        packed = [self._encode(name, codec, value) for (name, codec), value in self._paired(args)]
        return packed, {name: self._encode(name, self._codec(name), value) for name, value in kwargs.items()}

    def unpack(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call out of their JSON values. Raises CallRefused, naming the parameter."""
        try:
            self._bind(args, kwargs)
        except ArgumentError as error:
            raise CallRefused(str(error)) from None
        unpacked = [self._decode(name, codec, value) for (name, codec), value in self._paired(args)]
        return unpacked, {name: self._decode(name, self._codec(name), value) for name, value in kwargs.items()}

    def unpack_by_name(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """As `unpack`, all by their parameters' names."""
        unpacked, named = self.unpack(args, kwargs)
        return {**{name: value for (name, _), value in self._paired(unpacked)}, **named}

    def pack_result(self, value: Any) -> str:
        """A return value as JSON text. Raises CallRefused."""
        try:
            return strictjson.dumps(self._encode("return value", self._result, value))
        except ArgumentError as error:
            raise CallRefused(str(error)) from None

    def unpack_result(self, text: str) -> Any:
        """A return value out of its JSON text. Raises CallRefused."""
        return self._decode("return value", self._result, strictjson.loads(text))

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if not kwargs and not self._keyword_needed and self._required <= len(args) <= len(self._positional):
            return
        try:
            self._bindable.bind(*args, **kwargs)
        except TypeError as error:
            shape = f"{self._task}{self._bindable.replace(return_annotation=inspect.Signature.empty)}"
            raise ArgumentError(f"task {self._task!r}: {error}; its signature is {shape}") from None

    def _paired(self, args: Sequence[Any]) -> Iterable[tuple[tuple[str, Codec], Any]]:
        missing = len(args) - len(self._positional)
        named = self._positional if missing <= 0 or self._rest is None else self._positional + [self._rest] * missing
        return zip(named, args, strict=False)

    def _codec(self, name: str) -> Codec:
        codec = self._named.get(name)
        if codec is None:
            assert self._others is not None  # noqa: S101 - _bind let the name pass
            codec = self._others[1]
        return codec

    def _encode(self, name: str, codec: Codec, value: Any) -> Any:
        try:
            return codec.encode(value)
        except ValueRefused as refused:
            raise ArgumentError(f"task {self._task!r}, {_place(name)}: {refused}") from None

    def _decode(self, name: str, codec: Codec, value: Any) -> Any:
        try:
            return codec.decode(value)
        except ValueRefused as refused:
            raise CallRefused(f"task {self._task!r}, {_place(name)}: {refused}") from None


def _item(task: str, parameter: inspect.Parameter, hint: Any) -> Any:
    """What one call gives for a parameter of a function that gathers."""
    if parameter.kind not in (_Kind.POSITIONAL_OR_KEYWORD, _Kind.KEYWORD_ONLY) or parameter.default is not _Kind.empty:
        raise DeclarationError(
            f"task {task!r} gathers: parameter {str(parameter)!r} must be a plain one without a default, for it is "
            f"given a list of what each call gives"
        )
    if hint is list:
        return Any
    if get_origin(hint) is not list:
        raise DeclarationError(
            f"task {task!r} gathers: parameter {parameter.name!r} is given a list of what each call gives; annotate it "
            f"as {parameter.name}: list[...], not {parameter.annotation!r}"
        )
    return get_args(hint)[0]


def _place(name: str) -> str:
    return name if name == "return value" else f"parameter {name!r}"


def _variadic(parameters: list[inspect.Parameter], codecs: Mapping[str, Codec], kind: Any) -> tuple[str, Codec] | None:
    return next(((p.name, codecs[p.name]) for p in parameters if p.kind is kind), None)
