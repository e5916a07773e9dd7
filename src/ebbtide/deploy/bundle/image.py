"""A container image in the place of archives: a folder with a Dockerfile and all that it copies.

For what is too big for archives, or has no wheels: there are 10 GB, and a compiler in the first of its two stages. The
image is made elsewhere, by Docker or by `sam build`; here nothing is.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from ebbtide.deploy.artefacts import Image
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.requirements import LOCK, Source, requirements_of
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.uv import asked
from ebbtide.deploy.bundle.wrong import BundleError
from ebbtide.deploy.template.functions import HANDLER

TAG = "latest"
FOLDER, CODE, LISTED, DOCKERFILE = "image", "code", "requirements.txt", "Dockerfile"

_DOCKERFILE = """\
# By 'ebbtide build --image', for {architecture}. Without SAM:
#   docker buildx build --platform {platform} --provenance=false --tag {tag} .
FROM --platform={platform} public.ecr.aws/lambda/python:{python} AS build
RUN {install} gcc gcc-c++ make
COPY requirements.txt /tmp/requirements.txt
RUN mkdir -p /opt/python && python -m pip install --no-cache-dir --no-deps \\
    --target /opt/python -r /tmp/requirements.txt
# Ebbtide speaks to AWS through boto3, which AWS's image may bring along.
RUN PYTHONPATH=/opt/python python -c "import boto3" || \\
    python -m pip install --no-cache-dir --target /opt/python boto3
COPY code/ ${{LAMBDA_TASK_ROOT}}/
# A file that is no Python is no reason to stop.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/python ${{LAMBDA_TASK_ROOT}} || true

FROM --platform={platform} public.ecr.aws/lambda/python:{python}
COPY --from=build /opt/python /opt/python
COPY --from=build ${{LAMBDA_TASK_ROOT}}/ ${{LAMBDA_TASK_ROOT}}/
# No USER: Lambda runs it as a user without rights of its own, and asks that none be named.
CMD ["{handler}"]
"""


def image_of(
    source: Source | None, root: Path, runtime: Runtime, entries: Iterable[Entry], output: Path, folder: Path
) -> Image:
    """Write the folder into `output`. entries: the code. folder: an empty one, on the same disk.

    Raises BundleError.
    """
    made = folder / FOLDER
    made.mkdir()
    (made / LISTED).write_text(_listed(source, root, runtime, folder) if source else "", "utf-8")
    for entry in entries:
        _put(entry, made / CODE)
    (made / DOCKERFILE).write_text(_dockerfile(runtime, TAG), "utf-8")
    tag = _digest(made)[:12]
    (made / DOCKERFILE).write_text(_dockerfile(runtime, tag), "utf-8")
    shutil.rmtree(output / FOLDER, ignore_errors=True)
    os.replace(made, output / FOLDER)
    return Image(output / FOLDER, DOCKERFILE, tag)


def _dockerfile(runtime: Runtime, tag: str) -> str:
    return _DOCKERFILE.format(
        architecture=runtime.architecture,
        platform="linux/arm64" if runtime.architecture == "arm64" else "linux/amd64",
        python=runtime.python,
        install=f"{'yum' if runtime.python == '3.11' else 'dnf'} install -y",
        handler=HANDLER,
        tag=tag,
    )


def _listed(source: Source, root: Path, runtime: Runtime, folder: Path) -> str:
    """All that is needed, each with its version and hashes. boto3 is among it if it is asked for."""
    needed = requirements_of(source, root, folder / LOCK, boto3=True)
    if needed.text is None:
        excluded = folder / "excluded.txt"
        excluded.write_text("\n".join(needed.excluded), "utf-8")
        words = [
            "pip",
            "compile",
            str(needed.file),
            "--python",
            sys.executable,
            "--excludes",
            str(excluded),
            "--generate-hashes",
        ]
        words += ["--python-version", runtime.python, "--python-platform", runtime.platform]
        return asked([*words, "--no-header", "--no-annotate", "--quiet"], root)
    local = [line for line in needed.text.splitlines() if line.startswith((".", "/", "-e", "file:"))]
    if local:
        raise BundleError(f"{local[0]} (from {LOCK}) is a folder, and no index has it for an image: publish it first")
    return needed.text


def _put(entry: Entry, folder: Path) -> None:
    target = folder / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(entry.path, target)
    target.chmod(0o755 if entry.executable else 0o644)


def _digest(folder: Path) -> str:
    found = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()
