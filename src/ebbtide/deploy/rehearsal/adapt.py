"""The very artefacts, made to run where no Lambda is: in a clean environment of this machine.

MiniStack runs Python functions in its own interpreter, whose packages would hide what a bundle lacks. So a function is
given the runtime `provided.al2023` and a `bootstrap` beside its code, which starts AWS's own runtime client in an
interpreter that has nothing but what Lambda has. Layers named by their ARN are left out. Nothing else of the template
is changed, and no byte of the code.
"""

from __future__ import annotations

import json
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any

FUNCTIONS = {"AWS::Serverless::Function": "CodeUri", "AWS::Lambda::Function": "Code"}
LAYERS = {"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}
PROVIDED = "provided.al2023"
FOREIGN = (
    *("STATE_DIR", "S3_DATA_DIR", "GATEWAY_PORT", "BIND_HOST", "MINISTACK_HOST", "MINISTACK_REGION"),
    *("MINISTACK_ACCOUNT_ID", "IOT_MTLS_ENABLED", "SFTP_ENABLED", "LAMBDA_EXECUTOR", "DOCKER_HOST"),
)
"""Variables that tell MiniStack how to run, and no function of it."""

_BOOTSTRAP = """\
#!/bin/sh
# As Lambda's own runtime: the code first, then the layers, then the runtime's packages, and nothing of this machine.
unset {foreign}
export LAMBDA_TASK_ROOT="$PWD" AWS_EXECUTION_ENV={environment} TZ=:UTC PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH="$PWD:"{layers}
exec {python} -s -m awslambdaric "$_HANDLER"
"""


def adapt(built: Path, into: Path, python: Path) -> Path:
    """A folder like `built` whose functions run in this interpreter; `into` itself. into: is made, and kept whole."""
    into.mkdir(parents=True)
    template = json.loads((built / "template.json").read_text("utf-8"))
    resources: dict[str, Any] = template["Resources"]
    layers = _unpacked(resources, built, into)
    for resource in resources.values():
        name = FUNCTIONS.get(resource["Type"])
        if name is None or not isinstance(resource["Properties"].get(name), str):
            continue
        properties = resource["Properties"]
        properties[name] = _with_bootstrap(built / properties[name], into, properties["Runtime"], layers, python)
        properties["Runtime"] = PROVIDED
        if "Layers" in properties:  # those of others cannot be had without their account
            properties["Layers"] = [layer for layer in properties["Layers"] if not isinstance(layer, str)]
    (into / "template.json").write_text(json.dumps(template), "utf-8")
    return into


def _unpacked(resources: dict[str, Any], built: Path, into: Path) -> Path:
    """Where all layers lie, as in /opt; their archives go along too."""
    place = into / "opt"
    (place / "python").mkdir(parents=True)
    for resource in resources.values():
        name = LAYERS.get(resource["Type"])
        if name and isinstance(resource["Properties"].get(name), str):
            archive = built / resource["Properties"][name]
            shutil.copy(archive, into / archive.name)
            with zipfile.ZipFile(archive) as packed:
                for member in packed.namelist():
                    packed.extract(member, place)
    return place / "python"


def _with_bootstrap(archive: Path, into: Path, runtime: str, layers: Path, python: Path) -> str:
    copy = into / archive.name
    if not copy.exists():
        shutil.copy(archive, copy)
        script = _BOOTSTRAP.format(
            foreign=" ".join(FOREIGN),
            environment=f"AWS_Lambda_{runtime}",
            layers=shlex.quote(str(layers)),
            python=shlex.quote(str(python)),
        )
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        with zipfile.ZipFile(copy, "a") as packed:
            packed.writestr(entry, script)
    return copy.name
