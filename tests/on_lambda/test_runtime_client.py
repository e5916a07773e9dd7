"""A function run by AWS's own runtime client, in an environment that has nothing else, from code it cannot write to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from benchmarks.harness.runtime_api import RuntimeApi, runtime_api
from tests.acceptance.house import runtime
from tests.on_lambda.stage import record

from ebbtide.app import App
from ebbtide.queue import Queue

ROOT = Path(__file__).resolve().parents[2]
PYTHON = runtime()

pytestmark = pytest.mark.skipif(PYTHON is None, reason="needs .venvs/lambda, of this Python")

SHOP = """
import logging, sys, time
from ebbtide import App, Http, Queue

app = App("shop", queues=[Queue("default", timeout=30, results=0), Queue("slow", timeout=0.5, results=0)])

@app.task
def loaded(number: int) -> None:
    print("LOADED", " ".join(sorted(sys.modules)), flush=True)
    try:
        open("/".join([*__file__.split("/")[:-1], "written"]), "w")
    except OSError:
        print("READ-ONLY", flush=True)
    logging.getLogger("shop").warning("number %d", number)

@app.task(Http("GET", "/double/{number}", authorization="public"))
def double(number: int) -> int:
    return number * 2

@app.task(queue="slow")
def hang() -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
"""

REMOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def message(task: str, *args: Any, queue: str = "default") -> Any:
    app = App("shop", queues=[Queue(queue)])
    app.task(name=task, queue=queue)(lambda *args: None)
    return app.tasks[task].message(*args)


class Process:
    """A function's process and Lambda's side of it."""

    def __init__(self, api: RuntimeApi, process: "subprocess.Popen[bytes]", said: Path, task: Path) -> None:
        self.api = api
        self.process = process
        self.task = task
        self._said = said

    def invoke(self, event: Any, seconds: float = 60.0) -> Any:
        """The answer to an event, which must be a response."""
        self.api.put(event, seconds)
        answer = self.api.answer()
        assert answer.kind == "response", answer
        return answer.body

    @property
    def lines(self) -> list[str]:
        """What it has written."""
        return self._said.read_text(encoding="utf-8").splitlines()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


Start = Callable[..., Process]


def read_only(folder: Path) -> list[str]:
    """What to put before a command so that it finds this folder read-only, also as root."""
    prefix = [
        "unshare",
        "--mount",
        *([] if os.geteuid() == 0 else ["--map-root-user"]),
        "sh",
        "-c",
        REMOUNT,
        str(folder),
    ]
    if sys.platform == "linux" and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        return prefix
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    return []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(shop: str = SHOP, **environment: str) -> Process:
            task = tmp_path / "task"
            task.mkdir()
            (task / "shop.py").write_text(shop)
            api = stack.enter_context(runtime_api())
            said = tmp_path / "said"
            out = stack.enter_context(said.open("wb"))
            given = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{task}:{ROOT / 'src'}",
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "_HANDLER": "ebbtide.on_lambda.entry.handler",
                "EBBTIDE_TARGET": "shop:app",
                "EBBTIDE_STAGE": "prod",
                "EBBTIDE_BROKER": "sqs://prod?mapped=1&region=eu-west-1&endpoint=http://127.0.0.1:9",
                **environment,
            }
            command = [*read_only(task), str(PYTHON), "-m", "awslambdaric", given["_HANDLER"]]
            process = subprocess.Popen(command, cwd=task, env=given, stdout=out, stderr=out)
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            return Process(api, process, said, task)

        yield started


def event(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


ARN = "arn:aws:sqs:eu-west-1:123456789012:shop-prod-default"


def test_a_batch_is_answered_and_a_message_that_succeeds_needs_nothing_of_aws(start: Start) -> None:
    function = start()
    answer = function.invoke(event(record(message("loaded", 7), arn=ARN)))
    assert answer == {"batchItemFailures": []}
    (loaded,) = [line for line in function.lines if line.startswith("LOADED")]
    unwelcome = {"botocore", "boto3", "asyncio", "click", "rich", "uvicorn", "h11", "watchfiles", "concurrent.futures"}
    unwelcome |= {"hashlib", "_hashlib"}
    assert unwelcome & set(loaded.split()) == set()
    assert "READ-ONLY" in function.lines
    assert [path.name for path in function.task.rglob("*")] == ["shop.py"]


def test_where_results_are_kept_awss_library_is_loaded_while_the_container_starts(start: Start) -> None:
    function = start(SHOP.replace("results=0", "results=60"))
    function.invoke(event(record(message("loaded", 7), arn=ARN)))
    (loaded,) = [line for line in function.lines if line.startswith("LOADED")]
    assert "botocore" in loaded.split()


def test_a_broker_that_the_app_names_for_elsewhere_is_not_used(start: Start) -> None:
    function = start(SHOP.replace('App("shop", ', 'App("shop", broker="sqlite:///queue.db", '))
    assert function.invoke(event(record(message("loaded", 7), arn=ARN))) == {"batchItemFailures": []}


def test_every_line_of_the_log_is_json_with_its_request_and_task(start: Start) -> None:
    function = start(EBBTIDE_METRICS="1")
    sent = message("loaded", 7)
    function.invoke(event(record(sent, arn=ARN)))
    users, ours, metrics = function.log
    assert (users["level"], users["message"], users["logger"]) == ("WARNING", "number 7", "shop")
    assert (users["task"], users["id"], users["attempt"]) == ("loaded", sent.id, 1)
    assert ours["event"] == "task"
    assert (ours["task"], ours["id"], ours["attempt"], ours["status"]) == ("loaded", sent.id, 1, "succeeded")
    assert ours["wait_ms"] >= 0
    assert ours["duration_ms"] >= 0
    assert ours["memory_mb"] > 1
    assert users["request_id"] == ours["request_id"] == "8476a536-e9f4-11e8-9739-000000000001"
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Ebbtide"
    assert metrics["succeeded"] == 1


def test_a_failure_that_cannot_be_recorded_is_named_so_that_it_comes_again(start: Start) -> None:
    function = start()
    bad, good = message("unknown"), message("loaded", 1)
    answer = function.invoke(event(record(bad, arn=ARN), record(good, arn=ARN)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": bad.id}]}
    assert any(line["event"] == "storage_trouble" for line in function.log)


def test_a_request_is_answered_by_the_same_function(start: Start) -> None:
    function = start()
    request = json.loads((ROOT / "tests/events/http_2_null.json").read_text())
    request |= {"routeKey": "GET /double/{number}", "rawPath": "/double/21", "pathParameters": {"number": "21"}}
    answer = function.invoke(request)
    assert (answer["statusCode"], answer["body"]) == (200, "42")


def test_a_task_that_does_not_end_ends_the_process_with_a_word(start: Start) -> None:
    function = start(EBBTIDE_QUEUE="slow", EBBTIDE_MARGIN="1")
    function.api.put(event(record(message("hang", queue="slow"), arn=ARN.replace("default", "slow"))), 30)
    assert function.process.wait(40) == 1
    told = [line for line in function.log if line["event"] == "task"]
    assert told[0]["error"]["type"] == "ebbtide.errors.TaskTimeout"


def test_an_app_that_cannot_be_imported_is_told_with_the_users_own_traceback(start: Start) -> None:
    function = start("import nowhere_to_be_found\n")
    answer = function.api.answer()
    assert answer.kind == "init"
    assert "nowhere_to_be_found" in answer.body["errorMessage"]
    assert any("import nowhere_to_be_found" in line for line in function.lines)


def test_an_event_of_no_known_kind_is_a_failure_that_says_what_came(start: Start) -> None:
    function = start()
    function.api.put(json.loads((ROOT / "tests/events/eventbridge.json").read_text()))
    answer = function.api.answer()
    assert answer.kind == "error"
    assert "'detail-type'" in answer.body["errorMessage"]
