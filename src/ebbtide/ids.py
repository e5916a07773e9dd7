"""Task ids: UUIDs of version 7 (RFC 9562), so that ids made later sort later and an index of them grows at its end."""

from __future__ import annotations

import random

_entropy = random.SystemRandom()  # the kernel's: a forked or restored process never repeats another's ids


def new_id(now: float) -> str:
    """A fresh id for the moment `now` (seconds since 1970): 48 bits of milliseconds, 74 random bits."""
    return new_ids(now, 1)[0]


def new_ids(now: float, count: int) -> list[str]:
    """As many fresh ids for one moment, by one draw of randomness."""
    milliseconds = int(now * 1000) & (1 << 48) - 1
    time = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7"
    drawn = _entropy.randbytes(10 * count).hex()
    parts = (drawn[at : at + 20] for at in range(0, 20 * count, 20))
    return [f"{time}{part[:3]}-{_VARIANT[part[3]]}{part[4:7]}-{part[7:19]}" for part in parts]


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit that begins with the bits 10 and ends with two of these."""
