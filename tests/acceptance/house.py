"""An app of examples/, built and deployed by the commands a user types, to one MiniStack; first the house of orders."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import boto3

from ebbtide.deploy.logs import Wanted, read
from ebbtide.deploy.rehearsal.adapt import adapt
from ebbtide.deploy.rehearsal.server import ACCOUNT, Server
from ebbtide.deploy.stack.account import Account

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "orders"
TARGET = "orders:app"
STAGE = "test"
TLS = "OnlyByTls"
BATCHED = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
PATIENCE = 40.0
"""Seconds anything may take on a busy machine; most takes one or two."""


def runtime() -> Path | None:
    """A Python with what Lambda's runtime has and nothing else, of the version that builds here."""
    here = ROOT / ".venvs" / "lambda"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return here / "bin" / "python" if (here / "lib" / version).is_dir() else None


def until(found: Callable[[], T], seconds: float = PATIENCE) -> T:
    """What is found, once it is something."""
    deadline = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


def as_ministack_judges(found: Any) -> Any:
    """The policies of a template where MiniStack's IAM is not AWS's.

    It comes by plain HTTP, so what refuses that goes; it asks for actions such as sqs:SendMessageBatch, which AWS does
    not have: there a batch needs what a single message needs; and it takes every schedule to be in the group `default`.
    """
    if isinstance(found, list):
        return [as_ministack_judges(one) for one in found if not (isinstance(one, dict) and one.get("Sid") == TLS)]
    if not isinstance(found, dict):
        return found
    made = {key: as_ministack_judges(value) for key, value in found.items()}
    if "Effect" in made and "Action" in made:
        actions = [made["Action"]] if isinstance(made["Action"], str) else made["Action"]
        made["Action"] = actions + [f"{action}Batch" for action in actions if action in BATCHED]
        if actions == ["scheduler:CreateSchedule"]:
            made["Resource"] = {"Fn::Sub": re.sub("schedule/[^/]+/", "schedule/default/", made["Resource"]["Fn::Sub"])}
    return made


class House:
    """The deployed app, and what is done with it. Another one than that of orders says so in a class of its own."""

    example = EXAMPLE
    target = TARGET
    stage = STAGE
    logs: tuple[str, ...] = tuple(f"/aws/lambda/orders-{STAGE}-{queue}" for queue in ("orders", "mail", "parcels"))

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EBBTIDE_"))}
        self.environment = {**kept, **server.credentials, "COLUMNS": "120"}
        self.built = folder / "adapted"
        self.outputs: dict[str, str] = {}
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=server.region)
        self._account = Account(session, ACCOUNT, server.region, server.endpoint)
        self._known: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        return self._account.client(service)

    def run(self, *words: str, input: str = "", code: int = 0) -> str:
        """Run `ebbtide` as a process of its own; what it printed. It must end with this code."""
        done = subprocess.run(
            [sys.executable, "-m", "ebbtide.cli", *words],
            cwd=self.folder,
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, command: str, *words: str, code: int = 0) -> Any:
        """The JSON document of a command against the stage."""
        return json.loads(self.run(command, self.target, *words, "--stage", self.stage, "--json", code=code))

    def letters(self) -> list[dict[str, Any]]:
        """The stage's dead letters."""
        found: list[dict[str, Any]] = json.loads(self.run("dlq", "list", self.target, "--stage", self.stage, "--json"))
        return found

    def build(self, python: Path) -> None:
        """Build it, to run its functions in this interpreter."""
        self.copy()
        self.run("build", self.target, "--stage", self.stage)
        self.adapt(self.folder / ".ebbtide" / self.stage, python)

    def copy(self) -> None:
        """Put the example into the folder."""
        shutil.copytree(
            self.example, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ebbtide", "__py*")
        )

    def adapt(self, built: Path, python: Path) -> None:
        """Have what was built run here."""
        adapt(built, self.built, python)
        template = json.loads((self.built / "template.json").read_text())
        (self.built / "template.json").write_text(json.dumps(as_ministack_judges(template)))

    def deploy(self, *words: str, code: int = 0) -> Any:
        built = ("--built", str(self.built))
        return json.loads(self.run("deploy", self.target, "--stage", self.stage, *built, "--json", *words, code=code))

    def bring_near(self) -> None:
        """Have one like the one deployed schedule fire now, but once and under a name of its own.

        MiniStack notes by name when a schedule has last been looked at, and for an `at()` takes that for fired.
        """
        scheduler = self.client("scheduler")
        (one,) = scheduler.list_schedules()["Schedules"]
        found = scheduler.get_schedule(GroupName=one["GroupName"], Name=one["Name"])
        same = {key: found[key] for key in ("GroupName", "Target", "FlexibleTimeWindow", "State") if key in found}
        at = f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})"
        name = f"{one['Name'][:59]}-now"
        scheduler.create_schedule(**same, Name=name, ScheduleExpression=at, ActionAfterCompletion="DELETE")

    def post(self, path: str, body: Any) -> Any:
        """What the API answers, which must be 200."""
        status, _, said = self.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        assert status == 200, said
        return json.loads(said)

    def request(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """Status, headers and body of the API's answer. It is called by a path: its host's name resolves nowhere."""
        api = self.outputs["ApiUrl"].partition("//")[2].partition(".")[0]
        connection = HTTPConnection(self.server.endpoint.removeprefix("http://"), timeout=PATIENCE)
        connection.request(method, f"/_aws/execute-api/{api}/$default/{path}", body, headers or {})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        return answer.status, answer.headers, said

    def lines(self, task: str) -> list[dict[str, Any]]:
        """What the functions logged of calls of this task that succeeded."""
        found = read(self._account, list(self.logs), Wanted(task=task), time.time() - 600)
        fields = [line.fields for line in found if line.fields]
        return [dict(one) for one in fields if one["event"] == "task" and one["status"] == "succeeded"]

    def returned(self, task: str, value: Any) -> bool:
        """Whether a call of this task, which something outside started, has returned this value before long."""
        return until(lambda: value in self._values(task))

    def _values(self, task: str) -> list[Any]:
        ids = [line["id"] for line in self.lines(task)]
        for id in ids:
            if id not in self._known:
                self._known[id] = self.ask("result", id)["return_value"]
        return [self._known[id] for id in ids]

    def call(self, *words: str) -> Any:
        """The record of one call, enqueued and waited for."""
        return json.loads(
            self.run("enqueue", self.target, *words, "--stage", self.stage, "--json", f"--wait={PATIENCE:g}")
        )
