"""Which paths a pattern means, by the rules a .gitignore has taught everyone.

*.log         any file or folder of that name, at any depth
/build        only at the top
docs/*.md     a path from the top; `*` and `?` stay within one name
data/**       everything below data; `**` stands for any folders
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_WILD = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether one of them means this path: relative, with `/`, without one at its end."""
    means = re.compile("|".join(_written(pattern) for pattern in patterns) or r"(?!)", re.DOTALL).fullmatch
    return lambda path: means(path) is not None


def _written(pattern: str) -> str:
    bare = pattern.rstrip("/")
    anchored = "/" in bare
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", bare.lstrip("/"))
    written = "".join(_WILD.get(part) or re.escape(part) for part in parts)
    return f"(?:{'' if anchored else '(?:.*/)?'}{written})"
