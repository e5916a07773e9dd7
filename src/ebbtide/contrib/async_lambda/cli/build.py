"""`async-lambda build MODULE`: `template.json` here, and one archive, which SAM and the AWS CLI find from there."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from ebbtide.cli.build import SUMMARY, Options, build, keep_out_of_git
from ebbtide.cli.output import answer_fields, note
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.cli import extras as more
from ebbtide.contrib.async_lambda.cli.module import takes_module
from ebbtide.contrib.async_lambda.config.stages import place_stage
from ebbtide.deploy.bundle.sizes import megabytes

FOLDER, ARCHIVE = Path(".async_lambda/build"), "deployment.zip"


@click.command(epilog="\b\nExample:  async-lambda build app --stage prod")
@takes_module(builds=True)
@click.option(
    *("-o", "--output"),
    type=click.Path(dir_okay=False, path_type=Path),
    default="template.json",
    show_default=True,
    metavar="FILE",
    help="Where the template goes.",
)
@click.option(
    *("-e", "--extras"),
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON with Resources, Outputs or Parameters to put into the template.",
)
@click.option("--python", metavar="VERSION", help="As 3.13; default: that of config_set_runtime, else this one.")
@click.option("--image-uri", metavar="URI", help="Run this container image in place of an archive.")
def command(
    app: DoorApp,
    module: str,
    stage: str | None,
    output: Path,
    extras: Path | None,
    python: str | None,
    image_uri: str | None,
) -> None:
    """Write the SAM template and the archive of an app.

    The archive has the module, src/, what is in vendor/, what the app imports besides, and the dependencies; it is made
    for Lambda's processor and Python, whatever this machine is.
    """
    added = partial(more.added, more=more.read(extras), file=extras) if extras else dict[str, Any]
    place = place_stage(stage)
    keep_out_of_git(FOLDER)
    options = Options(output=FOLDER, python=python, template=output, whole=ARCHIVE, uri=image_uri, finish=added)
    summary = json.loads((build(app, module, place, options) / SUMMARY).read_text("utf-8"))
    files = {
        name: f"{megabytes(one['bytes'])}, {megabytes(one['unpacked'])} unpacked"
        for name, one in summary["files"].items()
    }
    image = [("image", summary["image"]["uri"])] if summary["image"] else []
    answer_fields([("template", output), *((str(FOLDER / name), size) for name, size in files.items()), *image])
    note(_how_to_deploy(module, place, app.place(place).stack, output))


def _how_to_deploy(module: str, place: str, stack: str, template: Path) -> str:
    return (
        f"to deploy it, or to take the place of what async-lambda deployed, by the name of that stack:\n"
        f"  sam deploy --template-file {template} --stack-name {stack} \\\n"
        f"    --capabilities CAPABILITY_NAMED_IAM --resolve-s3\n"
        f"or, with a plan before it and its progress:\n"
        f"  ebbtide deploy {module} --stage {place}"
    )
