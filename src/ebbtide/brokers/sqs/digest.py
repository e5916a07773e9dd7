"""A digest of a text. hashlib takes several milliseconds to load, for OpenSSL comes with it, and few need it: what has
a key, a value too big for its place, or a name that AWS does not take."""

from __future__ import annotations

import importlib


def sha256(text: str) -> str:
    """SHA-256 of the text's UTF-8, in hexadecimal digits; a lone surrogate counts as itself."""
    return str(importlib.import_module("hashlib").sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
