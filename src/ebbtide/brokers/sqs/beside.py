"""What the broker tells the records beside it: what becomes of a message otherwise than by a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ebbtide.result import Report


class Beside(Protocol):
    """The records beside the queues, which are told what becomes of a message otherwise than by a worker."""

    def save(self, reports: Sequence[Report]) -> None:
        """Fold these reports into their records."""

    def anew(self, ids: Sequence[str]) -> None:
        """These are to be run as if for the first time, after they were dead."""

    def forget(self, ids: Sequence[str]) -> None:
        """No record of these is wanted any more."""
