"""X3: cfn-lint finds nothing in our templates, and checkov nothing but what we decided against, with the reason.

Judged is what CloudFormation gets: the template after SAM's translation, of all examples, and of an app of
async-lambda's. checkov stands in a virtual environment of its own (.venvs/checkov) and takes half a minute to start, so
only a release asks it.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from tests.bar.row import Draw, Figure, Miss, Row
from tests.contrib.async_lambda import rich as async_lambda
from tests.deploy.template.examples import Example, examples
from tests.deploy.template.translated import translated

Json = dict[str, Any]

REGION = "eu-west-1"
CHECKOV = Path(__file__).parents[2] / ".venvs" / "checkov" / "bin" / "checkov"

SKIPPED = {
    "CKV_AWS_115": "reserved concurrency: Lambda throttles above it, which buries good messages; a mapping has its own",
    "CKV_AWS_117": "a VPC is the user's to choose; without one a function reaches what it needs and costs no gateway",
    "CKV_AWS_18": "access logs of a bucket: they need another bucket, which would need one again",
    "CKV_AWS_21": "versions of a bucket: bodies on their way are written once, and are to be gone when they expire",
}
"""What checkov may find in a stage with a key of its user's own (`kms_key`)."""

WITHOUT_A_KEY = dict.fromkeys(
    ("CKV_AWS_26", "CKV_AWS_27", "CKV_AWS_119", "CKV_AWS_158", "CKV_AWS_173"),
    "encrypted by a key of AWS's: one's own costs a dollar a month, and is asked for by kms_key",
)
"""What it may find besides where there is no such key. Of SSE-SQS (27) it does not know, and a topic (26) that services
publish to can be encrypted by no other than the user's key."""

MOST_SKIPPED = 6


def _public(made: Json) -> None:
    for resource in made["Resources"].values():
        resource.get("Properties", {}).pop("PublicAccessBlockConfiguration", None)


def _misspelt(made: Json) -> None:
    for resource in made["Resources"].values():
        if resource["Type"] == "AWS::SQS::Queue":
            resource["Properties"]["VisibilityTimout"] = resource["Properties"].pop("VisibilityTimeout", 30)


FAULTS = {"misspelt": _misspelt, "public-bucket": _public}


def _door() -> Example:
    """An app of async-lambda's with one of everything."""
    app = async_lambda.app()
    return Example("async-lambda", "shop:app", app, async_lambda.settings(app), async_lambda.ARCHIVE)


def prepared(example: Example, fault: str | None) -> Json:
    """The template to be judged."""
    made = copy.deepcopy(example.template())
    if fault:
        FAULTS[fault](made)
    return translated(made)


def linted(name: str, template: Json) -> Iterator[Miss]:
    """What cfn-lint has to say, hints included."""
    for found in lint(json.dumps(template, indent=1), config=ManualArgs(include_checks=["I"], regions=[REGION])):
        yield Miss(f"cfn-lint, {name}: {found.rule.id} {'/'.join(map(str, found.path or ()))}: {found.message}")


def checked(templates: dict[str, Json]) -> Iterator[Figure | Miss]:
    """What checkov has to say."""
    if not CHECKOV.exists():
        yield Figure("checkov is not installed here: make setup", CHECKOV)
        return
    passed, skipped = 0, set()
    with TemporaryDirectory(prefix="bar-") as folder:
        for name, template in templates.items():
            Path(folder, f"{name}.json").write_text(json.dumps(template, indent=1))
        options = ["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "-o", "json"]
        said = subprocess.run(
            [CHECKOV, "-d", folder, *options], capture_output=True, text=True, check=False, timeout=400
        )
        report = json.loads(said.stdout)
    passed = report["summary"]["passed"]
    for found in report["results"]["failed_checks"]:
        name, number = Path(found["file_path"]).stem, found["check_id"]
        if number in SKIPPED or (number in WITHOUT_A_KEY and name != "rich-own-key"):
            skipped.add(number)
        else:
            yield Miss(f"checkov, {name}: {number} {found['check_name']}: {found['resource']}")
    for unused in (SKIPPED | WITHOUT_A_KEY).keys() - skipped:
        yield Miss(f"{unused} is skipped and was not found: take it out of the list")
    yield Figure("checks of checkov passed", passed)
    yield Figure("skipped, each with its reason", f"{len(SKIPPED)}, and without a key {len(WITHOUT_A_KEY)} more")
    if report["summary"]["resource_count"] < len(templates):
        yield Miss(f"checkov saw {report['summary']['resource_count']} resources in {len(templates)} templates")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    first = "single-server" if draw.fault else "rich"  # the smallest shows a fault, and that with everything shows none
    chosen = sorted([*examples(), _door()], key=lambda example: example.name != first)[: draw.sizes["templates"]]
    templates = {example.name: prepared(example, draw.fault) for example in chosen}
    found = [miss for name, template in templates.items() for miss in linted(name, template)]
    yield Figure("templates", len(templates))
    yield Figure("findings of cfn-lint", len(found))
    yield from found
    if draw.sizes["checkov"]:
        yield from checked(templates)
    if len(SKIPPED) > MOST_SKIPPED:
        yield Miss(f"{len(SKIPPED)} checks of checkov are skipped; {MOST_SKIPPED} are allowed")


ROW = Row(
    "X3",
    "cfn-lint and checkov find nothing",
    run,
    quick={"templates": 1, "checkov": 0},
    full={"templates": 100, "checkov": 1},
    faults=tuple(FAULTS),
)

if __name__ == "__main__":
    ROW.main()
