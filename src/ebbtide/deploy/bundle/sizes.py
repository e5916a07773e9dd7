"""How big a bundle is, package by package, and whether Lambda takes it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ebbtide.deploy.bundle.wrong import BundleError

UNPACKED = 250 * 1024 * 1024
"""Bytes of a function's code and all its layers together, unpacked. Source: AWS, "Lambda quotas"."""

_SHOWN = 5
_PYC = re.compile(r"__pycache__/([^/]+?)\.[^/.]+\.pyc$")


def distributions(folder: Path) -> dict[str, str]:
    """Which distribution (`Django-5.2`) an installed file belongs to, by its path in the folder."""
    found: dict[str, str] = {}
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        with record.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if row:
                    found[row[0]] = record.parent.name.removesuffix(".dist-info")
    return found


def by_package(sizes: Iterable[tuple[str, int]], owners: Mapping[str, str]) -> dict[str, int]:
    """Bytes of each distribution, the heaviest first. A bytecode file counts with its source."""
    found: Counter[str] = Counter()
    for name, size in sizes:
        source = _PYC.sub(r"\1.py", name)
        found[owners.get(source) or owners.get(name) or name.partition("/")[0]] += size
    return dict(found.most_common())


def check(code: int, dependencies: int, packages: Mapping[str, int]) -> None:
    """Raise BundleError if both together, in bytes unpacked, are more than Lambda takes."""
    if code + dependencies <= UNPACKED:
        return
    heaviest = ", ".join(f"{name} {megabytes(size)}" for name, size in list(packages.items())[:_SHOWN])
    raise BundleError(
        f"the bundle is {megabytes(code + dependencies)} unpacked ({megabytes(code)} code, {megabytes(dependencies)} "
        f"dependencies) and Lambda takes {megabytes(UNPACKED)}; the heaviest: {heaviest}. Leave out what is not "
        f"needed, or build a container image, which may have 10 GB: --image"
    )


def megabytes(size: int) -> str:
    """`12.3 MB`, `840 kB`."""
    return f"{size / 1_048_576:.1f} MB" if size >= 1_048_576 else f"{-(-size // 1024)} kB"
