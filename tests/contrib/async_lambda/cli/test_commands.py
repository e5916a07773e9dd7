"""`async-lambda ls`, `invoke`, `web-server` and `version`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from tests.contrib.async_lambda.cli.conftest import Folder

from ebbtide.version import __version__


def test_the_tasks_are_listed_with_what_starts_them(folder: Folder) -> None:
    done = folder.call("ls", "app")
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        *(["Changes", "dynamodb"], ["Clock", "scheduled"], ["First", "async"]),
        *(["Get", "api"], ["Second", "batch"], ["Theirs", "sqs"]),
    ]
    assert rows[3][2:4] == ["async_invoke", "2"]
    assert "rate(15 minutes)" in done.stdout


def test_a_task_runs_here_with_all_that_it_invokes_and_its_payload_is_json_or_text(folder: Folder) -> None:
    done = folder.call("invoke", "app", "First", "-b", '{"a": 1}')
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "first: {'a': 1} v 2\nsecond: [('First', {'from': 'First'})]\n1\n"
    assert "the module was imported plain False" in done.stderr
    assert folder.call("invoke", "app", "First", "--body", "a text").stdout.startswith("first: a text v 2\n")


def test_an_api_task_is_given_query_headers_and_body_and_its_answer_is_shown(folder: Folder) -> None:
    done = folder.call("invoke", "app", "Get", "-q", "a=1&a=2", "-h", "X-Token", "secret", "-b", "text")
    assert json.loads(done.stdout) == {
        "statusCode": 201,
        "headers": {"content-type": "application/json"},
        "body": '["GET", {"a": "2"}, "secret", "text"]',
    }


def test_other_kinds_of_tasks_are_given_events_of_theirs(folder: Folder) -> None:
    assert folder.call("invoke", "app", "Clock").stdout == "tick Scheduled Event\n"
    change = '{"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": {"id": {"S": "1"}}}}]}'
    assert folder.call("invoke", "app", "Changes", "-b", change).stdout == "[{'id': {'S': '1'}}]\n"


def test_a_task_that_raises_is_told_with_its_own_lines(folder: Folder) -> None:
    done = folder.call("invoke", "app", "Theirs", "-b", "luck")
    assert done.exit_code == 1
    assert re.search(r'File ".*app\.py", line \d+, in theirs', done.stderr)
    assert re.search(r"error: task 'Theirs' failed: ValueError: no luck \(app\.py:\d+\)$", done.stderr.strip())
    assert "trial.py" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Frist",), "app 'project' has no task 'Frist'. Did you mean 'First'?"),
        (("First", "-q", "a=1"), "task 'First' is no API task: --query-string and --header are for these alone"),
        (("Clock", "-b", "x"), "task 'Clock' is started by the clock, which gives it nothing"),
        (("Changes", "-b", "x"), "task 'Changes' reads a table's stream: give its event"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(folder: Folder, words: tuple[str, ...], told: str) -> None:
    done = folder.call("invoke", "app", *words)
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr


def test_the_api_tasks_are_served_with_the_stages_variables(folder: Folder) -> None:
    command = "from ebbtide.contrib.async_lambda.cli.main import main; main()"
    words = [sys.executable, "-c", command, "web-server", "app", "-p", "0", "-s", "prod-eu"]
    with subprocess.Popen(words, cwd=folder.path, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr
        address = next(found for line in process.stderr if (found := re.match(r"http://(\S+) serves GET /rates", line)))
        connection = HTTPConnection(address[1], timeout=30)
        connection.request("GET", "/rates/2027?a=1", headers={"X-Token": "t"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (201, ["GET", {"a": "1"}, "t", None])
        connection.close()
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode == 0


def test_the_version_is_ebbtides(folder: Folder) -> None:
    assert folder.call("version").stdout == f"{__version__}\n"
