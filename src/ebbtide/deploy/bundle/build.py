"""The order in which a bundle is made: dependencies, code, bytecode, archives, sizes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from ebbtide.deploy.artefacts import Artefacts, Image
from ebbtide.deploy.bundle.archive import Archive, copied, moved, written
from ebbtide.deploy.bundle.bytecode import Compiler, bytecode
from ebbtide.deploy.bundle.code import Chosen, Say, code_of, vendored
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.hiding import hidden
from ebbtide.deploy.bundle.image import FOLDER as IMAGE
from ebbtide.deploy.bundle.image import image_of
from ebbtide.deploy.bundle.interpreter import interpreter
from ebbtide.deploy.bundle.layer import Layer, layer_of, unpacked
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
    Dockerfile and what it needs instead of archives. uri: of an image that is there already, so that nothing is made.
    whole: the name of one archive for all, and no layer then."""

    runtime: Runtime
    chosen: Chosen = Chosen()
    boto3: bool = False
    fresh: bool = False
    image: bool = False
    uri: str | None = None
    whole: str | None = None


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
    if wanted.uri:
        return _registered(wanted, wanted.uri, output)
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
    layer = None if wanted.whole else needed.archive
    with making(output) as folder:
        inside = unpacked(needed.archive, folder / "layer") if wanted.whole and needed.archive else []
        code = written(folder / CODE, _code(project, wanted, inside, output, cache, say))
        check(code.unpacked, layer.unpacked if layer else 0, needed.packages)
        code = moved(code, output / (wanted.whole or CODE))
    _clear(output, *([] if layer else [DEPENDENCIES]), *([CODE] if wanted.whole else []), IMAGE)
    layer = layer and copied(layer, output / DEPENDENCIES)
    made = Artefacts(code.path, layer and layer.path, runtime.architecture, runtime.name)
    return Bundle(made, code, layer, needed.packages, source and source.path.name)


def _code(project: Project, wanted: Wanted, installed: list[Entry], output: Path, cache: Path, say: Say) -> list[Entry]:
    """The project's files, its vendored ones and Ebbtide's, with bytecode, and the dependencies, which have it.
    Tracebacks point into the lines of the project alone."""
    theirs, *rest = _sources(project, wanted, installed, output, say)
    *vendors, installed = rest
    own = [*ours(), *(entry for entries in vendors for entry in entries)]
    say(f"compiling and packing {len(theirs) + len(own):,} files of code")
    python = interpreter(wanted.runtime, project.root)
    compiler = Compiler(wanted.runtime, python, cache / "bytecode")
    compiled = bytecode(theirs, MOUNTED, compiler._replace(columns=True), say)
    return [*theirs, *own, *compiled, *bytecode(own, MOUNTED, compiler, say), *installed]


def _sources(project: Project, wanted: Wanted, installed: list[Entry], output: Path, say: Say) -> list[list[Entry]]:
    """The project's files, each vendor folder's, and what is installed, each without what those before hide."""
    chosen = wanted.chosen
    theirs = code_of(project, chosen, say, output)
    return hidden([theirs, *vendored(project, chosen, say, output), installed])


def _image(project: Project, wanted: Wanted, source: Source | None, output: Path, _: Path, say: Say) -> Bundle:
    runtime = wanted.runtime
    with making(output) as folder:
        sources = [*(entry for entries in _sources(project, wanted, [], output, say) for entry in entries), *ours()]
        say(f"packing {len(sources):,} files of code")
        image = image_of(source, project.root, runtime, sources, output, folder)
    _clear(output, CODE, DEPENDENCIES)
    made = Artefacts(image.folder, None, runtime.architecture, runtime.name, image)
    return Bundle(made, None, None, {}, source and source.path.name)


def _registered(wanted: Wanted, uri: str, output: Path) -> Bundle:
    output.mkdir(parents=True, exist_ok=True)
    _clear(output, wanted.whole or CODE, DEPENDENCIES, IMAGE)
    runtime = wanted.runtime
    made = Artefacts(output, None, runtime.architecture, runtime.name, Image(output, uri=uri))
    return Bundle(made, None, None, {}, None)


def _clear(output: Path, *names: str) -> None:
    """What an earlier build of another kind left."""
    for name in names:
        if (output / name).is_dir():
            shutil.rmtree(output / name)
        else:
            (output / name).unlink(missing_ok=True)
