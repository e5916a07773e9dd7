"""Why an expression is refused, and the nearest one that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ROUNDS = 20


class Wrong(ValueError):
    """An expression, or a part of it, as it may not be written. fix: the same with this one fault put right."""

    def __init__(self, reason: str, fix: str | None = None) -> None:
        super().__init__(reason)
        self.fix = fix


def corrected(text: str, read: Callable[[str], Any]) -> str | None:
    """The expression with fault after fault put right until it can be read; None if that leads nowhere."""
    for _ in range(_ROUNDS):
        try:
            read(text)
        except Wrong as wrong:
            if wrong.fix is None or wrong.fix == text:
                return None
            text = wrong.fix
        else:
            return text
    return None
