"""MiniStack in processes of its own: started on a free port, and gone without a trace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ebbtide.deploy.rehearsal.server import Server, ministack
from ebbtide.deploy.stack.account import account

_HOLD = """
import sys
from ebbtide.deploy.rehearsal.server import ministack
with ministack() as server:
    print(server.endpoint, server.folder, flush=True)
    sys.stdin.read()
"""


def until(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def answers(endpoint: str) -> bool:
    connection = HTTPConnection(endpoint.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_two_run_side_by_side_and_each_ends_with_its_block(ministack_server: Server) -> None:
    with ministack() as other:
        assert answers(other.endpoint)
        assert other.endpoint != ministack_server.endpoint
    assert not answers(other.endpoint)
    assert not other.folder.exists()
    assert answers(ministack_server.endpoint)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_however_its_owner_ends(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        endpoint, folder = owner.stdout.readline().split()
        assert answers(endpoint)
        owner.send_signal(how)
        owner.wait(20)
    assert until(lambda: not Path(folder).exists())
    assert not answers(endpoint)


def test_it_pretends_the_account_and_the_region_it_is_told(aws: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with ministack("eu-west-1", "123456789012") as server:
        for name, value in server.credentials.items():
            monkeypatch.setenv(name, value)
        found = account()
        queue = found.client("sqs").create_queue(QueueName="till")["QueueUrl"]
        attributes = found.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    assert (found.id, found.region) == ("123456789012", "eu-west-1")
    assert attributes["QueueArn"] == "arn:aws:sqs:eu-west-1:123456789012:till"


def test_it_hears_nothing_of_the_users_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    with ministack() as server:
        guard = Path(f"/proc/{server.process.pid}/environ")
        if not guard.exists():
            pytest.skip("no /proc here")
        told = guard.read_bytes().decode().split("\0")
    assert not [line for line in told if line.startswith(("AWS_PROFILE", "AWS_SESSION_TOKEN"))]
    assert os.environ["AWS_PROFILE"] == "mine"
