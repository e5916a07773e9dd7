"""`ebbtide build TARGET --stage NAME`: template and bundle, in a folder that SAM, CDK or the AWS CLI can take."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click

from ebbtide.app import App
from ebbtide.cli.output import answer_fields, answer_json
from ebbtide.cli.steps import steps
from ebbtide.cli.words import counted, one_line
from ebbtide.connect.target import load
from ebbtide.deploy.artefacts import Architecture, Image
from ebbtide.deploy.bundle.archive import Archive
from ebbtide.deploy.bundle.build import Bundle, Wanted, bundle
from ebbtide.deploy.bundle.code import Chosen
from ebbtide.deploy.bundle.making import beside
from ebbtide.deploy.bundle.project import Project, needed, project_of
from ebbtide.deploy.bundle.runtime import PYTHONS, runtime
from ebbtide.deploy.bundle.sizes import megabytes
from ebbtide.deploy.checks import findings
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.settings.read import settings_of
from ebbtide.deploy.template import template
from ebbtide.errors import DeclarationError
from ebbtide.physical import stage_name

FOLDER = Path(".ebbtide")
TEMPLATE, SUMMARY = "template.json", "build.json"
HEAVIEST = 5
LONGEST = 1_000


class Options(NamedTuple):
    """What the command line says; None leaves it to the settings. output: default .ebbtide/STAGE. uri: of an image that
    is there already. For other front doors: template: the file it is written to, default one in `output`; whole: the
    name of one archive for all; finish: what is done with the template before it is written."""

    output: Path | None = None
    architecture: Architecture | None = None
    python: str | None = None
    image: bool = False
    fresh: bool = False
    uri: str | None = None
    template: Path | None = None
    whole: str | None = None
    finish: Callable[[dict[str, Any]], dict[str, Any]] = dict


AS_SET = Options()


@click.command(
    epilog="\b\nExamples:\n  ebbtide build shop:app --stage prod\n"
    "  ebbtide build shop:app --stage dev --architecture x86_64 --python 3.13 --json"
)
@click.argument("target")
@click.option("--stage", required=True, metavar="NAME", help="The deployment: dev, prod.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where to write; default: .ebbtide/NAME.",
)
@click.option("--architecture", type=click.Choice(get_args(Architecture)), help="Default: the settings', else arm64.")
@click.option(
    "--python", metavar="VERSION", help=f"One of {', '.join(PYTHONS)}; default: the settings', else this one."
)
@click.option("--image", is_flag=True, help="Write a Dockerfile and an image template instead of archives.")
@click.option("--fresh", is_flag=True, help="Resolve and fetch the dependencies anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(target: str, stage: str, as_json: bool, **given: Any) -> None:
    """Write the template and the bundle of an app for AWS.

    The bundle is made for Lambda's processor and Python, whatever this machine is: dependencies as wheels in a layer of
    their own, the project's code and Ebbtide beside it, all with bytecode. The same files give the same bytes.
    """
    with redirect_stdout(sys.stderr):  # whatever the user's module prints is no part of the answer
        app = load(target, stage)
    try:
        built = build(app, target, stage, Options(**given))
    finally:
        app.close()
    summary = json.loads((built / SUMMARY).read_text("utf-8"))
    if as_json:
        answer_json({"folder": str(built), **summary})
    else:
        answer_fields([("folder", _shown(built)), *_lines(summary)])


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def build(app: App, target: str, stage: str, options: Options = AS_SET) -> Path:
    """Bundle the app, write the template beside, and return the folder. Says each step on standard error.

    Raises DeclarationError, BundleError and OSError; the folder then holds what it held before.
    """
    project = _project(target)
    ours = project.root / FOLDER
    output = (options.output or ours / stage_name(stage)).absolute()
    if output == project.imports:
        raise click.UsageError(f"--output {options.output}: all there goes into the bundle; name a folder of its own")
    settings = settings_of(app, stage, project.root)
    wanted = _wanted(settings, options)
    _check(app, stage, settings)
    with steps() as say:
        keep_out_of_git(ours)
        made = bundle(project, wanted, output, ours / "cache", say)
        say("writing the template")
        place = (options.template or output / TEMPLATE).absolute()
        place.parent.mkdir(parents=True, exist_ok=True)
        document = template(app, target, stage, settings, made.artefacts.seen_from(place.parent))
        written(place, options.finish(document))
        written(output / SUMMARY, _summary(app, target, stage, made))
    return output


def _check(app: App, stage: str, settings: Settings) -> None:
    """Tell all findings on standard error, one a line. Raises DeclarationError if one is an error."""
    found = findings(app, stage, settings)
    for finding in found:
        kind, colour = ("error", "red") if finding.error else ("warning", "yellow")
        click.secho(f"{kind}: {one_line(str(finding), LONGEST)}", err=True, fg=colour)
    if wrong := sum(finding.error for finding in found):
        raise DeclarationError(f"{counted(wrong, 'fault')} in {app.name!r}, stage {stage!r}: nothing was written")


def _project(target: str) -> Project:
    module = target.partition(":")[0]
    file = sys.modules[module].__file__
    assert file  # noqa: S101 - it holds an App
    project = project_of(module, Path(file), Path.cwd())
    loaded = [getattr(each, "__file__", None) for each in list(sys.modules.values())]
    return project._replace(needed=needed(project.root, filter(None, loaded)))


def _wanted(settings: Settings, options: Options) -> Wanted:
    architecture = options.architecture or settings.architecture
    return Wanted(
        runtime(options.python or settings.python, architecture),
        Chosen(
            tuple(settings.include),
            tuple(settings.exclude),
            None if settings.only is None else tuple(settings.only),
            tuple(settings.vendor),
        ),
        fresh=options.fresh,
        image=options.image,
        uri=None if options.image else options.uri or settings.image,
        whole=options.whole,
    )


def written(path: Path, document: Any) -> None:
    """Put the JSON document in place at once."""
    made = beside(path)
    made.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
    os.replace(made, path)


def keep_out_of_git(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".gitignore").exists():
        (folder / ".gitignore").write_text("*\n", "utf-8")


def _summary(app: App, target: str, stage: str, made: Bundle) -> dict[str, Any]:
    """What `build.json` holds: no times and no paths, so that equal builds have equal ones."""
    archives = [archive for archive in (made.code, made.dependencies) if archive]
    return {
        "app": app.name,
        "stage": stage,
        "target": target,
        "architecture": made.artefacts.architecture,
        "runtime": made.artefacts.runtime,
        "files": {archive.path.name: _described(archive) for archive in archives},
        "image": made.artefacts.image and _image(made.artefacts.image),
        "dependencies_from": made.source,
        "packages": made.packages,
    }


def _image(made: Image) -> dict[str, str]:
    return {"uri": made.uri} if made.uri else {"folder": made.folder.name, "tag": made.tag}


def _described(archive: Archive) -> dict[str, Any]:
    return {"sha256": archive.sha256, "bytes": archive.bytes, "unpacked": archive.unpacked}


def _lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    heaviest = [f"{name} {megabytes(size)}" for name, size in list(summary["packages"].items())[:HEAVIEST]]
    return [
        ("for", f"{summary['runtime']} on {summary['architecture']}"),
        *((n, f"{megabytes(f['bytes'])}, {megabytes(f['unpacked'])} unpacked") for n, f in summary["files"].items()),
        ("heaviest", ", ".join(heaviest)),
    ]
