"""`ebbtide worker`: what it refuses, what it prints, and that options reach the processes. What a worker does with
tasks and signals is in tests/runners."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.conftest import Shop
from tests.runners.crew import Running, until


@pytest.fixture
def worker(shop: Shop) -> Iterator[Running]:
    """A worker with one process that tells everything."""
    running = Running(["-m", "ebbtide.cli", "worker", shop.module, "-p", "1", "-v"], shop.folder)
    yield running
    running.clear()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere:app",), "there is no module 'nowhere'."),
        (("SHOP:nope",), "has no 'nope'."),
        (("SHOP", "--queues", "mial"), "app 'shop' has no queue 'mial'. Did you mean 'mail'?"),
        (("SHOP", "-q", "mail,nope"), "app 'shop' has no queue 'nope'."),
        (("SHOP", "--processes", "0"), "0 is not in the range 1<=x<=1000"),
        (("SHOP", "--processes", "many"), "'many' is not a valid integer range"),
        (("SHOP", "--threads", "-1"), "-1 is not in the range"),
        (("SHOP", "--concurrency", "0"), "0 is not in the range"),
        (("SHOP", "--grace", "soon"), "'soon' is no duration"),
        (("SHOP", "--broker", "nosuch://x"), "is no broker we know"),
        (("SHOP", "--broker", "memory://"), "lives and dies with one process"),
        ((), "Missing argument 'TARGET'"),
    ],
)
def test_what_cannot_work_is_refused_with_one_line_and_exit_code_2(
    shop: Shop, words: tuple[str, ...], told: str
) -> None:
    done = shop.call("worker", *(word.replace("SHOP", shop.module) for word in words))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line


@pytest.mark.parametrize(
    ("queue", "told"),
    [
        ("runner='elsewhere'", "queue 'theirs' is run elsewhere, as its declaration says; a worker takes default"),
        (
            "dead_letters='reprot'",
            "dead_letters='reprot'): app 'a' has no such task. Did you mean 'report'?",
        ),
    ],
)
def test_what_only_the_whole_app_shows_is_refused_as_well(shop: Shop, queue: str, told: str) -> None:
    (shop.folder / "whole.py").write_text(
        f"from ebbtide import App, Queue\napp = App('a', queues=[Queue('theirs', {queue})], broker='sqlite:///a.db')\n"
        "@app.task\ndef report(): ...\n"
    )
    done = shop.call("worker", "whole:app", "-q", "theirs")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line
    sys.modules.pop("whole", None)


def test_an_app_on_memory_is_refused_with_the_cure(shop: Shop) -> None:
    (shop.folder / "shop_in_memory.py").write_text("from ebbtide import App\napp = App('a', broker='memory://')\n")
    done = shop.run("worker", "shop_in_memory:app")
    assert done.returncode == 2
    assert "name another: --broker sqlite:///ebbtide.db" in done.stderr


def test_a_queue_that_cannot_be_opened_is_told_before_any_process_starts(shop: Shop) -> None:
    done = shop.run("worker", "SHOP", "--broker", "sqlite:///missing/queue.db")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "there is no folder missing" in errors[0]
    assert "worker process" not in done.stderr


def test_drained_it_ends_with_exit_code_0_and_by_default_tells_only_faults(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    shop.call("enqueue", "SHOP", "miss", "'key'")
    done = shop.run("worker", "SHOP", "-p", "1", "--drain")
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "the module was imported" not in line]
    assert lines[0] == f"1 worker process for {shop.module}; Ctrl-C stops"
    (fault,) = lines[1:]
    assert re.fullmatch(r"\d\d:\d\d:\d\d ERROR   miss \S+ failed for good, now a dead letter: KeyError: .*", fault)


def test_verbose_prints_one_line_a_task(shop: Shop) -> None:
    ids = [shop.asked("enqueue", "SHOP", "add", str(number))["id"] for number in range(3)]
    done = shop.run("worker", "SHOP", "-p", "1", "--drain", "-v")
    lines = [line for line in done.stderr.splitlines() if "succeeded" in line]
    assert len(lines) == 3
    for id, line in zip(ids, lines, strict=True):
        assert re.fullmatch(rf"\d\d:\d\d:\d\d INFO    add {id} succeeded in \d+ ms", line)


def test_only_the_queues_it_is_told_are_served(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    shop.call("enqueue", "SHOP", "greet", "'Ann'")
    shop.run("worker", "SHOP", "-p", "1", "--drain", "-q", "mail, mute")
    assert shop.app.broker.depth("mail")[0].pending == 0
    assert shop.app.broker.depth("default")[0].pending == 1


def test_the_broker_option_reaches_the_processes(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    other = shop.asked("enqueue", "SHOP", "add", "2", "--broker", "sqlite:///other.db")["id"]
    done = shop.run("worker", "SHOP", "-p", "1", "--drain", "-v", "--broker", "sqlite:///other.db")
    assert f"add {other} succeeded" in done.stderr
    assert done.stderr.count("succeeded") == 1


def test_it_waits_for_work_until_ctrl_c(shop: Shop, worker: Running) -> None:
    until(lambda: "Ctrl-C stops" in worker.said)
    shop.call("enqueue", "SHOP", "add", "1")
    until(lambda: "succeeded" in worker.said)
    worker.send_all(signal.SIGINT)
    assert worker.ended() == 0
    assert "Traceback" not in worker.said


def test_a_target_that_is_broken_when_a_process_must_be_replaced_ends_it_with_exit_code_2(shop: Shop) -> None:
    module = shop.folder / "leaving.py"
    module.write_text(
        "import os\nfrom ebbtide import App\napp = App('a', broker='sqlite:///a.db')\n"
        "@app.task\ndef leave():\n    open('leaving.py', 'w').write('import os\\n\\nnope()\\n')\n    os._exit(3)\n"
    )
    shop.run("enqueue", "leaving", "leave")
    worker = Running(["-m", "ebbtide.cli", "worker", "leaving", "-p", "1", "-v"], shop.folder)
    try:
        assert worker.ended() == 2
    finally:
        worker.clear()
    assert "ended with exit code 3; another takes its place" in worker.said
    assert 'leaving.py", line 3, in <module>' in worker.said


FORGER = """
import logging, os
from ebbtide import App, RetryPolicy
app = App("a", broker="sqlite:///a.db")

