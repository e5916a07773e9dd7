"""Where settings stand: `ebbtide.toml`, or `[tool.ebbtide]` in pyproject.toml, in the folder of the app."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any, NamedTuple

from ebbtide.deploy.settings.kinds import Wrong
from ebbtide.deploy.settings.lines import line_of, lines_of
from ebbtide.deploy.settings.merge import Path
from ebbtide.errors import DeclarationError

OWN, SHARED, SECTION = "ebbtide.toml", "pyproject.toml", ("tool", "ebbtide")


class Written(NamedTuple):
    """Settings as they are written. file: its name, "" if there is none; lines: by path; above: where they stand."""

    content: Mapping[str, Any] = {}
    file: str = ""
    lines: Mapping[Path, int] = {}
    above: Path = ()

    def where(self, path: Path) -> str:
        """`ebbtide.toml:12`."""
        return f"{self.file}:{line_of((*self.above, *path), self.lines)}"

    def refuse(self, found: Iterable[Wrong]) -> None:
        """Raise one DeclarationError for all that is wrong, if something is."""
        by_line = sorted(found, key=lambda wrong: line_of((*self.above, *wrong.path), self.lines))
        if by_line:
            raise DeclarationError("\n".join(f"{self.where(path)}: {message}" for path, message in by_line))


def written(folder: File) -> Written:
    """What stands in this folder; empty if nothing does. Raises DeclarationError for what is no TOML."""
    own, shared = folder / OWN, folder / SHARED
    mine = _read(own) if own.is_file() else None
    theirs = _read(shared, SECTION) if shared.is_file() else None
    if mine and theirs:
        raise DeclarationError(f"settings stand in {OWN} and in {theirs.where(())} ([tool.ebbtide]); keep one of them")
    return mine or theirs or Written()


def _read(file: File, above: Path = ()) -> Written | None:
    try:
        text = file.read_text("utf-8")
        content: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        raise DeclarationError(f"{file.name}:{place[1] if place else 1}: no TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{file.name}: {error}") from None
    for part in above:
        if not isinstance(content, dict) or part not in content:
            return None
        content = content[part]
    return Written(content, file.name, lines_of(text), above)
