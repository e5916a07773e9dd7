"""Which files of the project go into the bundle: all below its import folder but what is left out, and what `include`
names.

Where the app says so, of the import folder only what it names goes in, beside the app's own module and what importing
that has loaded; and the contents of its vendor folders stand at the top of the bundle.

`exclude` goes before `include`, and that before what is left out by itself, unless importing the app has loaded it: a
package may well be called `tests`. A secret never goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.leave_out import is_made, is_secret, left_out_anywhere
from ebbtide.deploy.bundle.patterns import matcher
from ebbtide.deploy.bundle.project import Project
from ebbtide.deploy.bundle.tree import BOUNDS, Bounds, Tree
from ebbtide.deploy.bundle.wrong import BundleError

Say = Callable[[str], None]


class Chosen(NamedTuple):
    """What the settings say. Patterns as in `patterns.py`, from the project's folder. only: names at the top of the
    import folder, None for all. vendor: folders in the project's, which need not be there."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    vendor: tuple[str, ...] = ()


def code_of(project: Project, chosen: Chosen, say: Say, output: Path, bounds: Bounds = BOUNDS) -> list[Entry]:
    """The project's files, sorted by name. output: where the bundle is written to, and no part of it.

    Raises BundleError for what cannot be taken, and for an `include` that means nothing.
    """
    excluded = matcher(chosen.exclude)
    above = project.imports.relative_to(project.root).as_posix()
    prefix = "" if above == "." else f"{above}/"

    used = _with_their_folders(project)
    tops = None if chosen.only is None else {*chosen.only, *(name.partition("/")[0] for name in used)}
    vendors = {project.root / folder for folder in chosen.vendor}

    def left_out(name: str) -> bool:
        path = project.imports / name
        if path in vendors or (tops is not None and name.partition("/")[0] not in tops):
            return True
        if excluded(prefix + name):
            if name in used:
                raise BundleError(f"`exclude` leaves out {prefix}{name}, which importing the app needs: correct it")
            return True
        return path == output or (name not in used and (left_out_anywhere(name) or is_made(path)))

    found: dict[str, Entry] = {}
    for entry in Tree(project.imports, left_out, say, bounds).entries():
        if is_secret(entry.name, entry.path):
            say(f"{prefix}{entry.name} looks like a secret and stays out")
        else:
            found[entry.name] = entry
    for entry in _included(project.root, chosen.include, excluded, say, bounds):
        name = entry.name.removeprefix(prefix)
        found[name] = entry._replace(name=name)
    return sorted(found.values())


def vendored(project: Project, chosen: Chosen, say: Say, output: Path, bounds: Bounds = BOUNDS) -> list[list[Entry]]:
    """The files of each vendor folder that is there, named from it on. Raises BundleError."""
    found = []
    for folder in (project.root / name for name in chosen.vendor):
        if folder.is_dir():
            inside = frozenset(path for path in project.needed if path.is_relative_to(folder))
            found.append(code_of(Project(folder, folder, inside), Chosen(), say, output, bounds))
    return found


def _with_their_folders(project: Project) -> set[str]:
    """What importing the app has loaded goes in, whatever it is called; by name, with the folders it is in."""
    files = [path.relative_to(project.imports) for path in project.needed if path.is_relative_to(project.imports)]
    return {each.as_posix() for file in files for each in (file, *file.parents) if each.name}


def _included(
    root: Path, include: Iterable[str], excluded: Callable[[str], bool], say: Say, bounds: Bounds
) -> Iterator[Entry]:
    for pattern in include:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise BundleError(f"include = [{pattern!r}] leads out of the project: copy what is needed into {root}")
        tree = Tree(root, lambda name: excluded(name) or name.endswith((".pyc", "__pycache__")), say, bounds)
        paths = sorted(root.glob(pattern.lstrip("/")))
        if not paths:
            raise BundleError(f"include = [{pattern!r}] means no file in {root}: correct it or take it out")
        for path in paths:
            for entry in tree.entries(path.relative_to(root).as_posix()):
                if is_secret(entry.name, entry.path):
                    raise BundleError(
                        f"include = [{pattern!r}] would put {entry.name} into the bundle, which looks like a secret: "
                        f"keep it in SSM or Secrets Manager and let the settings refer to it"
                    )
                if not excluded(entry.name):
                    yield entry