@app.task(retry=RetryPolicy(attempts=1))
def forge(text: str) -> None:
    logging.getLogger("shop").warning(text)
    raise ValueError(text)

@app.task(retry=RetryPolicy(attempts=2, base=0), takes_context=True)
def leave_once(delivery) -> None:
    if delivery.attempt == 1:
        os._exit(3)
"""


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_with_json_every_event_is_one_line_whatever_a_task_says(shop: Shop) -> None:
    (shop.folder / "forger.py").write_text(FORGER)
    text = 'a\r\nb\x1b[2J\u2028\x00 %s {"event": "forged"}\n{"event": "forged"}'
    shop.run("enqueue", "forger", "forge", "--args", json.dumps([text]))
    done = shop.run("worker", "forger", "-p", "1", "--drain", "--log-format", "json")
    found = events(done.stderr)
    order = ["worker_started", "process_started", "log", "task", "process_stopped", "worker_stopped"]
    assert [event["event"] for event in found] == order
    log, task = found[2:4]
    assert (log["message"], log["task"], log["logger"]) == (text, "forge", "shop")
    assert (task["status"], task["error"], task["level"]) == (
        "failed",
        {"type": "builtins.ValueError", "message": text},
        "ERROR",
    )
    assert (found[0]["processes"], found[-1]["exit_code"]) == (1, 0)
    assert len({event["pid"] for event in found}) == 2


def test_with_json_successes_are_told_and_so_is_the_death_of_a_process(shop: Shop) -> None:
    (shop.folder / "forger.py").write_text(FORGER)
    shop.run("enqueue", "forger", "leave_once")
    found = events(shop.run("worker", "forger", "-p", "1", "--drain", "--log-format", "json").stderr)
    (died,) = [event for event in found if event["event"] == "process_died"]
    assert "ended with exit code 3; another takes its place" in died["message"]
    (task,) = [event for event in found if event["event"] == "task"]
    assert (task["task"], task["attempt"], task["status"], task["level"]) == ("leave_once", 2, "succeeded", "INFO")


def test_with_json_a_target_that_cannot_be_loaded_later_is_a_line_too(shop: Shop) -> None:
    given: dict[str, Any] = {
        "target": "nowhere",
        "broker": None,
        "queues": None,
        "log": "WARNING",
        "log_format": "json",
        "settings": {},
    }
    command = [sys.executable, "-m", "ebbtide.cli.process", json.dumps(given), "--lifeline", "0"]
    done = subprocess.run(command, cwd=shop.folder, capture_output=True, text=True, timeout=60)
    (event,) = events(done.stderr)
    assert (event["event"], event["error"]["type"]) == ("process_not_started", "ebbtide.errors.TargetError")
