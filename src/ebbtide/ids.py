"""Task ids: UUIDs of version 7 (RFC 9562), so that ids made later sort later and an index of them grows at its end."""

from __future__ import annotations

import random

_entropy = random.SystemRandom()  # the kernel's: a forked or restored process never repeats another's ids


def new_id(now: float) -> str:
    """A fresh id for the moment `now` (seconds since 1970): 48 bits of milliseconds, 74 random bits."""
    bits = _entropy.getrandbits(74)
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
