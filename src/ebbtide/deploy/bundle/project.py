"""The project a TARGET belongs to: its folder, and the one its modules are imported from.

The project's folder is the nearest one, from the working directory upward, that says what it depends on. The import
folder is the same, or `src/` in it, or wherever the target's module was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.bundle.wrong import BundleError

MARKERS = ("pyproject.toml", "requirements.txt", "ebbtide.toml", ".async_lambda/config.json")


class Project(NamedTuple):
    """root: the project's folder. imports: the folder its modules are imported from, in it or the same. needed: files
    below root that importing the app has loaded."""

    root: Path
    imports: Path
    needed: frozenset[Path] = frozenset()


def project_of(module: str, file: Path, start: Path) -> Project:
    """The project of a module that was imported from this file. start: the working directory.

    Raises BundleError for a module from outside the project.
    """
    start, file = start.resolve(), file.resolve()
    root = next((folder for folder in (start, *start.parents) if _is_project(folder)), start)
    depth = module.count(".") + (file.name == "__init__.py")
    imports = file.parents[depth]
    if not imports.is_relative_to(root) or "site-packages" in imports.parts:
        raise BundleError(
            f"module {module!r} comes from {imports}, which is no part of the project {root}: "
            f"run the command in the folder of its project"
        )
    return Project(root, imports)


def needed(root: Path, loaded: Iterable[str]) -> frozenset[Path]:
    """Which of the loaded modules' files are the project's own, and no package's that is installed in its folder."""
    own = (Path(file).resolve() for file in loaded)
    inside = ((path, path.relative_to(root).parts) for path in own if path.is_relative_to(root))
    return frozenset(
        path for path, parts in inside if "site-packages" not in parts and not any(p.startswith(".") for p in parts)
    )


def _is_project(folder: Path) -> bool:
    return any((folder / marker).is_file() for marker in MARKERS)
