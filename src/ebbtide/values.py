"""How the arguments and return values of tasks travel: by annotation, as JSON, and arrive as what they were.

    codec_for(datetime).encode(when)     ->  "2026-03-29T12:00:00+02:00[Europe/Berlin]"
    codec_for(datetime).decode(json)     ->  an equal datetime in the same ZoneInfo

The rule for every annotation and value: after json.dumps and json.loads, `decode(encode(v)) == v` and of the same
class, or `encode` raises ValueRefused with a reason. (A str subclass such as Django's SafeString arrives as str: the
one leniency.) A parameter without annotation, or with one that says nothing (Any, object, a TypeVar, a name that
cannot be resolved), takes plain JSON only.

A codec is compiled once per annotation, so that nothing is looked up, imported or evaluated when a message is read.
Whoever compiles while modules are still loading should ask again later: an annotation with names not yet defined is
not cached.
"""

from collections.abc import Callable
from typing import Any

from ebbtide.values_annotations import resolved_hints
from ebbtide.values_codec import (
    JSON,
    MAX_DEPTH,
    PLAIN,
    Codec,
    ValueRefused,
    one_line,
    refusing,
    within_depth,
)
from ebbtide.values_compile import Compilation
from ebbtide.values_unions import MAX_TRIES, TooManyTries, tries_left

__all__ = ["JSON", "Codec", "ValueRefused", "codec_for", "resolved_hints"]

_CACHE_SIZE = 4096
_cache: dict[Any, Codec] = {}


def codec_for(annotation: Any) -> Codec:
    """The codec of an annotation. Never raises: where no value can travel, the codec refuses all with a reason."""
    # Equal annotations may be written in another order (`int | str`), which decides how untagged values are read.
    try:
        key = annotation if isinstance(annotation, type) else (annotation, repr(annotation))
        known = _cache.get(key)
    except Exception:  # metadata in Annotated is foreign code, and need not be hashable
        return _compiled(annotation)[0]
    if known is not None:
        return known
    codec, final = _compiled(annotation)
    if final and len(_cache) < _CACHE_SIZE:
        _cache[key] = codec
    return codec


def _compiled(annotation: Any) -> tuple[Codec, bool]:
    """The codec, and whether a later compilation could not come out better."""
    compilation = Compilation()
    try:
        codec = compilation.of(annotation)
    except Exception as error:
        name = getattr(annotation, "__name__", None) or str(annotation)[:80]
        return refusing(name, f"the annotation {name} cannot be read: {one_line(error)}"), False
    scalar = codec.plain and codec.types and codec.shapes.isdisjoint((list, dict))
    if codec is PLAIN or scalar:
        return codec, compilation.final
    encode, decode = codec.encode, codec.decode
    if compilation.recursive:
        encode, decode = _bounded_encode(encode), _bounded_decode(decode)
    return codec._replace(encode=_guarded(encode), decode=_guarded(decode)), compilation.final


def _guarded(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keep the promise that nothing but ValueRefused comes out, whatever foreign code does inside."""

    def guarded(value: Any) -> Any:
        try:
            return convert(value)
        except ValueRefused:
            raise
        except RecursionError:
            raise ValueRefused("nested too deeply, or within itself") from None
        except TooManyTries:
            raise ValueRefused(f"no combination of union members fits within {MAX_TRIES} tries") from None
        except Exception as error:
            raise ValueRefused(one_line(error)) from None

    return guarded


def _bounded_encode(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def bounded(value: Any) -> Any:
        return _shallow(_with_tries(encode, value))

    return bounded


def _bounded_decode(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def bounded(value: Any) -> Any:
        return _with_tries(decode, _shallow(value))

    return bounded


def _shallow(value: JSON) -> JSON:
    if within_depth(value):
        return value
    raise ValueRefused(f"nested deeper than {MAX_DEPTH} levels, or within itself")


def _with_tries(convert: Callable[[Any], Any], value: Any) -> Any:
    before = tries_left.set([MAX_TRIES])
    try:
        return convert(value)
    finally:
        tries_left.reset(before)
