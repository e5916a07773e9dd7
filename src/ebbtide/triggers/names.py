"""Names on AWS of what a stack makes for a trigger: a bucket, a topic.

The name follows the stage's own, `shop-prod-uploads`, and a hyphen in it is doubled, `shop-prod-raw--data`: so an event
tells by its source alone which trigger it is for, whatever app and stage are called.
"""

from __future__ import annotations

import re
from binascii import crc32

from ebbtide.errors import DeclarationError

_NOBODY = "0" * 12
"""The account in which things stand in for others. AWS gives it to nobody."""

_SHORT = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"


def short(kind: str, name: object, cure: str) -> str:
    """The name, if the stack may make something of it. Raises DeclarationError."""
    if isinstance(name, str) and len(name) <= 30 and re.fullmatch(_SHORT, name, re.ASCII):
        return name
    raise DeclarationError(f"{kind}({name!r:.80}): up to 30 of a-z 0-9 and single hyphens, a letter first; {cure}")


def physical(prefix: str, name: str) -> str:
    """What the stack calls it. prefix: see `physical.Place`."""
    return f"{prefix}-{name.replace('-', '--')}"


def is_physical(found: str, name: str, tail: str = "") -> bool:
    """Whether this is what some stage's stack calls it. tail: a pattern of what follows."""
    return re.fullmatch(rf".*[a-z0-9]-{re.escape(name.replace('-', '--'))}{tail}", found, re.ASCII) is not None


def is_same(arn: str, found: str) -> bool:
    """Whether an event comes from the thing of this ARN, or from what stands in for it in a rehearsal: there a table's
    stream has another date, whatever the account is."""
    if found == arn:
        return True
    ours, theirs = arn.split(":", 5), found.split(":", 5)
    there = theirs[4:5] == [_NOBODY] or theirs[3:5] == ours[3:5]
    return there and theirs[2:3] == ours[2:3] and _thing(theirs) == _thing(ours)


def _thing(parts: list[str]) -> str:
    return parts[-1].partition("/stream/")[0]


def logical(kind: str, name: str) -> str:
    """A logical id for it, the same for all who share it: `BucketUploads`, `BucketRawDataX5c2b7d31`."""
    plain = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", name))
    return f"{kind}{plain[:60]}" + ("" if name == plain.lower() else f"X{crc32(name.encode()):08x}")
