"""The layer of dependencies: made once for a lock, a platform and a Python, and kept for the next build.

Two builds at once may both make it: each writes beside and puts its own, equal, in place.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ebbtide.deploy.bundle.archive import Archive, written
from ebbtide.deploy.bundle.bytecode import Compiler, bytecode
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.interpreter import interpreter
from ebbtide.deploy.bundle.making import beside, making
from ebbtide.deploy.bundle.requirements import Source, pins_boto3, requirements_of
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.sizes import by_package, distributions
from ebbtide.deploy.bundle.tree import Tree
from ebbtide.deploy.bundle.trim import trimmed
from ebbtide.deploy.bundle.wheels import install

FORM = 1
"""To be raised whenever the same dependencies would make another layer."""

KEPT = 5
MOUNTED = "/opt"
LOCKED = "uv.lock.txt"
_Say = Callable[[str], None]


class Layer(NamedTuple):
    """archive: None if nothing is left to be put into one. packages: bytes unpacked of each, the heaviest first."""

    archive: Archive | None
    packages: dict[str, int]


def layer_of(source: Source, root: Path, runtime: Runtime, cache: Path, boto3: bool, fresh: bool, say: _Say) -> Layer:
    """The layer of what this file says. cache: a folder for layers. boto3: put it in, though the runtime has one.
    fresh: make it anew. Raises BundleError."""
    python = interpreter(runtime, root)
    boto3 = boto3 or pins_boto3(root)
    parts = [FORM, source.path.name, source.text, runtime.name, runtime.platform, boto3]
    place = cache / sha256(json.dumps(parts).encode()).hexdigest()[:32]
    known = None if fresh else _known(place)
    if known:
        os.utime(known_file(place))
        return known
    with making(cache) as folder:
        say(f"installing what {source.path.name} says, for {runtime.name} on {runtime.architecture}")
        packages = _installed(source, root, runtime, boto3, folder)
        made = _packed(packages, runtime, python, folder, say)
        _keep(made, place)
    _forget(cache)
    return _known(place) or made


def unpacked(archive: Archive, folder: Path) -> list[Entry]:
    """The layer's files, bytecode included, as they would stand at the top of an archive. folder: an empty one."""
    with zipfile.ZipFile(archive.path) as packed:  # made by us
        return [
            Entry(
                one.filename.removeprefix("python/"),
                Path(packed.extract(one, folder)),
                bool(one.external_attr >> 16 & 0o111),
            )
            for one in packed.infolist()
        ]


def _installed(source: Source, root: Path, runtime: Runtime, boto3: bool, folder: Path) -> Path:
    packages = folder / ("packages-with-boto3" if boto3 else "packages")
    packages.mkdir()
    install(requirements_of(source, root, folder / LOCKED, boto3), runtime, root, packages)
    if not boto3 and (packages / "botocore").is_dir():
        # Another package holds on to one botocore, which the runtime's boto3 would meet instead of its own.
        return _installed(source, root, runtime, True, folder)
    return packages


def _packed(packages: Path, runtime: Runtime, python: Path, folder: Path, say: _Say) -> Layer:
    owners = distributions(packages)
    sources = [entry._replace(name=f"python/{entry.name}") for entry in trimmed(Tree(packages).entries())]
    if not sources:
        return Layer(None, {})
    say(f"compiling and packing {len(sources):,} files of the dependencies")
    compiler = Compiler(runtime, python, folder / "bytecode")
    entries = sources + bytecode(sources, MOUNTED, compiler, lambda _: None)
    sizes = by_package(((e.name.removeprefix("python/"), e.path.stat().st_size) for e in entries), owners)
    return Layer(written(folder / "layer.zip", entries), sizes)


def known_file(place: Path) -> Path:
    """Beside the archive: what is known of it."""
    return place.with_suffix(".json")


def _known(place: Path) -> Layer | None:
    try:
        known: dict[str, Any] = json.loads(known_file(place).read_text("utf-8"))
        archive = known["archive"] and Archive(place.with_suffix(".zip"), *known["archive"])
        if archive and archive.path.stat().st_size != archive.bytes:
            return None
        return Layer(archive, known["packages"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(made: Layer, place: Path) -> None:
    """The archive first: what is known of it must not be there without it."""
    if made.archive:
        os.replace(made.archive.path, place.with_suffix(".zip"))
    known = {"archive": made.archive and list(made.archive[1:]), "packages": made.packages}
    made_of = beside(known_file(place))
    made_of.write_text(json.dumps(known), "utf-8")
    os.replace(made_of, known_file(place))


def _forget(cache: Path) -> None:
    """All layers but the ones used last."""
    known = sorted(cache.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in known[KEPT:]:
        old.unlink(missing_ok=True)
        old.with_suffix(".zip").unlink(missing_ok=True)
