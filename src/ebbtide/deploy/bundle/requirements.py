"""What a project depends on: the file that says it, and what of that goes into a bundle.

The surest comes first: uv.lock, requirements.txt, the dependencies in pyproject.toml. Ebbtide itself is in the code's
archive, so it is left out with what only it needs; boto3 is in Lambda's runtime, so it is, too, unless the project pins
it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ebbtide.deploy.bundle.uv import asked
from ebbtide.deploy.bundle.via import needed_only_by
from ebbtide.deploy.bundle.wrong import BundleError

OURS = "ebbtide"
RUNTIMES = "boto3"
"""What Lambda brings along; what only boto3 needs goes with it."""

LOCK, LISTED, PROJECT = "uv.lock", "requirements.txt", "pyproject.toml"
_FOREIGN = ("pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock")
_PINNED = re.compile(r"boto3\s*(?:\[[^\]]*\])?\s*===?\s*[^\s*]+\s*(?:(?:[;#\\]|--).*)?$", re.IGNORECASE)


class Source(NamedTuple):
    """The file that says what a project depends on, and a text that changes whenever that does."""

    path: Path
    text: str


class Requirements(NamedTuple):
    """What is to be installed. file: for uv to read, with `text` in it if that is not None. excluded: packages to be
    left out with what only they need. complete: whether all is listed, with versions. local: packages of this project's
    lock that are folders, and have no wheel."""

    file: Path
    text: str | None
    excluded: tuple[str, ...] = ()
    complete: bool = False
    local: tuple[str, ...] = ()


def source_of(root: Path) -> Source | None:
    """Where the project in this folder says what it depends on; None if it says nothing. Raises BundleError."""
    project, listed, lock = root / PROJECT, root / LISTED, _lock(root)
    if lock:
        return Source(lock, _text(lock) + _text(project))
    if listed.is_file():
        return Source(listed, _with_what_it_names(listed))
    foreign = next((root / name for name in _FOREIGN if (root / name).is_file()), None)
    said = _toml(project) if project.is_file() else {}
    if foreign or "dependencies" in said.get("project", {}).get("dynamic", ()):
        raise BundleError(
            f"what {foreign or project} says of dependencies cannot be read here: "
            f"lock them with 'uv lock', or export them to {listed}"
        )
    if dependencies := _dependencies(project):
        return Source(project, "\n".join(dependencies))
    return None


def requirements_of(source: Source, root: Path, file: Path, boto3: bool) -> Requirements:
    """What is to be installed. file: where text for uv may be written. boto3: whether it may not be left out."""
    left_out = (OURS,) if boto3 else (OURS, RUNTIMES)
    if source.path.name == LOCK:
        return Requirements(file, _exported(root, left_out), complete=True, local=_local(source.path))
    return Requirements(source.path, None, needed_only_by(left_out, source.text))


def pins_boto3(root: Path) -> bool:
    """Whether the project itself asks for one version of boto3."""
    listed = root / LISTED
    lines = _dependencies(root / PROJECT) or (_text(listed).splitlines() if listed.is_file() else [])
    return any(_PINNED.match(line.strip()) for line in lines)


def _lock(root: Path) -> Path | None:
    """The project's lock: its own, or that of the workspace it is in."""
    if not (root / PROJECT).is_file():
        return None
    for folder in (root, *root.parents):
        if (folder / LOCK).is_file() and (folder / PROJECT).is_file():
            workspace = _toml(folder / PROJECT).get("tool", {}).get("uv", {}).get("workspace")
            return folder / LOCK if folder == root or workspace else None
    return None


def _exported(root: Path, pruned: Sequence[str]) -> str:
    words = ["export", "--frozen", "--no-dev", "--no-default-groups", "--no-emit-project", "--no-editable"]
    words += ["--no-header", "--no-annotate"]
    return asked([*words, *(word for name in pruned for word in ("--prune", name))], root)


def _local(lock: Path) -> tuple[str, ...]:
    packages: list[dict[str, Any]] = _toml(lock).get("package", [])
    return tuple(p["name"] for p in packages if p.get("source", {}).keys() & {"directory", "editable"})


def _dependencies(project: Path) -> list[str]:
    if not project.is_file():
        return []
    found: list[str] = _toml(project).get("project", {}).get("dependencies", [])
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BundleError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from None


def _with_what_it_names(path: Path, seen: frozenset[Path] = frozenset()) -> str:
    """The file's text, and that of the files it refers to by -r and -c."""
    text = _text(path)
    for name in re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", text, re.MULTILINE):
        other = (path.parent / name).resolve()
        if other not in seen and other.is_file():
            text += _with_what_it_names(other, seen | {other})
    return text
