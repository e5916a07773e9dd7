"""Installing what a project depends on, for Lambda's processor and Python, into a folder: wheels only.

Nothing is compiled here: it would be for this machine. Local packages are the exception, and they must be pure Python.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ebbtide.deploy.bundle.requirements import LOCK, Requirements
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.uv import UvFailed, asked
from ebbtide.deploy.bundle.wrong import BundleError

_NO_WHEEL = (
    re.compile(
        r"(?:Because |and )(?:all versions of )?(?P<name>[\w.-]+?)(?:\[[^]]*\])?(?:\{[^}]*\})?"
        r"(?P<version>[=<>!~]=?\S+)? ha(?:s|ve) no (?:usable )?wheels"
    ),
    re.compile(r"Building source distributions is disabled.*?`(?P<name>[\w.-]+)(?P<version>==[^`]+)?`"),
    re.compile(r"Wheels are required for `(?P<name>[\w.-]+)(?P<version>)`"),
)
_NOT_FOUND = re.compile(r"Because (?P<name>[\w.-]+) was not found")


def install(requirements: Requirements, runtime: Runtime, root: Path, folder: Path) -> None:
    """Install into an empty folder. Raises BundleError with the package's name and the cure."""
    excluded = folder.with_name("excluded.txt")
    excluded.write_text("\n".join(requirements.excluded), "utf-8")
    if requirements.text is not None:
        requirements.file.write_text(requirements.text, "utf-8")
    words = ["pip", "install", "-r", str(requirements.file), "--target", str(folder), "--python", sys.executable]
    words += ["--python-version", runtime.python, "--python-platform", runtime.platform, "--only-binary", ":all:"]
    words += [word for name in requirements.local for word in ("--no-binary", name)]
    words += ["--no-deps"] if requirements.complete else ["--excludes", str(excluded)]
    try:
        asked(words, root)
    except UvFailed as error:
        raise _told(error, runtime, LOCK if requirements.complete else requirements.file.name) from error


def _told(error: UvFailed, runtime: Runtime, source: str) -> BundleError:
    said = " ".join(error.said.split())
    for pattern in _NO_WHEEL:
        if found := pattern.search(said):
            return BundleError(
                f"{found['name']}{found['version'] or ''} (from {source}) has no wheel for {runtime.name} on "
                f"{runtime.architecture} ({runtime.platform}): {_cure(runtime)}, or build an --image"
            )
    if found := _NOT_FOUND.search(said):
        return BundleError(
            f"{found['name']} (from {source}) is on no index uv was told of: correct its name, or the index"
        )
    return BundleError(f"the dependencies from {source} cannot be installed: {said}")


def _cure(runtime: Runtime) -> str:
    if runtime.python == "3.11":
        return "take --python 3.12 or later, which have a newer system and so more wheels, or another version of it"
    return "take another version of it, another --architecture or --python, or a package that has wheels"
