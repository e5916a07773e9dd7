"""What looks like a secret written where everybody can read it: by its name, by how it begins, or by being random."""

from __future__ import annotations

import math
import re
from collections import Counter

_NAMES = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|PASSPHRASE|CREDENTIALS?|PRIVATE|SALT|DSN)(_[0-9]+)?$",
    re.IGNORECASE,
)

_BEGINNINGS = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}|(sk|rk|pk)_(live|test)_|sk-(ant|proj)-|sk-[A-Za-z0-9]{20}|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AIza[\w-]{30}"
    r"|SG\.[\w-]{16}|npm_[A-Za-z0-9]{20}|pypi-|hf_[A-Za-z0-9]{20}|dop_v1_|shp(at|ca|pa|ss)_|whsec_|eyJ[\w-]{8,}\.eyJ"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)

_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_HARMLESS = re.compile(
    r"arn:.*|https?://.*|[0-9]+(\.[0-9]+)*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|true|false|none|",
    re.IGNORECASE | re.DOTALL,
)
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{20,}", re.ASCII)
_SMALL = re.compile(r"[a-z0-9]{24,}|[A-Z0-9]{24,}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{32,}", re.ASCII)

BITS, BITS_OF_SMALL, BITS_OF_HEX = 4.0, 3.7, 3.0
"""Entropy of a character above which a text of such characters is taken for random."""


def looks_secret(name: str, value: str) -> str | None:
    """Why this variable is taken for a secret; None if it is not."""
    if why := value_looks_secret(value):
        return why
    if _NAMES.search(name) and not _HARMLESS.fullmatch(value):
        return "its name says so"
    return None


def value_looks_secret(value: str) -> str | None:
    """Why this text is taken for a secret, whatever it is called; None if it is not."""
    if why := is_known_secret(value):
        return why
    if _HARMLESS.fullmatch(value):
        return None
    if _HEX.fullmatch(value) and _entropy(value) > BITS_OF_HEX:
        return "it looks random"
    mixed = all(re.search(kind, value) for kind in ("[0-9]", "[a-z]", "[A-Z]"))
    if _RANDOM.fullmatch(value) and mixed and _entropy(value) > BITS:
        return "it looks random"
    if _SMALL.fullmatch(value) and re.search("[0-9]", value) and _entropy(value) > BITS_OF_SMALL:
        return "it looks random"
    return None


def is_known_secret(value: str) -> str | None:
    """The same for text that is long and random by nature, as many ids are: only what is surely a secret."""
    if _BEGINNINGS.match(value):
        return "it begins as a known kind of key does"
    if _PASSWORD_IN_URL.match(value):
        return "it is a URL with a password in it"
    return None


def _entropy(text: str) -> float:
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
