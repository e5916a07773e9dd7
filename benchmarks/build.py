"""How long a build takes and how big its bundle is, beside Chalice, SAM and async-lambda.

    python benchmarks/build.py [--rounds 5] [--only NAME ...] [--json FILE]

One app, written for each: a task that needs Django, psycopg and Pillow, and a small package of the user's own. Each
tool runs in an environment of its own, with the packages to be bundled installed, since three of them import the app.

    cold      nothing of an earlier build is there; what pip and uv have downloaded before is
    changed   one line of the user's code is another

`sam build` does not zip, so what it leaves is zipped here as SAM would on its way up, and that time is not counted. Of
the rounds the median is told; processor time is for a machine that is not quiet. Right for arm64: every ELF file in the
bundle is for it, though this machine may not be.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.harness.environments import environment  # noqa: E402

WORK = ROOT / "benchmarks" / ".work" / "build"
MACHINES = {62: "x86_64", 183: "arm64"}
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
REQUIREMENTS = ("Django==5.2", "pillow==12.2.0", "psycopg[binary]==3.2.13")
LISTED = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
USES = "import django\nimport psycopg\nfrom PIL import Image\n"
BODY = "    return [django.VERSION, psycopg.__version__, Image.__name__]\n"
OWN = "def total(prices):\n    return sum(prices)\n"

EBBTIDE = f"""from ebbtide import App
{USES}from shop.prices import total

app = App("shop")

@app.task
def versions() -> list:
{BODY}"""
CHALICE = f"""from chalice import Chalice
{USES}from chalicelib.prices import total

app = Chalice(app_name="shop")

@app.on_sqs_message(queue="shop")
def versions(event):
{BODY}"""
ASYNC_LAMBDA = f"""from async_lambda import AsyncLambdaController, config_set_name
{USES}from src.prices import total

app = AsyncLambdaController()
config_set_name("shop")
lambda_handler = app.async_lambda_handler

