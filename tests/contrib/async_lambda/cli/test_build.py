"""`async-lambda build`, and that `ebbtide build` finds what such an app needs."""

from __future__ import annotations

import json
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from tests.contrib.async_lambda.cli.conftest import Folder

from ebbtide.cli.main import main as ebbtide

ARCHIVE = ".async_lambda/build/deployment.zip"


def template(folder: Folder, name: str = "template.json") -> Any:
    return json.loads((folder.path / name).read_text())


def test_it_writes_the_template_here_and_one_archive_with_all_that_runs(folder: Folder) -> None:
    done = folder.call("build", "app", "--stage", "prod-eu")
    assert done.exit_code == 0, done.output
    function = template(folder)["Resources"]["FirstALFunc"]["Properties"]
    assert (function["FunctionName"], function["CodeUri"], "Layers" in function) == ("project-First", ARCHIVE, False)
    assert function["Environment"]["Variables"]["MODE"] == "prod"
    with ZipFile(folder.path / ARCHIVE) as opened:
        names = opened.namelist()
    assert {"app.py", "src/rates.py", "vendored.py", "greetings.py", "ebbtide/on_lambda/entry.py"} <= set(names)
    assert not [name for name in names if name.startswith(("vendor/", "notes", ".")) or "/cli/" in name]
    assert "the module was imported prod True" in done.stderr
    assert "template" in done.stdout
    assert "sam deploy --template-file template.json --stack-name project-prodeu" in done.stderr
    assert "ebbtide deploy app --stage prodeu" in done.stderr
    assert (folder.path / ".async_lambda/build/.gitignore").read_text() == "*\n"


def test_without_a_stage_what_is_said_for_all_applies(folder: Folder) -> None:
    assert folder.call("build", "app", "-o", "out/sam.json").exit_code == 0
    function = template(folder, "out/sam.json")["Resources"]["FirstALFunc"]["Properties"]
    assert function["CodeUri"] == f"../{ARCHIVE}"
    assert function["Environment"]["Variables"]["EBBTIDE_STAGE"] == "default"
    assert function["Environment"]["Variables"]["MODE"] == "plain"


def test_an_image_takes_the_place_of_the_archive(folder: Folder) -> None:
    uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/project:7"
    done = folder.call("build", "app", "--image-uri", uri)
    function = template(folder)["Resources"]["FirstALFunc"]["Properties"]
    assert (function["PackageType"], function["ImageUri"]) == ("Image", uri)
    assert function["ImageConfig"] == {"Command": ["ebbtide.on_lambda.entry.handler"]}
    assert not {"CodeUri", "Handler", "Runtime", "Layers"} & function.keys()
    assert uri in done.stdout
    assert not (folder.path / ARCHIVE).exists()


def test_another_python_may_be_asked_for(folder: Folder) -> None:
    assert folder.call("build", "app", "--image-uri", "x", "--python", "3.11").exit_code == 0
    done = folder.call("build", "app", "--python", "3.8")
    assert (done.exit_code, "Lambda has no runtime for Python 3.8" in done.stderr) == (1, True)


def test_extras_stand_in_the_template(folder: Folder) -> None:
    extras = {"Resources": {"Mine": {"Type": "AWS::SNS::Topic"}}, "Parameters": {"P": {"Type": "String"}}}
    (folder.path / "extras.json").write_text(json.dumps(extras))
    assert folder.call("build", "app", "--image-uri", "x", "-e", "extras.json").exit_code == 0
    made = template(folder)
    assert (made["Resources"]["Mine"], made["Parameters"]) == (extras["Resources"]["Mine"], extras["Parameters"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"Resources": {"FirstALFunc": {}}}', "Resources FirstALFunc: the template has that already"),
        ('{"Resource": {}}', "'Resource' is no part of a template to add to. Did you mean 'Resources'?"),
        ('{"Resources": []}', "Resources: an object is expected"),
        ("{\n,", "extras.json:2: no JSON: Expecting property name"),
        ("[]", "an object is expected"),
    ],
)
def test_extras_that_do_not_fit_are_refused(folder: Folder, text: str, told: str) -> None:
    (folder.path / "extras.json").write_text(text)
    done = folder.call("build", "app", "--image-uri", "x", "-e", "extras.json")
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
    assert not (folder.path / "template.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("build", "ap"), "there is no module 'ap'. Did you mean 'app'?"),
        (("build", "app.py"), "is a path; name the module: app:app"),
        (("build", "app", "-s", "prod"), "there is no stage 'prod'. Did you mean 'prod-eu'?"),
        (("bild", "app"), "there is no command 'bild'. Did you mean 'build'?"),
        (("build", "app", "--extras", "none.json"), "'none.json' does not exist"),
    ],
)
def test_a_typo_is_told_in_one_line(folder: Folder, words: tuple[str, ...], told: str) -> None:
    done = folder.call(*words)
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_an_app_of_ebbtides_own_is_for_the_other_command(folder: Folder) -> None:
    (folder.path / "plain.py").write_text("from ebbtide import App\napp = App('shop')\n")
    done = folder.call("build", "plain")
    assert (done.exit_code, "its command is 'ebbtide'" in done.stderr) == (2, True)


def test_ebbtide_build_has_the_vendored_packages_and_the_stages_variables_in_place(folder: Folder) -> None:
    done = CliRunner().invoke(ebbtide, ["build", "app:app", "--stage", "prodeu"])
    assert done.exit_code == 0, done.output
    assert "the module was imported prod True" in done.stderr
    with ZipFile(folder.path / ".ebbtide/prodeu/code.zip") as opened:
        assert {"app.py", "src/rates.py", "vendored.py"} <= set(opened.namelist())
        assert "greetings.py" not in opened.namelist()
    assert (folder.path / ".ebbtide/prodeu/dependencies.zip").exists()
