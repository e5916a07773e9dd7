"""One file of an archive: its name there, and where its bytes come from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """name: relative, with `/`. path: the regular file to be read. executable: kept as the only permission."""

    name: str
    path: Path
    executable: bool = False
