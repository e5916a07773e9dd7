"""How often, how soon and for which errors a task is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ebbtide.errors import DeclarationError, Retry

_MAX_DOUBLINGS = 62  # 2**62 seconds is past any cap; a larger exponent would only overflow


@dataclass(frozen=True)
class RetryPolicy:
    """Attempts, exponential backoff with full jitter, and the errors it applies to.

    attempts: runs in all, the first included; 1 means never again. A worker that dies spends one too.
    base, cap: seconds. Before attempt n+1 the wait is drawn evenly from 0 to min(cap, base * 2**(n-1)): full jitter,
    as in the AWS Architecture Blog's "Exponential Backoff And Jitter". base=0 retries at once.
    only: if given, other exceptions fail at the first attempt. never: these fail at the first attempt; never wins.
    `raise Retry(...)` inside the task is always retried while attempts last.

    Raises DeclarationError for values that cannot work.
    """

    attempts: int = 5
    base: float = 1.0
    cap: float = 600.0
    only: tuple[type[BaseException], ...] = ()
    never: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            raise DeclarationError(f"RetryPolicy(attempts={self.attempts!r}): a whole number, 1 or more")
        if not (_is_wait(self.base) and _is_wait(self.cap)):
            raise DeclarationError(f"RetryPolicy(base={self.base!r}, cap={self.cap!r}): seconds, zero or more")
        for field in ("only", "never"):
            object.__setattr__(self, field, _exception_classes(field, getattr(self, field)))

    def retries(self, error: BaseException) -> bool:
        """Whether this error may be tried again at all, attempts aside."""
        if isinstance(error, Retry):
            return True
        if isinstance(error, self.never):
            return False
        return not self.only or isinstance(error, self.only)

    def wait(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1); `draw` gives a number from 0 to 1."""
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
        return ceiling * draw()


def _is_wait(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < float("inf")


def _exception_classes(field: str, value: object) -> tuple[type[BaseException], ...]:
    classes = value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    for item in classes:
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            raise DeclarationError(f"RetryPolicy({field}=...): exception classes expected, got {item!r}")
    return tuple(classes)
