"""The very artefacts in a clean environment: what a bundle lacks is missing, whatever MiniStack's own packages are."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import runtime
from tests.aws.ministack import unique

from ebbtide.deploy.rehearsal.adapt import PROVIDED, adapt
from ebbtide.deploy.rehearsal.runtime import interpreter
from ebbtide.deploy.rehearsal.server import RehearsalError, Server
from ebbtide.deploy.stack.account import account

PYTHON = runtime()
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
needs_runtime = pytest.mark.skipif(PYTHON is None, reason="needs .venvs/lambda, of this Python")


def built(folder: Path, code: str) -> Path:
    """A folder as `ebbtide build` writes it, with a function and a layer."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        archive.writestr("main.py", code)
    with zipfile.ZipFile(folder / "dependencies.zip", "w") as archive:
        archive.writestr("python/layered.py", "VALUE = 42")
    function = {"Runtime": f"python{HERE}", "CodeUri": "code.zip", "MemorySize": 256, "Layers": [{"Ref": "Layer"}]}
    template = {
        "Resources": {
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "dependencies.zip"}},
            "One": {"Type": "AWS::Serverless::Function", "Properties": function},
            "Two": {"Type": "AWS::Serverless::Function", "Properties": {**function, "MemorySize": 512}},
        }
    }
    (folder / "template.json").write_text(json.dumps(template))
    return folder


def invoked(archive: Path) -> Any:
    """What a function of this archive answers, on MiniStack."""
    client, name = account().client("lambda"), unique("f")
    role = "arn:aws:iam::000000000000:role/any"
    code = {"ZipFile": archive.read_bytes()}
    client.create_function(FunctionName=name, Runtime=PROVIDED, Handler="main.handler", Role=role, Code=code)
    return json.loads(client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())


def test_a_layer_of_somebody_elses_is_left_out(tmp_path: Path) -> None:
    before = built(tmp_path / "built", "x = 1")
    template = json.loads((before / "template.json").read_text())
    layers = template["Resources"]["One"]["Properties"]["Layers"]
    layers.append("arn:aws:lambda:eu-west-1:123456789012:layer:theirs:1")
    (before / "template.json").write_text(json.dumps(template))
    after = json.loads((adapt(before, tmp_path / "after", Path("/python")) / "template.json").read_text())
    assert after["Resources"]["One"]["Properties"]["Layers"] == [{"Ref": "Layer"}]


def test_only_the_runtime_is_another_and_no_byte_of_the_code(tmp_path: Path) -> None:
    before = built(tmp_path / "built", "x = 1")
    after = adapt(before, tmp_path / "after", Path("/python"))
    old, new = (json.loads((folder / "template.json").read_text())["Resources"] for folder in (before, after))
    for name in ("One", "Two"):
        assert new[name]["Properties"] == {**old[name]["Properties"], "Runtime": PROVIDED}
    assert new["Layer"] == old["Layer"]
    with zipfile.ZipFile(after / "code.zip") as archive:
        assert archive.namelist() == ["main.py", "bootstrap"]
        assert archive.read("main.py") == b"x = 1"
        assert archive.getinfo("bootstrap").external_attr >> 16 == 0o755
    assert (before / "code.zip").read_bytes() != (after / "code.zip").read_bytes()


@needs_runtime
@pytest.mark.usefixtures("aws")
def test_a_function_finds_its_code_its_layer_and_what_lambda_has(tmp_path: Path) -> None:
    code = (
        "import boto3, layered, os\n"
        "def handler(event, context):\n"
        "    return [layered.VALUE, os.environ['AWS_EXECUTION_ENV'], 'GATEWAY_PORT' in os.environ]\n"
    )
    assert PYTHON
    after = adapt(built(tmp_path / "built", code), tmp_path / "after", PYTHON)
    assert invoked(after / "code.zip") == [42, f"AWS_Lambda_python{HERE}", False]


@needs_runtime
@pytest.mark.parametrize("module", ["click", "ministack", "ebbtide"])
def test_what_only_this_machine_has_is_missing(aws: Server, tmp_path: Path, module: str) -> None:
    assert PYTHON
    code = f"import {module}\ndef handler(event, context): return 'found'\n"
    after = adapt(built(tmp_path / "built", code), tmp_path / "after", PYTHON)
    answer = invoked(after / "code.zip")
    assert "errorType" in answer
    assert f"No module named '{module}'" in json.dumps(answer)


@needs_runtime
def test_an_interpreter_that_was_given_is_looked_at_first() -> None:
    assert PYTHON
    assert interpreter(HERE, PYTHON, print) == PYTHON.absolute()
    with pytest.raises(RehearsalError, match=rf"is Python {HERE}, but the functions are built for 3\.99"):
        interpreter("3.99", PYTHON, print)


def test_an_interpreter_without_awss_runtime_client_is_refused(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(RehearsalError, match=r"No module named 'awslambdaric'; it needs awslambdaric and boto3"):
        interpreter(HERE, bare, print)
    with pytest.raises(RehearsalError, match="cannot be run"):
        interpreter(HERE, tmp_path / "none", print)


def test_an_archive_is_still_one_that_any_tool_reads(tmp_path: Path) -> None:
    after = adapt(built(tmp_path / "built", "x = 1"), tmp_path / "after", Path("/my python"))
    with zipfile.ZipFile(io.BytesIO((after / "code.zip").read_bytes())) as archive:
        assert archive.testzip() is None
        assert "exec '/my python' -s -m awslambdaric" in archive.read("bootstrap").decode()
