"""`ebbtide logs`: which lines are shown, and how."""

import json
import signal
import subprocess
import sys
import time
from typing import Any

import boto3
import pytest
from tests.aws.ministack import unique
from tests.cli.conftest import Shop

from ebbtide.deploy.rehearsal.server import Server

ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def line(level: str = "INFO", event: str = "task", **fields: Any) -> str:
    return json.dumps({"time": "2027-01-01T12:00:00Z", "level": level, "event": event, **fields})


DONE = line(task="receipt", id=ID, status="succeeded", duration_ms=12.0, attempt=1, queue="default")
AGAIN = line(
    "WARNING",
    task="greet",
    id="other",
    status="retried",
    duration_ms=1.0,
    again_in_ms=2_000,
    attempt=2,
    error={"type": "ValueError", "message": "no"},
)
SAID = line(event="log", message="hello", task="receipt", id=ID)
PLATFORM = "REPORT RequestId: 1 Duration: 2 ms"


class Log:
    """The log groups of a stage, written to directly."""

    def __init__(self, shop: Shop, server: Server) -> None:
        self.shop, self.stage = shop, unique("s")
        self._client = boto3.client("logs", endpoint_url=server.endpoint)
        self._begun: set[str] = set()

    def write(self, queue: str, *lines: str, ago: float = 0) -> None:
        group = {"logGroupName": f"/aws/lambda/shop-{self.stage}-{queue}"}
        stream = {**group, "logStreamName": "one"}
        if queue not in self._begun:
            self._client.create_log_group(**group)
            self._client.create_log_stream(**stream)
            self._begun.add(queue)
        at = int((time.time() - ago) * 1_000)
        events = [{"timestamp": at + number, "message": text} for number, text in enumerate(lines)]
        self._client.put_log_events(**stream, logEvents=events)

    def shown(self, *words: str) -> list[str]:
        done = self.shop.call("logs", "SHOP", "--stage", self.stage, *words)
        assert done.exit_code == 0, done.stderr
        return [text.partition("  ")[2] for text in done.stdout.splitlines()]


@pytest.fixture
def log(shop: Shop, aws: Server) -> Log:
    made = Log(shop, aws)
    made.write("default", DONE, SAID, PLATFORM, ago=30)
    made.write("mail", AGAIN, ago=20)
    return made


def test_lines_of_all_functions_are_shown_in_order_for_people(log: Log) -> None:
    assert log.shown() == [
        f"INFO    receipt {ID} succeeded in 12 ms",
        f"INFO    hello [receipt {ID}]",
        PLATFORM,
        "WARNING greet other retried in 1 ms again in 2 s (attempt 2) ValueError: no",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--task", "receipt"), 2),
        (("--id", ID), 2),
        (("--level", "warning"), 1),
        (("--queue", "mail"), 1),
        (("--queue", "mail", "--queue", "default"), 4),
        (("--grep", "REPORT"), 1),
        (("--since", "25"), 1),
        (("--since", "1"), 0),
    ],
)
def test_they_are_narrowed(log: Log, words: tuple[str, ...], expected: int) -> None:
    assert len(log.shown(*words)) == expected


def test_as_json_each_is_as_it_was_written(log: Log) -> None:
    done = log.shop.call("logs", "SHOP", "--stage", log.stage, "--json")
    assert done.stdout.splitlines()[0] == DONE
    assert json.loads(done.stdout.splitlines()[2])["message"] == PLATFORM


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--task", "recipt"), "app 'shop' has no task 'recipt'. Did you mean 'receipt'?"),
        (("--queue", "mial"), "app 'shop' has no queue 'mial'. Did you mean 'mail'?"),
        (("--level", "loud"), "'loud' is not one of"),
    ],
)
def test_a_typo_is_told(log: Log, words: tuple[str, ...], told: str) -> None:
    done = log.shop.call("logs", "SHOP", "--stage", log.stage, *words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_following_goes_on_until_it_is_interrupted_and_shows_each_line_once(log: Log) -> None:
    command = [sys.executable, "-m", "ebbtide.cli", "logs", log.shop.module, "--stage", log.stage, "-f"]
    with subprocess.Popen(command, cwd=log.shop.folder, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        first = [follower.stdout.readline() for _ in range(4)]
        log.write("mail", SAID)
        assert "hello" in follower.stdout.readline()
        log.write("default", DONE)
        assert "succeeded" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.stdout.read() == ""
    assert follower.returncode == 130
    assert PLATFORM in first[2]


def test_a_stage_without_a_log_is_told_from_a_log_without_such_a_line(log: Log) -> None:
    assert log.shown("--grep", "nobody wrote this") == []
    nowhere = unique("s")
    done = log.shop.call("logs", "SHOP", "--stage", nowhere)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"there is no log of shop-{nowhere} in us-east-1" in done.stderr
