"""`--http` of `ebbtide worker` and `ebbtide dev`: where it listens, what it tells, how its process lives and ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.conftest import Shop
from tests.runners.crew import Running, alive
from tests.web.served import Served, served, until

from ebbtide.cli.http import address, listen, written
from ebbtide.errors import TargetError

SOURCE = """
import os, time
from pathlib import Path
from ebbtide import App, Http, Queue

app = App("desk", queues=[Queue("quick", timeout=0.5)], broker="sqlite:///desk.db")

@app.task(Http("GET", "/nap"))
def nap(seconds: float = 0) -> int:
    Path("napping").touch()
    time.sleep(seconds)
    return os.getpid()

@app.task(Http("GET", "/stuck"), queue="quick")
def stuck() -> None:
    time.sleep(60)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "desk.py").write_text(SOURCE)
    with served(tmp_path, "desk:app", "-p", "1", "--grace", "20") as made:
        yield made


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8000", "127.0.0.1", 8000),
        (":8000", "127.0.0.1", 8000),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:8000", "::1", 8000),
        ("localhost:0", "localhost", 0),
    ],
)
def test_an_address_is_a_port_or_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert address(text) == (host, port)
    assert address(written(host, port)) == (host, port)


@pytest.mark.parametrize("text", ["", "x", "localhost", "1:2:3", "::1:8000", "70000", "-1", "80.5", "http://a:80"])
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write a port, or a host and a port: 8000, 0\.0\.0\.0:8000"):
        address(text)


def test_a_port_in_use_is_told_with_another_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TargetError) as caught:
            listen("127.0.0.1", port)
    assert f"--http 127.0.0.1:{port}: the port is in use" in str(caught.value)
    assert f"choose another port: --http {port + 1}" in str(caught.value)


def test_a_host_that_is_not_there_is_told() -> None:
    with pytest.raises(TargetError, match=r"0\.0\.0\.0 is every address of this machine"):
        listen("192.0.2.1", 8000)  # of a network that is nobody's


def test_a_port_in_use_ends_the_worker_before_any_process_starts(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = shop.run("worker", "SHOP", "--http", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "the port is in use" in done.stderr
    assert "worker process" not in done.stderr


def test_an_app_without_routes_is_served_results_and_health_alone(shop: Shop) -> None:
    with served(shop.folder, shop.module, "-p", "1") as made:
        assert "serves no routes, results and health alone" in made.said
        id = shop.asked("enqueue", "SHOP", "add", "1", "2")["id"]
        assert made.request("GET", f"/results/{id}?wait=20").json["return_value"] == 3.0
        assert made.request("GET", "/").status == 404


def test_the_routes_are_told_in_one_line(desk: Served) -> None:
    assert f"http://127.0.0.1:{desk.port} serves GET /nap, GET /stuck" in desk.said


def test_a_stop_lets_a_running_request_end(desk: Served) -> None:
    replies = []
    request = threading.Thread(target=lambda: replies.append(desk.request("GET", "/nap?seconds=1")))
    request.start()
    until((desk.folder / "napping").exists)
    assert desk.stop() == 0
    request.join()
    assert replies[0].status == 200
    assert "Traceback" not in desk.said


def test_a_request_that_outlasts_the_grace_is_answered_503(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(SOURCE)
    with served(tmp_path, "desk:app", "-p", "1", "--grace", "1") as desk:
        replies = []
        request = threading.Thread(target=lambda: replies.append(desk.request("GET", "/nap?seconds=50")))
        request.start()
        until((desk.folder / "napping").exists)
        assert desk.stop() == 0
        request.join()
    assert (replies[0].status, replies[0].problem["detail"]) == (503, "the server is stopping")


def test_a_call_that_overruns_is_answered_504_and_its_process_replaced_while_connections_wait(desk: Served) -> None:
    before = desk.web_pid()
    assert desk.request("GET", "/stuck").status == 504
    until(lambda: "web process" in desk.said)
    assert desk.request("GET", "/nap").json != before
    assert f"web process {before} was ended: its task ran longer than its queue's timeout" in desk.said
    assert 'desk.py", line' in desk.said  # where it hung


def test_a_web_process_that_is_killed_is_replaced_and_no_connection_refused(desk: Served) -> None:
    before, workers = desk.web_pid(), desk.worker_pids()
    os.kill(before, signal.SIGKILL)
    until(lambda: f"web process {before} was killed by SIGKILL; another takes its place" in desk.said)
    assert desk.request("GET", "/nap").json not in (before, desk.process.pid)
    assert desk.worker_pids() == workers


def test_when_the_supervisor_is_killed_the_web_process_ends(desk: Served) -> None:
    pid = desk.web_pid()
    os.kill(desk.process.pid, signal.SIGKILL)
    until(lambda: not alive(pid))


def test_with_drain_it_ends_with_the_workers(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(SOURCE)
    made = Served(tmp_path, "desk:app", "-p", "1", "--drain")
    try:
        assert made.process.wait(30) == 0
    finally:
        made.clear()


def test_dev_serves_what_changes(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(SOURCE)
    dev = Running(["-m", "ebbtide.cli", "dev", "desk:app", "--grace", "0.5", "--http", "0"], tmp_path)
    try:
        until(lambda: "serves GET /nap, GET /stuck" in dev.said)
        (tmp_path / "desk.py").write_text(SOURCE.replace("/nap", "/doze"))
        until(lambda: "serves GET /doze, GET /stuck" in dev.said)
    finally:
        dev.clear()


def test_dev_serves_nothing_where_that_is_said_or_there_are_no_routes(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "desk.py").write_text(SOURCE)
    for target, options in (("desk:app", ["--http", "none"]), (shop.module, [])):
        dev = Running(["-m", "ebbtide.cli", "dev", target, "--grace", "0.5", *options], shop.folder)
        try:
            until(lambda dev=dev: "Ctrl-C stops" in dev.said)  # type: ignore[misc]
            dev.send(signal.SIGTERM)
            assert dev.ended() == 0
            assert "serves" not in dev.said
        finally:
            dev.clear()
