"""Walking a folder that anybody may have written: only regular files come out, each with a name an archive may hold.

A link is followed as long as it stays inside; one that leads outside, nowhere or in a circle is refused. Sockets,
pipes and devices are never opened. What is far too much is refused before it is all looked at.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.wrong import BundleError

MOST_FILES = 50_000
MOST_BYTES = 1_000_000_000

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}


class Bounds(NamedTuple):
    """How much a tree may hold: files, and bytes in all."""

    files: int = MOST_FILES
    bytes: int = MOST_BYTES


BOUNDS = Bounds()


class Tree:
    """One folder. left_out: says of a relative path whether it stays out, with all below it. skipped: is told of what
    is left out for its kind."""

    def __init__(
        self,
        root: Path,
        left_out: Callable[[str], bool] = lambda _: False,
        skipped: Callable[[str], None] = lambda _: None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._root = root.resolve()
        self._left_out = left_out
        self._skipped = skipped
        self._bounds = bounds
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Its files, sorted by name; or those below one folder of it, or that one file. Raises BundleError."""
        yield from self._at(below, self._root / below, ())

    def _at(self, name: str, path: Path, above: tuple[str, ...]) -> Iterator[Entry]:
        if name:
            _check(name)
        real, found = self._real(name, path)
        if stat.S_ISDIR(found.st_mode):
            if real in above:
                raise self._refused(name, "is a link to a folder that it stands in")
            yield from self._below(name, Path(real), (*above, real))
        elif stat.S_ISREG(found.st_mode):
            self._count(name, found.st_size)
            yield Entry(name, Path(real), bool(found.st_mode & 0o111))
        else:
            self._skipped(f"{name} is {_KINDS.get(stat.S_IFMT(found.st_mode), 'no regular file')} and stays out")

    def _real(self, name: str, path: Path) -> tuple[str, os.stat_result]:
        """Where it really is, and of what kind. Of what is no link we know: it is where its folder is."""
        try:
            found = os.lstat(path)
            if not stat.S_ISLNK(found.st_mode):
                return str(path), found
            real = os.path.realpath(path, strict=True)
            found = os.stat(real)
        except OSError as error:
            raise self._refused(name, f"cannot be read ({error.strerror}), or is a link that leads nowhere") from None
        if not Path(real).is_relative_to(self._root):
            raise self._refused(name, f"is a link out of the project, to {real}")
        return real, found

    def _below(self, name: str, folder: Path, above: tuple[str, ...]) -> Iterator[Entry]:
        prefix = f"{name}/" if name else ""
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            raise self._refused(name or ".", f"cannot be listed ({error.strerror})") from None
        for each in names:
            if not self._left_out(prefix + each):
                yield from self._at(prefix + each, folder / each, above)

    def _count(self, name: str, size: int) -> None:
        top = name.partition("/")[0]
        self._files[top] += 1
        self._bytes[top] += size
        if self._files.total() > self._bounds.files:
            raise self._too_much(f"{self._bounds.files:,} files", self._files)
        if self._bytes.total() > self._bounds.bytes:
            raise self._too_much(f"{self._bounds.bytes:,} bytes", self._bytes)

    def _too_much(self, bound: str, found: Counter[str]) -> BundleError:
        most, number = found.most_common(1)[0]
        return BundleError(
            f"{self._root} holds more than {bound}, so far {number:,} of them in {most!r}: "
            f"what the app does not need belongs into `exclude`"
        )

    def _refused(self, name: str, why: str) -> BundleError:
        return BundleError(f"{self._root / name} {why}: remove it, or put {name!r} into `exclude`")


def _check(name: str) -> None:
    last = name.rpartition("/")[2]
    if not last.isprintable() or "\\" in last:
        raise BundleError(
            f"{name!r} is no name for an archive (control characters, a backslash, or no UTF-8): "
            f"rename the file, or put it into `exclude`"
        )
