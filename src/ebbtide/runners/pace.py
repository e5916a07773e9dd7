"""How many messages to claim at once: as many as fit a moment, so that none waits behind a slow one."""

from __future__ import annotations

MOMENT = 0.02
"""Seconds of work worth claiming ahead: enough to share one write, too little to hold anybody up."""

MOST = 200
_WEIGHT = 0.2


class Pace:
    """Learns how long tasks keep this process; starts with one at a time and at most doubles."""

    def __init__(self) -> None:
        self._usual = MOMENT
        self._room = 1

    def took(self, seconds: float) -> None:
        """One task kept the process that long. A slow one counts at once, quick ones by and by."""
        smoothed = self._usual + _WEIGHT * (seconds - self._usual)
        self._usual = max(smoothed, seconds) if seconds > MOMENT else smoothed

    def room(self) -> int:
        """How many to claim now."""
        fits = int(MOMENT / self._usual) if self._usual > MOMENT / MOST else MOST
        return max(1, min(fits, 2 * self._room))

    def claimed(self, count: int) -> None:
        """So many were there; next time it may be twice as many."""
        self._room = max(1, min(count, MOST))
