"""From what is typed to what is called: words, `name=value` pairs and lines of JSON become typed arguments of a task.

A word is read as JSON; one that is not JSON is taken as text. Then the parameter's annotation decides, as it does for
a message that arrives at a worker, so that `2027-01-01` is a date where a date is wanted. A word that is JSON but does
not fit, such as 123 for a str, is tried as text too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from inspect import Parameter
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.cli.parameters import AnyTask, parameters
from ebbtide.errors import ArgumentError
from ebbtide.names import nearest
from ebbtide.values import ValueRefused, codec_for


class Arguments(NamedTuple):
    """One call's arguments as JSON values."""

    args: list[Any]
    kwargs: dict[str, Any]


def from_words(task: AnyTask, words: Sequence[str], args: str | None, kwargs: str | None) -> Arguments:
    """The call typed as words, or as JSON texts, or both. Raises ArgumentError."""
    plain = [word for word in words if not _is_pair(word)]
    if args is not None and plain:
        raise ArgumentError(f"{plain[0]!r} and --args are both positional arguments; give one or the other")
    given = Arguments(_json("--args", args, list), _json("--kwargs", kwargs, dict))
    wanted = _by_position(task)
    given.args.extend(_value(word, next(wanted, Parameter.empty)) for word in plain)
    for name, _, word in (word.partition("=") for word in words if _is_pair(word)):
        if name in given.kwargs:
            raise ArgumentError(f"task {task.name!r}: parameter {name!r} is given twice")
        given.kwargs[name] = _value(word, _by_name(task, name, word))
    return given


def from_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, Arguments]]:
    """The calls on lines of JSON, each with the number of its line; empty lines are skipped. Raises ArgumentError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            call = strictjson.loads(line.decode("utf-8"))
        except ValueError as error:  # UnicodeDecodeError is one
            raise ArgumentError(f"line {number}: not JSON in UTF-8: {error}") from None
        if isinstance(call, list):
            yield number, Arguments(call, {})
        elif isinstance(call, dict):
            yield number, Arguments([], call)
        else:
            raise ArgumentError(
                f"line {number}: an array of positional or an object of keyword arguments expected, as [1, 2]"
            )


def _is_pair(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _json(option: str, text: str | None, kind: type) -> Any:
    try:
        value = kind() if text is None else strictjson.loads(text)
    except ValueError as error:
        raise ArgumentError(f"{option} is not JSON: {error}") from None
    if not isinstance(value, kind):
        raise ArgumentError(f"{option}: a JSON {'array' if kind is list else 'object'} expected, got {text}")
    return value


def _by_position(task: AnyTask) -> Iterator[Any]:
    """The annotations of positional arguments in turn."""
    for parameter in parameters(task):
        if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            yield parameter.annotation
        while parameter.kind is Parameter.VAR_POSITIONAL:
            yield parameter.annotation


def _by_name(task: AnyTask, name: str, word: str) -> Any:
    declared = parameters(task)
    for parameter in declared:
        if parameter.kind is Parameter.VAR_KEYWORD or (parameter.name == name and _takes_name(parameter)):
            return parameter.annotation
    known = nearest(name, [parameter.name for parameter in declared if _takes_name(parameter)])
    text = strictjson.dumps(f"{name}={word}")
    raise ArgumentError(f"task {task.name!r} has no parameter {name!r}.{known} If it is text, quote it twice: '{text}'")


def _takes_name(parameter: Parameter) -> bool:
    return parameter.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def _value(word: str, annotation: Any) -> Any:
    """The JSON value a word stands for: the first reading the annotation takes, or the first of all."""
    try:
        value = strictjson.loads(word)
    except ValueError:
        return word
    codec = codec_for(annotation)
    # A Decimal must not lose digits by becoming a float first.
    readings = [word, value] if isinstance(value, float) and not codec.plain else [value, word]
    for reading in readings:
        try:
            codec.decode(reading)
        except ValueRefused:
            continue
        return reading
    return value
