"""uv, which knows how to choose and fetch packages for another platform than this one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ebbtide.deploy.bundle.wrong import BundleError

_NO_NETWORK = re.compile(r"client error \(Connect\)|dns error|Could not connect|error sending request|timed out")
_PASSWORD = re.compile(r"(?<=://)[^\s/@]+@")


class UvFailed(BundleError):
    """uv ended with an error; `said` is what it said, without passwords."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


def uv() -> str:
    """The program: the one installed beside Ebbtide, else the one on PATH. Raises BundleError if there is none."""
    if importlib.util.find_spec("uv"):
        # uv's package is nothing but a way to its program, and need not be here.
        return str(importlib.import_module("uv").find_uv_bin())
    if found := shutil.which("uv"):
        return found
    raise BundleError("building needs uv, which is not here: pip install 'ebbtide[aws]', or put uv on PATH")


def asked(words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a uv command in this folder prints. Without a network, what uv has kept must do.

    Raises UvFailed.
    """
    done = _run(words, folder, environment)
    if done.returncode and _NO_NETWORK.search(done.stderr):
        again = _run([*words, "--offline"], folder, environment)
        done = again if not again.returncode else done
    if done.returncode and "unexpected argument" in done.stderr:
        raise BundleError(f"this uv ({uv()}) is too old: 'uv self update', or pip install --upgrade uv")
    if done.returncode:
        said = _PASSWORD.sub("***@", done.stderr).strip()
        raise UvFailed(f"uv {words[0]} failed: {' '.join(said.split())}", said)
    return done.stdout


def _run(words: Sequence[str], folder: Path, more: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    command = [uv(), "--no-progress", "--color", "never", *words]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", **(more or {})}
    environment.pop("VIRTUAL_ENV", None)  # the one that runs us is not the project's business
    return subprocess.run(  # noqa: S603 uv, with words of ours
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
