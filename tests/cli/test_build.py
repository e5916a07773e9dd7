"""`ebbtide build`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.cli.conftest import Shop
from tests.deploy.bundle.wheels import native, wheel

SOURCE = """
from ebbtide import App, Queue

print("the module was imported")
app = App("shop", queues=[Queue("mail", lanes=2)])

@app.task(queue="mail")
def greet(name: str) -> str:
    return f"hello {name}"
"""
HERE = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A project with two dependencies, and uv with nothing but their wheels."""
    wheelhouse = tmp_path / "wheelhouse"
    native(wheelhouse, "pillow")
    wheel(wheelhouse, "flask")
    (tmp_path / "settings-of-uv.toml").write_text(f"no-index = true\nfind-links = [{str(wheelhouse)!r}]\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "settings-of-uv.toml"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Shop(f"shop_{uuid4().hex}", tmp_path / "app")
    made.folder.mkdir()
    (made.folder / f"{made.module}.py").write_text(SOURCE)
    (made.folder / "requirements.txt").write_text("flask\npillow\nebbtide\n")
    monkeypatch.chdir(made.folder)
    yield made
    sys.modules.pop(made.module, None)


def test_it_writes_a_template_and_the_archives_it_points_at(shop: Shop) -> None:
    done = shop.run("build", "SHOP", "--stage", "dev")
    assert done.returncode == 0, done.stderr
    folder = shop.folder / ".ebbtide" / "dev"
    assert sorted(path.name for path in folder.iterdir()) == [
        "build.json",
        "code.zip",
        "dependencies.zip",
        "template.json",
    ]
    resources = json.loads((folder / "template.json").read_text())["Resources"]
    (function,) = (each["Properties"] for each in resources.values() if each["Type"] == "AWS::Serverless::Function")
    (layer,) = (each["Properties"] for each in resources.values() if each["Type"] == "AWS::Serverless::LayerVersion")
    assert (function["CodeUri"], layer["ContentUri"]) == ("code.zip", "dependencies.zip")
    assert (function["Runtime"], function["Architectures"]) == (HERE, ["arm64"])
    assert function["Environment"]["Variables"]["EBBTIDE_TARGET"] == shop.module
    assert "the module was imported" in done.stderr
    assert "done in" in done.stderr
    assert "flask-1.0" in done.stdout
    assert (shop.folder / ".ebbtide" / ".gitignore").read_text() == "*\n"


def test_json_is_one_document_that_is_also_in_the_folder(shop: Shop) -> None:
    told = json.loads(shop.run("build", "SHOP", "--stage", "dev", "--json").stdout)
    folder = Path(told.pop("folder"))
    assert folder == shop.folder / ".ebbtide" / "dev"
    assert told == json.loads((folder / "build.json").read_text())
    assert (told["app"], told["stage"], told["target"]) == ("shop", "dev", shop.module)
    assert (told["runtime"], told["architecture"], told["dependencies_from"]) == (HERE, "arm64", "requirements.txt")
    for name, facts in told["files"].items():
        assert (folder / name).stat().st_size == facts["bytes"]
    assert set(told["packages"]) == {"flask-1.0", "pillow-1.0"}


def test_a_second_build_changes_no_byte_and_a_changed_line_only_the_code(shop: Shop) -> None:
    first = shop.asked("build", "SHOP", "--stage", "dev")
    assert shop.asked("build", "SHOP", "--stage", "dev") == first
    (shop.folder / f"{shop.module}.py").write_text(SOURCE + "x = 1\n")
    second = shop.asked("build", "SHOP", "--stage", "dev")
    assert second["files"]["code.zip"] != first["files"]["code.zip"]
    assert second["files"]["dependencies.zip"] == first["files"]["dependencies.zip"]


def test_architecture_output_and_settings_are_obeyed(shop: Shop) -> None:
    (shop.folder / "ebbtide.toml").write_text('architecture = "x86_64"\nexclude = ["secret-plans"]\n')
    (shop.folder / "secret-plans").mkdir()
    (shop.folder / "secret-plans" / "x.txt").write_text("")
    told = shop.asked("build", "SHOP", "--stage", "prod", "--output", "made/here")
    assert (told["folder"], told["architecture"]) == (str(shop.folder / "made" / "here"), "x86_64")
    assert shop.asked("build", "SHOP", "--stage", "prod", "--architecture", "arm64")["architecture"] == "arm64"


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["--stage", "Prod"], "'Prod' is no name for a stage", 2),
        (["--stage", "dev", "--python", "3.8"], "Lambda has no runtime for Python 3.8", 1),
        (["--stage", "dev", "--output", "."], "--output .: all there goes into the bundle", 2),
        (["--stage", "dev", "--architecture", "sparc"], "'sparc' is not one of 'arm64', 'x86_64'", 2),
        ([], "Missing option '--stage'", 2),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_writes_nothing(
    shop: Shop, words: list[str], told: str, code: int
) -> None:
    done = shop.call("build", "SHOP", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
    assert not (shop.folder / ".ebbtide").exists()


def test_a_package_without_a_wheel_is_named_with_the_cure(shop: Shop) -> None:
    native(shop.folder.parent / "wheelhouse", "tensors", ["x86_64"])
    (shop.folder / "requirements.txt").write_text("flask\ntensors\n")
    done = shop.run("build", "SHOP", "--stage", "dev")
    assert done.returncode == 1
    assert f"error: tensors==1.0 (from requirements.txt) has no wheel for {HERE} on arm64" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((shop.folder / ".ebbtide").rglob("*.zip"))


def test_what_aws_would_refuse_is_told_with_file_and_line_and_nothing_is_written(shop: Shop) -> None:
    (shop.folder / f"{shop.module}.py").write_text(SOURCE.replace("lanes=2", "timeout=1000"))
    done = shop.run("build", "SHOP", "--stage", "dev")
    assert done.returncode == 2
    faults = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert f"{shop.module}.py:5: queue 'mail'" in faults[0]
    assert "nothing was written" in faults[-1]
    assert not (shop.folder / ".ebbtide").exists()


def test_each_fault_of_the_settings_has_a_line_of_its_own(shop: Shop) -> None:
    (shop.folder / "ebbtide.toml").write_text("regoin = 'eu-west-1'\nlog_levl = 'INFO'\n")
    done = shop.call("build", "SHOP", "--stage", "dev")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-2:] == [
        "error: ebbtide.toml:1: unknown key 'regoin'. Did you mean 'region'?",
        "error: ebbtide.toml:2: unknown key 'log_levl'. Did you mean 'log_level'?",
    ]


