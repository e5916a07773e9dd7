"""The order in which a bundle is made: dependencies, code, bytecode, archives, sizes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.bundle.archive import Archive, copied, moved, written
from ebbtide.deploy.bundle.bytecode import Compiler, bytecode
from ebbtide.deploy.bundle.code import Chosen, Say, code_of
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.image import FOLDER as IMAGE
from ebbtide.deploy.bundle.image import image_of
from ebbtide.deploy.bundle.interpreter import interpreter
from ebbtide.deploy.bundle.layer import Layer, layer_of
from ebbtide.deploy.bundle.making import making
from ebbtide.deploy.bundle.ours import ours
from ebbtide.deploy.bundle.project import Project
from ebbtide.deploy.bundle.requirements import LISTED, LOCK, PROJECT, Source, source_of
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.sizes import check

CODE, DEPENDENCIES = "code.zip", "dependencies.zip"
MOUNTED = "/var/task"


class Wanted(NamedTuple):
    """How it is to be. boto3: in it, even if the runtime's would do. fresh: dependencies resolved anew. image: a
    Dockerfile and what it needs instead of archives."""

    runtime: Runtime
    chosen: Chosen = Chosen()
    boto3: bool = False
    fresh: bool = False
    image: bool = False


class Bundle(NamedTuple):
    """What was made. code, dependencies: None for an image, or if there are none. packages: bytes unpacked of each
    dependency, the heaviest first. source: the name of the file they were taken from, None if there is none."""

    artefacts: Artefacts
    code: Archive | None
    dependencies: Archive | None
    packages: dict[str, int]
    source: str | None


def bundle(project: Project, wanted: Wanted, output: Path, cache: Path, say: Say) -> Bundle:
    """Make the archives, or the image's folder, in `output`. cache: a folder that is kept from build to build. say: is
    told of each step.

    Raises BundleError, and then leaves what was there.
    """
    source = source_of(project.root)
    if source is None:
        say(f"there are no dependencies: no {LOCK} or {LISTED} in {project.root}, nor any in its {PROJECT}")
    make = _image if wanted.image else _archives
    return make(project, wanted, source, output, cache, say)


def _archives(project: Project, wanted: Wanted, source: Source | None, output: Path, cache: Path, say: Say) -> Bundle:
    runtime, root = wanted.runtime, project.root
    needed = Layer(None, {})
    if source:
        needed = layer_of(source, root, runtime, cache / "layers", wanted.boto3, wanted.fresh, say)
    layer = needed.archive
    with making(output) as folder:
        code = written(folder / CODE, _code(project, wanted, output, cache, say))
        check(code.unpacked, layer.unpacked if layer else 0, needed.packages)
        code = moved(code, output / CODE)
    _clear(output, *([] if layer else [DEPENDENCIES]), IMAGE)
    layer = layer and copied(layer, output / DEPENDENCIES)
    made = Artefacts(code.path, layer and layer.path, runtime.architecture, runtime.name)
    return Bundle(made, code, layer, needed.packages, source and source.path.name)


def _code(project: Project, wanted: Wanted, output: Path, cache: Path, say: Say) -> list[Entry]:
    """The project's files and Ebbtide's, with bytecode. Tracebacks point into the lines of the project alone."""
    theirs, own = code_of(project, wanted.chosen, say, output), ours()
    say(f"compiling and packing {len(theirs) + len(own):,} files of code")
    python = interpreter(wanted.runtime, project.root)
    compiler = Compiler(wanted.runtime, python, cache / "bytecode")
    compiled = bytecode(theirs, MOUNTED, compiler._replace(columns=True), say)
    return [*theirs, *own, *compiled, *bytecode(own, MOUNTED, compiler, say)]


def _image(project: Project, wanted: Wanted, source: Source | None, output: Path, _: Path, say: Say) -> Bundle:
    runtime = wanted.runtime
    with making(output) as folder:
        sources = [*code_of(project, wanted.chosen, say, output), *ours()]
        say(f"packing {len(sources):,} files of code")
        image = image_of(source, project.root, runtime, sources, output, folder)
    _clear(output, CODE, DEPENDENCIES)
    made = Artefacts(image.folder, None, runtime.architecture, runtime.name, image)
    return Bundle(made, None, None, {}, source and source.path.name)


def _clear(output: Path, *names: str) -> None:
    """What an earlier build of another kind left."""
    for name in names:
        if (output / name).is_dir():
            shutil.rmtree(output / name)
        else:
            (output / name).unlink(missing_ok=True)
