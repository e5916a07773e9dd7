"""DynamoDB's condition and update expressions, as far as anybody here writes them.

Source: Amazon DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions" and "Using update
expressions in DynamoDB". A comparison with an attribute that is not there, or of another type, does not hold.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Wire = dict[str, Any]
_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+]|-|[#:]?[A-Za-z0-9_.]+)")
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class WrongExpression(ValueError):
    """DynamoDB answers such an expression with a ValidationException."""


class Expression:
    """One expression with what its placeholders stand for, read from left to right."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Wire], used: set[str]) -> None:
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != "".join(text.split()):
            raise WrongExpression(f"Syntax error in {text!r}")
        self.names, self.values, self.used = names, values, used

    def next(self, *wanted: str) -> bool:
        """Whether this word comes next; it is read then. Words of the language may be in small letters."""
        if self.tokens and self.tokens[0].upper() in wanted:
            self.tokens.pop(0)
            return True
        return False

    def need(self, wanted: str) -> None:
        if not self.next(wanted):
            raise WrongExpression(f"Syntax error: {wanted!r} expected before {self.tokens[:3]}")

    def name(self) -> str:
        """The next word as the name of an attribute."""
        token: str = self.tokens.pop(0)
        if token.startswith("#"):
            self.used.add(token)
            return self.names[token]
        return token

    # Conditions

    def holds(self, item: Wire) -> bool:
        """Whether the condition does, of this item ({} if there is none)."""
        found = self._any(item)
        if self.tokens:
            raise WrongExpression(f"Syntax error at {self.tokens[:3]}")
        return found

    def _any(self, item: Wire) -> bool:
        found = self._all(item)
        while self.next("OR"):
            found = self._all(item) or found
        return found

    def _all(self, item: Wire) -> bool:
        found = self._one(item)
        while self.next("AND"):
            found = self._one(item) and found
        return found

    def _one(self, item: Wire) -> bool:
        if self.next("NOT"):
            return not self._one(item)
        if self.next("("):
            found = self._any(item)
            self.need(")")
            return found
        for word, there in (("ATTRIBUTE_EXISTS", True), ("ATTRIBUTE_NOT_EXISTS", False)):
            if self.next(word):
                self.need("(")
                name = self.name()
                self.need(")")
                return (name in item) is there
        left, sign, right = self._operand(item), self.tokens.pop(0), self._operand(item)
        if sign == "<>" and (left is None or right is None):
            return True  # what is not there differs from anything
        return sign in _SIGNS and _comparable(left, right) and _SIGNS[sign](_plain(left), _plain(right))

    def _operand(self, item: Wire) -> Wire | None:
        if self.next("IF_NOT_EXISTS"):
            self.need("(")
            there = item.get(self.name())
            self.need(",")
            other = self._operand(item)
            self.need(")")
            return other if there is None else there
        if self.tokens[0].startswith(":"):
            token = self.tokens.pop(0)
            self.used.add(token)
            return self.values[token]
        return item.get(self.name())

    # Updates

    def updated(self, item: Wire) -> Wire:
        """The item after the update; every clause sees it as it was before."""
        made = dict(item)
        while self.tokens:
            clause = self.tokens.pop(0).upper()
            if clause not in ("SET", "REMOVE", "ADD"):
                raise WrongExpression(f"Syntax error at {clause!r}")
            while True:
                self._part(clause, item, made)
                if not self.next(","):
                    break
        return made

    def _part(self, clause: str, item: Wire, made: Wire) -> None:
        name = self.name()
        if clause == "REMOVE":
            made.pop(name, None)
        elif clause == "ADD":
            made[name] = _sum(item.get(name, {"N": "0"}), self._operand(item))
        else:
            self.need("=")
            value = self._operand(item)
            for sign in ("+", "-"):
                if self.next(sign):
                    value = _sum(value, self._operand(item), -1 if sign == "-" else 1)
            if value is None:
                raise WrongExpression("The provided expression refers to an attribute that does not exist in the item")
            made[name] = value


def _comparable(left: Wire | None, right: Wire | None) -> bool:
    return left is not None and right is not None and left.keys() == right.keys()


def _plain(value: Wire | None) -> Any:
    """A value as Python compares it."""
    assert value is not None
    ((kind, held),) = value.items()
    return Decimal(held) if kind == "N" else held


def _sum(left: Wire | None, right: Wire | None, sign: int = 1) -> Wire:
    if left is None or right is None or "N" not in left or "N" not in right:
        raise WrongExpression("An operand in the update expression has an incorrect data type")
    return {"N": str(Decimal(left["N"]) + sign * Decimal(right["N"]))}