@app.async_task("versions")
def versions(event):
{BODY}"""
SAM = f"{USES}from prices import total\n\ndef handler(event, context):\n{BODY}"
SAM_TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Versions": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": "app/",
                "Handler": "app.handler",
                "Runtime": PYTHON,
                "Architectures": ["arm64"],
                "Events": {"Queue": {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}}},
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
    },
}


class Contender(NamedTuple):
    """needs: its environment. files: its app. changes: the file in which a line is changed. command: with {bin} for its
    environment's programs. made, again: what of it is uploaded at first, and after a changed line. leaves: what has to
    go for a cold build."""

    name: str
    needs: tuple[str, ...]
    files: dict[str, str]
    changes: str
    command: tuple[str, ...]
    made: tuple[str, ...]
    again: tuple[str, ...]
    leaves: tuple[str, ...]


CONTENDERS = (
    Contender(
        "ebbtide",
        ("--editable", ".[aws]"),
        {"app.py": EBBTIDE, "shop/__init__.py": "", "shop/prices.py": OWN, "requirements.txt": f"ebbtide\n{LISTED}"},
        "shop/prices.py",
        ("{bin}/python", "-m", "ebbtide.cli", "build", "app:app", "--stage", "prod"),
        (".ebbtide/prod/code.zip", ".ebbtide/prod/dependencies.zip"),
        (".ebbtide/prod/code.zip",),
        (".ebbtide",),
    ),
    Contender(
        "chalice package",
        ("chalice", "pip", "setuptools", "wheel"),
        {
            "app.py": CHALICE,
            "chalicelib/__init__.py": "",
            "chalicelib/prices.py": OWN,
            "requirements.txt": LISTED,
            ".chalice/config.json": json.dumps({"version": "2.0", "app_name": "shop", "stages": {"prod": {}}}),
        },
        "chalicelib/prices.py",
        ("{bin}/chalice", "package", "--stage", "prod", "out"),
        ("out/deployment.zip",),
        ("out/deployment.zip",),
        ("out", ".chalice/deployments"),
    ),
    Contender(
        "sam build --cached",
        ("aws-sam-cli", "pip", "setuptools", "wheel"),
        {
            "app/app.py": SAM,
            "app/prices.py": OWN,
            "app/requirements.txt": LISTED,
            "template.json": json.dumps(SAM_TEMPLATE),
        },
        "app/prices.py",
        ("{bin}/sam", "build", "--cached", "--template-file", "template.json"),
        (".aws-sam/build/Versions",),
        (".aws-sam/build/Versions",),
        (".aws-sam",),
    ),
    Contender(
        "async-lambda build",
        ("async-lambda-unstable", "boto3", "pip"),
        {"app.py": ASYNC_LAMBDA, "src/__init__.py": "", "src/prices.py": OWN, "requirements.txt": LISTED},
        "src/prices.py",
        ("{bin}/async-lambda", "build", "app"),
        (".async_lambda/build/deployment.zip",),
        (".async_lambda/build/deployment.zip",),
        (".async_lambda",),
    ),
)


class Spent(NamedTuple):
    """Seconds: on the clock, and of processor time with all processes that were started."""

    wall: float
    cpu: float


class Measured(NamedTuple):
    """Seconds; bytes zipped, all and what a changed line uploads; bytes unpacked; for which processors."""

    cold: Spent
    changed: Spent
    zipped: int
    uploaded: int
    unpacked: int
    machines: list[str]


def measure(contender: Contender, rounds: int) -> Measured:
    programs = environment(f"build-{contender.name.partition(' ')[0]}", (*contender.needs, *REQUIREMENTS)) / "bin"
    folder = WORK / contender.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in contender.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    cold, changed = [], []
    _build(contender, programs, folder)  # what is downloaded now is at hand for all rounds
    for number in range(rounds):
        for name in contender.leaves:
            shutil.rmtree(folder / name, ignore_errors=True)
        cold.append(_build(contender, programs, folder))
        with (folder / contender.changes).open("a") as file:
            file.write(f"ROUND = {number}\n")
        changed.append(_build(contender, programs, folder))
    machines = sorted({MACHINES.get(machine, str(machine)) for machine in _machines(contender, folder)})
    zipped, unpacked = _sizes(contender.made, folder)
    return Measured(
        _median(cold),
        _median(changed),
        zipped,
        _sizes(contender.again, folder)[0],
        unpacked,
        machines,
    )


def _median(spent: list[Spent]) -> Spent:
    return Spent(statistics.median(one.wall for one in spent), statistics.median(one.cpu for one in spent))


def _build(contender: Contender, programs: Path, folder: Path) -> Spent:
    words = [word.format(bin=programs) for word in contender.command]
    env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}
    env |= {"AWS_DEFAULT_REGION": "eu-west-1", "VIRTUAL_ENV": str(programs.parent)}
    began, before = time.perf_counter(), _cpu()
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    spent = Spent(time.perf_counter() - began, _cpu() - before)
    if done.returncode:
        sys.exit(f"{contender.name} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return spent


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sizes(names: tuple[str, ...], folder: Path) -> tuple[int, int]:
    zipped = unpacked = 0
    for name in names:
        path = folder / name
        if path.is_dir():
            path = _zipped(path, folder / f"{path.name}.zip")
        zipped += path.stat().st_size
        with ZipFile(path) as opened:
            unpacked += sum(info.file_size for info in opened.infolist())
    return zipped, unpacked


def _zipped(folder: Path, target: Path) -> Path:
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def _machines(contender: Contender, folder: Path) -> Iterator[int]:
    """The machine in the header of each ELF file of the bundle."""
    for name in contender.made:
        path = folder / name
        with ZipFile(_zipped(path, folder / f"{path.name}.zip") if path.is_dir() else path) as opened:
            for each in opened.namelist():
                head = opened.open(each).read(20)
                if head[:4] == b"\x7fELF":
                    yield int.from_bytes(head[18:20], "little")


def table(found: dict[str, Measured]) -> str:
    """What was measured, and the goals."""
    lines = [
        "contender             cold s (cpu)     changed s (cpu)  zip MB  upload after a change MB  unpacked MB  for"
    ]
    for name, one in found.items():
        times = "  ".join(f"{spent.wall:6.2f} ({spent.cpu:6.2f})" for spent in (one.cold, one.changed))
        sizes = f"{one.zipped / 1e6:6.1f}  {one.uploaded / 1e6:24.2f}  {one.unpacked / 1e6:11.1f}"
        lines.append(f"{name:20}  {times}  {sizes}  {', '.join(one.machines)}")
    ours, others = found.get("ebbtide"), [one for name, one in found.items() if name != "ebbtide"]
    if ours and others:
        lines += [
            "",
            f"cold: {_ratio([one.cold for one in others], ours.cold)}",
            f"changed: {_ratio([one.changed for one in others], ours.changed)}",
            f"zip: {ours.zipped / min(one.zipped for one in others):.2f} of the smallest other",
            f"alone right for arm64: {ours.machines == ['arm64'] and all(one.machines != ['arm64'] for one in others)}",
        ]
    return "\n".join(lines)


def _ratio(others: list[Spent], ours: Spent) -> str:
    wall, cpu = (min(column) / mine for column, mine in zip(zip(*others, strict=True), ours, strict=True))
    return f"{wall:.1f} times as fast as the fastest other, for 1/{cpu:.1f} of the least processor time"


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds beside those of other tools.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=[contender.name for contender in CONTENDERS])
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    found = {}
    for contender in CONTENDERS:
        if not given.only or contender.name in given.only:
            found[contender.name] = measure(contender, given.rounds)
            print(f"{contender.name}: {found[contender.name]}", file=sys.stderr, flush=True)
    print(f"on {platform.machine()}, {os.cpu_count()} processors, {PYTHON}, median of {given.rounds}\n")
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps({name: one._asdict() for name, one in found.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
