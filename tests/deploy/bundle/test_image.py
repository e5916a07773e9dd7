"""The folder of a container image: its Dockerfile, and all that it copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import native, project, wheel

from ebbtide.deploy.artefacts import Image
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.image import image_of
from ebbtide.deploy.bundle.requirements import source_of
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.uv import asked
from ebbtide.deploy.bundle.wrong import BundleError


def imaged(root: Path, runtime: Runtime) -> tuple[Image, str, str]:
    """The image, its Dockerfile and its requirements."""
    folder = root.parent / "making"
    folder.mkdir(exist_ok=True)
    entries = [Entry("shop.py", root / "shop.py"), Entry("bin/run", root / "shop.py", executable=True)]
    image = image_of(source_of(root), root, runtime, entries, root.parent, folder)
    return image, (image.folder / "Dockerfile").read_text(), (image.folder / "requirements.txt").read_text()


def app(tmp_path: Path, requirements: str = "flask\nboto3\nebbtide\n") -> Path:
    return project(tmp_path / "app", {"shop.py": "x = 1\n", "requirements.txt": requirements})


def test_it_is_for_the_processor_and_the_python_of_the_runtime(tmp_path: Path, wheelhouse: Path) -> None:
    root = app(tmp_path, "")
    _, text, _ = imaged(root, Runtime("3.13", "arm64"))
    assert text.count("FROM --platform=linux/arm64 public.ecr.aws/lambda/python:3.13") == 2
    assert "RUN dnf install" in text
    _, text, _ = imaged(root, Runtime("3.11", "x86_64"))
    assert text.count("FROM --platform=linux/amd64 public.ecr.aws/lambda/python:3.11") == 2
    assert "RUN yum install" in text
    assert text.splitlines()[-1] == 'CMD ["ebbtide.on_lambda.entry.handler"]'


def test_code_is_copied_with_its_permissions(tmp_path: Path, wheelhouse: Path) -> None:
    image, _, _ = imaged(app(tmp_path, ""), Runtime("3.13", "arm64"))
    code = image.folder / "code"
    assert (code / "shop.py").read_text() == "x = 1\n"
    assert [oct((code / name).stat().st_mode & 0o7777) for name in ("shop.py", "bin/run")] == ["0o644", "0o755"]


def test_its_requirements_are_all_with_versions_and_hashes_and_without_us(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "flask", requires=["pillow"])
    native(wheelhouse, "pillow")
    wheel(wheelhouse, "boto3")
    _, _, listed = imaged(app(tmp_path), Runtime("3.13", "arm64"))
    assert [line.split()[0] for line in listed.splitlines() if "==" in line] == [
        "boto3==1.0",
        "flask==1.0",
        "pillow==1.0",
    ]


def test_its_tag_is_that_of_what_is_in_it(tmp_path: Path, wheelhouse: Path) -> None:
    root, runtime = app(tmp_path, ""), Runtime("3.13", "arm64")
    first, text, _ = imaged(root, runtime)
    assert f"--tag {first.tag} " in text
    assert imaged(root, runtime)[0].tag == first.tag
    (root / "shop.py").write_text("x = 2\n")
    assert imaged(root, runtime)[0].tag != first.tag


def test_a_package_that_is_a_folder_is_refused(tmp_path: Path, wheelhouse: Path) -> None:
    needs = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["local"]\n'
    root = project(
        tmp_path / "app",
        {
            "shop.py": "",
            "pyproject.toml": needs + '[tool.uv.sources]\nlocal = { path = "local" }\n',
            "local/pyproject.toml": '[project]\nname = "local"\nversion = "1"\n',
        },
    )
    asked(["lock"], root)
    with pytest.raises(BundleError, match=r"\./local \(from uv\.lock\) is a folder"):
        imaged(root, Runtime("3.13", "arm64"))
