"""Bytecode beside every `.py` of an archive, made by the very Python it is for.

Lambda's /var/task and /opt are read-only: without bytecode in the archive, every cold start compiles everything again.
With unchecked-hash bytecode it does not even look at the source, whose times an archive cannot keep.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.wrong import BundleError

_COMPILING = Path(__file__).with_name("compiling.py")
_ENOUGH_FOR_ONE = 200
_WEEK = 7 * 86_400


class Compiler(NamedTuple):
    """python: the interpreter, of the runtime's version. kept: a folder for what was compiled before, by content.
    columns: whether tracebacks may point into a line; without that, an archive is a twentieth smaller."""

    runtime: Runtime
    python: Path
    kept: Path
    columns: bool = False


def bytecode(entries: Iterable[Entry], mounted: str, compiler: Compiler, say: Callable[[str], None]) -> list[Entry]:
    """The bytecode files of all Python files among the entries.

    mounted: where the archive will be unpacked, for tracebacks. say: is told of files that are no Python.
    """
    compiler.kept.mkdir(parents=True, exist_ok=True)
    made, work, names = [], [], {}
    for entry in entries:
        if entry.name.endswith(".py"):
            name = f"{mounted}/{entry.name}"
            target = compiler.kept / _key(entry, name, compiler)
            made.append(Entry(_beside(entry.name, compiler.runtime), target))
            if not _used(target):
                work.append((str(entry.path), name, str(target)))
                names[str(entry.path)] = entry.name
    for path, what in _compile(work, compiler) if work else ():
        say(f"{names[path]} stays without bytecode: {what}")
    _forget(compiler.kept)
    return [entry for entry in made if entry.path.exists()]


def _key(entry: Entry, name: str, compiler: Compiler) -> str:
    about = f"{compiler.runtime.cache_tag} {compiler.columns} {name}\0".encode()
    return sha256(about + entry.path.read_bytes()).hexdigest()


def _used(target: Path) -> bool:
    """Whether it is there; if so, it is needed once more."""
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    return True


def _forget(folder: Path) -> None:
    """What no build has needed for a week."""
    with os.scandir(folder) as found:
        for entry in found:
            with suppress(FileNotFoundError):  # another build may have forgotten it, too
                if time.time() - entry.stat().st_mtime > _WEEK:
                    os.unlink(entry)


def _beside(name: str, runtime: Runtime) -> str:
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{runtime.cache_tag}.pyc")


def _compile(work: Sequence[tuple[str, str, str]], compiler: Compiler) -> list[tuple[str, str]]:
    """One process for a few files, one for each processor for many."""
    processes = min(os.cpu_count() or 1, 1 + len(work) // _ENOUGH_FOR_ONE)
    shares = [work[n::processes] for n in range(processes)]
    flags = ["-I", "-S", "-X", "utf8", *([] if compiler.columns else ["-X", "no_debug_ranges"])]
    command = [str(compiler.python), *flags, str(_COMPILING)]
    running = [_started(command) for _ in shares]
    with ThreadPoolExecutor(processes) as feeding:
        answers = list(feeding.map(_fed, running, shares))
    for process, (_, said) in zip(running, answers, strict=True):
        if process.returncode:
            raise BundleError(
                f"{compiler.python} cannot compile: {said.strip() or f'it ended with {process.returncode}'}"
            )
    return sorted((path, what) for answer, _ in answers for path, what in json.loads(answer))


def _fed(process: subprocess.Popen[str], share: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    return process.communicate(json.dumps(share))


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
