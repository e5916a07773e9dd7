"""Bundles as a whole: complete, equal, without secrets, for the right processor, and they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from tests.acceptance.house import runtime
from tests.deploy.bundle.wheels import native, project, wheel

from ebbtide.deploy.bundle.build import Bundle, Wanted, bundle
from ebbtide.deploy.bundle.code import Chosen
from ebbtide.deploy.bundle.project import Project
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.wrong import BundleError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
ROOT = Path(__file__).parents[3]
LAMBDA = runtime()

APP = """
from ebbtide import App, Queue
from greetings import hello

app = App("shop", queues=[Queue("mail", results=0)])

@app.task(queue="mail")
def greet(name: str) -> None:
    print(hello(name), __file__)
"""
Make = Callable[..., Bundle]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one build keeps for the next; tests that compare builds do without."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make(tmp_path: Path, wheelhouse: Path, cache: Path) -> Make:
    """Bundle the project in `tmp_path/app` into a folder, `out` with the common cache."""
    wheel(wheelhouse, "greetings", files={"greetings.py": "def hello(name): return f'hello {name}'\n"}, scripts=["hi"])
    native(wheelhouse, "pillow")
    project(tmp_path / "app", {"shop.py": APP, "requirements.txt": "greetings\npillow\nebbtide\n"})

    def made(folder: str = "out", architecture: str = "arm64", root: str = "app", **wanted: Any) -> Bundle:
        runtime = Runtime(HERE, "arm64" if architecture == "arm64" else "x86_64")
        here = tmp_path / root
        how = Wanted(runtime)._replace(**wanted)
        keeping = cache if folder == "out" else tmp_path / f"{folder}-cache"
        return bundle(Project(here, here), how, tmp_path / folder, keeping, lambda _: None)

    return made


def unpacked(made: Bundle, folder: Path) -> Path:
    """As AWS unpacks it: `task` is /var/task, `opt` is /opt; nobody may write there."""
    assert made.code
    for archive, name in ((made.code, "task"), (made.dependencies, "opt")):
        if archive:
            with ZipFile(archive.path) as opened:
                opened.extractall(folder / name)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def test_two_builds_in_two_places_are_equal_byte_for_byte(tmp_path: Path, make: Make) -> None:
    one = make("one")
    project(tmp_path / "elsewhere", {"requirements.txt": "greetings\npillow\nebbtide\n", "shop.py": APP})
    os.utime(tmp_path / "elsewhere" / "shop.py", (1, 1))
    other = make("other", root="elsewhere")
    for name in ("code.zip", "dependencies.zip"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name
    assert one.packages == other.packages


def test_a_changed_line_changes_the_code_and_not_the_layer(tmp_path: Path, make: Make) -> None:
    before = make()
    (tmp_path / "app" / "shop.py").write_text(APP + "\nx = 1\n")
    after = make()
    assert (before.code != after.code, before.dependencies == after.dependencies) == (True, True)


def test_what_is_for_arm_holds_nothing_for_another_processor(tmp_path: Path, make: Make) -> None:
    for architecture, machine in (("arm64", 183), ("x86_64", 62)):
        made = make(architecture=architecture)
        assert made.dependencies
        machines = []
        with ZipFile(made.dependencies.path) as opened:
            for name in opened.namelist():
                if opened.read(name)[:4] == b"\x7fELF":
                    machines.append(opened.read(name)[18])
        assert machines == [machine]


def test_nothing_of_this_machine_and_no_secret_is_in_it(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-4711"
    monkeypatch.setenv("DATABASE_PASSWORD", canary)
    monkeypatch.setenv("UV_INDEX_PASSWORD", canary)
    project(tmp_path / "app", {".env": canary, "prod.env": canary, "secret.key": canary})
    made = make()
    for archive in (made.code, made.dependencies):
        assert archive
        with ZipFile(archive.path) as opened:
            for name in opened.namelist():
                data = opened.read(name)
                assert canary.encode() not in data, name
                assert str(tmp_path).encode() not in data, name
                assert str(ROOT).encode() not in data, name


def names(made: Bundle) -> list[str]:
    assert made.code
    with ZipFile(made.code.path) as opened:
        return opened.namelist()


def test_one_archive_holds_code_dependencies_and_what_is_vendored_the_nearer_first(tmp_path: Path, make: Make) -> None:
    for root in ("app", "elsewhere"):
        project(tmp_path / root, {"shop.py": APP, "requirements.txt": "greetings\npillow\n", "other.py": ""})
        project(tmp_path / root, {"src/rates.json": "{}", "vendor/tables/__init__.py": "", "vendor/bin/cut": "#!\n"})
        project(tmp_path / root, {"vendor/greetings.py": "def hello(name): return name\n", "vendor/.env": "A=1"})
    chosen = Chosen(only=("shop.py", "src"), vendor=("vendor", "nowhere"))
    one = make("one", whole="deployment.zip", chosen=chosen)
    other = make("other", root="elsewhere", whole="deployment.zip", chosen=chosen)
    held = names(one)
    assert {"shop.py", "src/rates.json", "tables/__init__.py", "bin/cut", "pillow/_speed.so"} <= set(held)
    assert "ebbtide/on_lambda/entry.py" in held
    assert not [name for name in held if name.startswith(("vendor/", "other.py", ".env"))]
    with ZipFile(one.artefacts.code) as opened:
        assert opened.read("greetings.py") == b"def hello(name): return name\n"
    assert (tmp_path / "one" / "deployment.zip").read_bytes() == (tmp_path / "other" / "deployment.zip").read_bytes()
    assert (one.dependencies, one.artefacts.dependencies, other.dependencies) == (None, None, None)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["deployment.zip"]


@pytest.mark.skipif(LAMBDA is None, reason="needs .venvs/lambda, of this Python")
@pytest.mark.parametrize("whole", [None, "deployment.zip"])
def test_it_runs_where_nobody_may_write_with_what_lambda_brings_along(
    tmp_path: Path, make: Make, whole: str | None
) -> None:
    unpacked(make(architecture="x86_64", whole=whole), tmp_path / "var")
    before = sorted(path for path in (tmp_path / "var").rglob("*"))
    environment = {
        "EBBTIDE_TARGET": "shop:app",
        "EBBTIDE_QUEUE": "mail",
        "EBBTIDE_STAGE": "dev",
        "EBBTIDE_BROKER": "sqs://dev?mapped=1",
        "AWS_REGION": "eu-west-1",
    }
    body = '{"v":1,"id":"01a1fe38-578a-7792-85fd-6b9ca1e17b9f","task":"greet","queue":"mail","lane":0,"args":["Ada"],'
    body += (
        '"kwargs":{},"enqueued_at":1700000000.0,"lineage":{"root":"01a1fe38-578a-7792-85fd-6b9ca1e17b9f","depth":0}}'
    )
    words = [str(LAMBDA), "-I", str(Path(__file__).with_name("invoke.py"))]
    words += [str(tmp_path / "var" / "task"), str(tmp_path / "var" / "opt"), body]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    assert f"hello Ada {tmp_path}/var/task/shop.py" in lines, done.stdout
    assert json.loads(lines[-1]) == {"answer": {"batchItemFailures": []}, "without bytecode": [], "heavy": []}
    assert sorted(path for path in (tmp_path / "var").rglob("*")) == before


def test_an_app_without_dependencies_has_no_layer(tmp_path: Path, make: Make) -> None:
    make()
    (tmp_path / "app" / "requirements.txt").unlink()
    made = make()
    assert made.dependencies is None
    assert made.artefacts.dependencies is None
    assert not (tmp_path / "out" / "dependencies.zip").exists()


def test_a_module_that_would_hide_ebbtide_is_refused(tmp_path: Path, make: Make) -> None:
    project(tmp_path / "app", {"ebbtide/__init__.py": ""})
    with pytest.raises(BundleError, match=r"ebbtide/__init__\.py is there twice"):
        make()


def test_a_failure_leaves_what_was_built_before(tmp_path: Path, make: Make) -> None:
    make()
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.zip")}
    (tmp_path / "app" / "requirements.txt").write_text("nobody-has-this\n")
    with pytest.raises(BundleError, match="nobody-has-this"):
        make()
    (tmp_path / "app" / "requirements.txt").write_text("greetings\n")
    with pytest.raises(BundleError, match="means no file"):
        make(chosen=Chosen(include=("missing/*",)))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.zip")} == before
    assert not list((tmp_path / "out").glob(".making-*"))
