"""`ebbtide rehearse`: an app deployed to this machine, driven, and gone."""

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import runtime
from tests.cli.conftest import Shop

from ebbtide.cli import log_lines
from ebbtide.cli.result import show_told
from ebbtide.deploy.logs import Line

PYTHON = runtime()
pytestmark = pytest.mark.skipif(PYTHON is None, reason="needs .venvs/lambda, of this Python")

SOURCE = """
from ebbtide import App, Delivery, Http, Queue, RetryPolicy

app = App("small", queues=[Queue("default", timeout=10)])


@app.task(Http("GET", "/twice/{number}", authorization="public"))
def twice(number: int) -> int:
    return 2 * number


@app.task(queue=Queue("silent", timeout=10, results=0), retry=RetryPolicy(attempts=1))
def silent(number: int) -> None:
    1 / number


@app.task(retry=RetryPolicy(attempts=2, base=0), takes_context=True)
def stubborn(delivery: Delivery, number: int) -> int:
    if delivery.attempt == 1:
        raise ValueError("not yet")
    return 2 * number
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.py").write_text(SOURCE)
    (tmp_path / "ebbtide.toml").write_text('region = "eu-west-1"\n')
    return tmp_path


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ebbtide.cli", "rehearse", "small:app", "--runtime-python", str(PYTHON), *words]
    environment = {**os.environ, "TMPDIR": str(folder), "AWS_PROFILE": "mine"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def left(folder: Path) -> list[Path]:
    return list(folder.glob("ebbtide-rehearsal-*"))


def test_one_call_is_run_and_its_result_shown_and_what_went_wrong_on_the_way(folder: Path) -> None:
    said, remarks = (process := started(folder, "--run", "stubborn", "21", "--json")).communicate(timeout=100)
    assert process.returncode == 0, remarks
    record = json.loads(said)
    assert (record["task"], record["status"], record["return_value"]) == ("stubborn", "SUCCESSFUL", 42)
    assert re.search(r"WARNING +stubborn [0-9a-f-]+ retried in .* builtins.ValueError: not yet", remarks), remarks
    assert "building for this machine" in remarks
    assert "created queue small-rehearsal-default" in remarks
    assert left(folder) == []


def test_what_became_of_a_call_without_a_result_is_taken_from_the_log(folder: Path) -> None:
    said, remarks = (process := started(folder, "--run", "silent", "0", "--json")).communicate(timeout=100)
    assert process.returncode == 1, remarks
    told = json.loads(said)
    assert (told["task"], told["status"], told["attempts"]) == ("silent", "FAILED", 1)
    assert told["error"] == {"type": "builtins.ZeroDivisionError", "message": "division by zero"}
    assert "keeps no results" in remarks


def line(**fields: Any) -> Line:
    return Line(0.0, "f", "", {"event": "task", "level": "INFO", **fields})


def test_only_the_end_of_that_very_task_is_its_end() -> None:
    others = [line(id="b", status="failed"), line(id="a", status="retried"), Line(0.0, "f", "printed", None)]
    assert log_lines.end_of("a", others) is None
    assert log_lines.end_of("a", [*others, line(id="a", status="succeeded")]) == line(id="a", status="succeeded").fields


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"status": "succeeded", "attempt": 2, "duration_ms": 1500.0}, 0, ["SUCCESSFUL", "1.5 s"]),
        (
            {"status": "failed", "attempt": 3, "error": {"type": "E", "message": "no"}},
            1,
            ["FAILED", "attempt 3: E: no"],
        ),
        (None, 3, ["READY"]),
    ],
)
def test_what_the_log_tells_is_shown_as_a_result_is(
    fields: dict[str, Any] | None, code: int, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_told("silent", "a", fields, machine=False) == code
    said = capsys.readouterr().out
    assert all(word in said for word in told), said


def test_it_stays_shows_what_happens_and_leaves_nothing_behind(folder: Path) -> None:
    with started(folder) as process:
        assert process.stdout
        line = process.stdout.readline()
        address = re.fullmatch(r"HTTP\s+http://(127\.0\.0\.1:\d+)(/_aws/execute-api/\w+/\$default/)\n", line)
        assert address, line
        connection = HTTPConnection(address[1], timeout=60)
        connection.request("GET", f"{address[2]}twice/4")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"8")
        connection.close()
        seen = iter(process.stdout.readline, "")
        assert any("--region eu-west-1 --endpoint-url http://127.0.0.1:" in text for text in seen)
        assert any(re.search(r"INFO +twice [0-9a-f-]+ succeeded in", text) for text in seen)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert left(folder) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--run", "twise", "1"), "app 'shop' has no task 'twise'."),
        (("--run", "receipt", "many"), "task 'receipt', parameter 'order': expected int"),
        (("1",), "'1' belongs to no task; give --run TASK"),
        (("--stage", "No"), "'No' is no name for a stage"),
        (("--built", "."), "there is no template.json"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_started(shop: Shop, words: tuple[str, ...], told: str) -> None:
    done = shop.call("rehearse", "SHOP", "--runtime-python", str(PYTHON), *words)
    assert done.exit_code in (1, 2)
    assert told in done.stderr
