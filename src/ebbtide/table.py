"""The port of a table: small items under an id, read together and written on a condition.

It promises what DynamoDB does and no more: each write is to one item, whole, and decided there. What is remembered of
messages beside their queue stands on it: results, idempotency keys, attempts, counts of descendants.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Value = str | int | float
"""What an attribute can be; an attribute that is None is one that is not there."""

Item = dict[str, Value]

Test = tuple[str, str, Value]
"""An attribute, one of `=  <>  <  <=  >  >=`, and a value. Where the attribute is not there it fails, but for
`<>`, which then holds. An attribute is always text or always a number, and so is what it is compared with."""

Condition = Sequence[Sequence[Test]]
"""Holds if all tests of one of these rows do. An empty row always holds, and no rows never do."""

ALWAYS: Condition = ((),)


def until(seconds: float) -> int:
    """A time for `gone`: whole seconds since 1970. DynamoDB takes one more than five years past for no time at all."""
    return math.ceil(seconds)


class Table(ABC):
    """Port. Every verb raises StorageError.

    `gone` is the attribute that says when an item may be forgotten; see `until`. Nobody promises that it is forgotten
    then, so whoever reads an item looks at it.
    """

    @abstractmethod
    def read(self, ids: Iterable[str]) -> dict[str, Item]:
        """The items there are, by id, as the last write left them; ids without one are left out."""

    @abstractmethod
    def insert(self, items: Mapping[str, Item]) -> set[str]:
        """Store new items by id, in few calls; the ids that were taken, whose items stay as they are.

        Cheaper than a change for each, and a little weaker: of two processes that insert one id in the same moment,
        both may be told it was free.
        """

    @abstractmethod
    def change(
        self,
        id: str,
        changes: Mapping[str, Value | None],
        *,
        add: Mapping[str, int] | None = None,
        only_if: Condition = ALWAYS,
        or_absent: bool = True,
    ) -> bool:
        """Set these attributes of an item (None removes one), add to those that count; whether it was done.

        only_if: on this condition alone. or_absent: where there is no such item one is made of these attributes; else
        nothing is done there.
        """


def holds(condition: Condition, item: Item) -> bool:
    """Whether an item fulfils a condition, as the table decides it."""
    return any(all(_passes(test, item) for test in row) for row in condition)


def _passes(test: Test, item: Item) -> bool:
    name, sign, value = test
    there = item.get(name)
    if there is None:
        return sign == "<>"
    return bool(_SIGNS[sign](there, value))


_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
