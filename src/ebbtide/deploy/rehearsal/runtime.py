"""Lambda's Python runtime on this machine: an environment with AWS's runtime client and boto3, and nothing else.

It is made with uv when it is first needed, and kept.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from ebbtide.deploy.bundle.uv import UvFailed, asked
from ebbtide.deploy.rehearsal.server import RehearsalError

PACKAGES = ("awslambdaric>=4.2", "boto3>=1.40")
_PROBE = "import sys, awslambdaric, boto3; print('%d.%d' % sys.version_info[:2])"


def interpreter(version: str, given: Path | None, say: Callable[[str], None]) -> Path:
    """A Python of this version ("3.13") that runs functions as Lambda does. given: one to be used instead of ours.

    Raises RehearsalError.
    """
    if given is not None:
        return _checked(given, version)
    kept = _cache() / f"python{version}"
    python = kept / "bin" / "python"
    if not python.exists():
        say(f"making an environment like Lambda's python{version}, once")
        _make(kept, version)
    return _checked(python, version)


def _make(place: Path, version: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as making:
        fresh = Path(making) / "environment"
        try:
            asked(["venv", "--python", version, "--relocatable", str(fresh)], place.parent)
            asked(["pip", "install", "--python", str(fresh / "bin" / "python"), *PACKAGES], place.parent)
        except UvFailed as error:
            raise RehearsalError(
                f"an environment like Lambda's cannot be made: {error}; give one that has awslambdaric and boto3 "
                f"with --runtime-python"
            ) from None
        if not place.exists():  # unless another rehearsal was quicker
            fresh.rename(place)


def _checked(python: Path, version: str) -> Path:
    # Not resolved: what it links to is the interpreter without its environment.
    path = Path(os.path.abspath(python))
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter the user named, or ours
            [path, "-s", "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        raise RehearsalError(f"{path} cannot be run: {error.strerror}") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RehearsalError(f"{path} cannot run functions: {reason}; it needs awslambdaric and boto3")
    if done.stdout.strip() != version:
        raise RehearsalError(
            f"{path} is Python {done.stdout.strip()}, but the functions are built for {version}; "
            f"build for it with --python, or give another --runtime-python"
        )
    return path


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "ebbtide" / "rehearsal"