def test_a_module_that_breaks_is_told_as_everywhere(shop: Shop) -> None:
    (shop.folder / f"{shop.module}.py").write_text("import nothing_of_that_name\n")
    done = shop.run("build", "SHOP", "--stage", "dev")
    assert done.returncode == 2
    assert "nothing_of_that_name" in done.stderr


def test_an_image_is_a_dockerfile_and_all_that_it_copies(shop: Shop) -> None:
    shop.asked("build", "SHOP", "--stage", "dev")
    told = shop.asked("build", "SHOP", "--stage", "dev", "--image")
    folder = Path(told["folder"])
    assert sorted(path.name for path in folder.iterdir()) == ["build.json", "image", "template.json"]
    image = folder / told["image"]["folder"]
    for line in (image / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            assert (image / line.split()[1]).exists(), line
    resources = json.loads((folder / "template.json").read_text())["Resources"]
    (function,) = (each["Properties"] for each in resources.values() if each["Type"] == "AWS::Serverless::Function")
    assert function["PackageType"] == "Image"
    assert told["files"] == {}


def test_a_project_in_a_src_folder_is_built_from_its_own_folder(shop: Shop) -> None:
    (shop.folder / "src").mkdir()
    os.replace(shop.folder / f"{shop.module}.py", shop.folder / "src" / f"{shop.module}.py")
    done = shop.run("build", "SHOP", "--stage", "dev", "--json", PYTHONPATH="src")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == str(shop.folder / ".ebbtide" / "dev")


def test_two_builds_at_once_both_end_well(shop: Shop) -> None:
    command = [sys.executable, "-m", "ebbtide.cli", "build", shop.module, "--stage", "dev", "--json"]
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(3)]
    told = [build.communicate(timeout=60)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0, 0]
    assert told[0] == told[1] == told[2]
    assert not [path for path in (shop.folder / ".ebbtide").rglob("*") if path.name.startswith(".making-")]


@pytest.mark.skipif(platform.system() != "Linux", reason="links")
def test_a_link_out_of_the_project_is_refused_by_its_name(shop: Shop) -> None:
    (shop.folder / "passwords").symlink_to("/etc/passwd")
    done = shop.run("build", "SHOP", "--stage", "dev")
    assert done.returncode == 1
    assert "passwords is a link out of the project, to /etc/passwd" in done.stderr
