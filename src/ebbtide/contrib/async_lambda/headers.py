"""A mapping whose keys are found however they are capitalised: the headers of an HTTP request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

V = TypeVar("V")


class CaseInsensitiveDict(MutableMapping[str, V]):
    """`headers["content-type"]` finds `Content-Type`. A key is shown as it was last written; order is that of arrival.

    Made from a mapping or from pairs, and keyword arguments on top. Equal to any mapping with the same values under
    the same keys, in whatever capitals.
    """

    def __init__(self, data: Mapping[str, V] | Iterable[tuple[str, V]] | None = None, **kwargs: V) -> None:
        self._found: dict[str, tuple[str, V]] = {}
        self.update({} if data is None else data, **kwargs)

    def __getitem__(self, key: str) -> V:
        try:
            return self._found[key.lower()][1]
        except (KeyError, AttributeError):  # what is no text is no key here, and no fault either
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: V) -> None:
        self._found[key.lower()] = (key, value)

    def __delitem__(self, key: str) -> None:
        try:
            del self._found[key.lower()]
        except (KeyError, AttributeError):
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = other if isinstance(other, CaseInsensitiveDict) else CaseInsensitiveDict(other)
        return dict(self.lower_items()) == dict(theirs.lower_items())

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return repr(dict(self))

    def lower_items(self) -> Iterator[tuple[str, V]]:
        """Its items, the keys in small letters."""
        return ((low, value) for low, (_, value) in self._found.items())

    def copy(self) -> CaseInsensitiveDict[V]:
        """Another one with the same keys and values."""
        return CaseInsensitiveDict(self)
