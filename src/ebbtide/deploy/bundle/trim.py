"""What of the installed packages is of no use in a function, or differs from machine to machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from ebbtide.deploy.bundle.entry import Entry

_IN_METADATA = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
"""Of a .dist-info: where and by whom it was installed, with paths of this machine."""

_SOURCES = frozenset({".pyc", ".pyo", ".pyx", ".pxd", ".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".lib"})
_READS_STUBS = "lazy_loader/"
"""Packages that use this one read their type stubs when they run."""

_TEST = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")


def trimmed(entries: Iterable[Entry]) -> list[Entry]:
    """Without scripts, bytecode of others, sources and headers of extension modules, type stubs, translations that are
    there in their compiled form, and test suites."""
    found = list(entries)
    names = {entry.name for entry in found}
    suites = _suites(names)
    lazy = any(name.startswith(_READS_STUBS) for name in names)
    return [entry for entry in found if not _useless(PurePosixPath(entry.name), names, suites, lazy)]


def _useless(path: PurePosixPath, names: set[str], suites: set[str], lazy: bool) -> bool:
    if path.parts[0] in ("bin", ".lock", "__pycache__") or "__pycache__" in path.parts:
        return True
    if path.parent.name.endswith(".dist-info") and path.name in _IN_METADATA:
        return True
    if path.suffix == ".po" and str(path.with_suffix(".mo")) in names:
        return True
    if path.suffix == ".pyi" and not lazy:
        return True
    return path.suffix in _SOURCES or any(str(folder) in suites for folder in path.parents)


def _suites(names: set[str]) -> set[str]:
    """The folders that are test suites: called so, and holding tests. `django.test` is none."""
    paths = (PurePosixPath(name) for name in names if _TEST.fullmatch(name.rpartition("/")[2]))
    return {
        str(folder)
        for path in paths
        for folder in path.parents
        if folder.name in ("test", "tests") and len(folder.parts) > 1
    }
