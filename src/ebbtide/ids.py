"""Task ids: UUIDs of version 7 (RFC 9562), so that ids made later sort later and an index of them grows at its end."""

from __future__ import annotations

import random

_entropy = random.SystemRandom()  # the kernel's: a forked or restored process never repeats another's ids


def new_id(now: float) -> str:
    """A fresh id for the moment `now` (seconds since 1970): 48 bits of milliseconds, 74 random bits."""
    milliseconds, bits = int(now * 1000) & (1 << 48) - 1, _entropy.getrandbits(74)
    high, low = bits >> 62, bits & (1 << 62) - 1
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031 - twice as quick as an f-string of these
        milliseconds >> 16,
        milliseconds & 0xFFFF,
        high,
        0x8000 | low >> 48,
        low & (1 << 48) - 1,
    )
