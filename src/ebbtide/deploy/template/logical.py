"""From a name of the user's to a logical id, which holds letters and digits only: always the same, and no two alike.

`count_words` becomes `CountWords`. Any other kind of name (capitals, dashes, a word we end ids with) gets letters of
its hash behind it, a row of capitals that no plain name leads to. So an id never changes because of a neighbour.
"""

from __future__ import annotations

import hashlib
import re
from string import ascii_uppercase

_PLAIN = re.compile(r"[a-z][a-z0-9]+(_[a-z][a-z0-9]+)*", re.ASCII)
_OURS = re.compile(r"(queue|function|role|log|integration|stage|bucket|topic|(lane|task)\d*)", re.ASCII)
_LETTERS = 11


def logical(name: str) -> str:
    """How the logical ids of all that belongs to this task or queue begin."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    camel = "".join(word[0].upper() + word[1:] for word in words)
    if _PLAIN.fullmatch(name) and not any(_OURS.fullmatch(word) for word in words):
        return camel
    return f"{camel[:60]}X{_mark(name)}"


def _mark(name: str) -> str:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    letters = []
    for _ in range(_LETTERS):
        number, letter = divmod(number, len(ascii_uppercase))
        letters.append(ascii_uppercase[letter])
    return "".join(letters)
