"""`ebbtide enqueue`."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from tests.cli.conftest import Shop

from ebbtide.message import Message


def stored(shop: Shop) -> list[Message]:
    app = shop.app
    return [delivery.message for delivery in app.broker.receive(list(app.queues.values()), 100)]


def test_the_id_is_all_that_is_printed_and_the_call_is_stored_typed(shop: Shop) -> None:
    done = shop.run("enqueue", "SHOP", "receipt", "5", "2027-01-01", "price=12.50")
    assert done.returncode == 0
    (message,) = stored(shop)
    assert done.stdout == f"{message.id}\n"
    assert (message.args, message.kwargs) == ([5, "2027-01-01"], {"price": "12.50"})


def test_arguments_come_as_json_too(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "pack", "--args", '[{"name": "pen", "count": 3}]', "--kwargs", '{"gift": true}')
    (message,) = stored(shop)
    assert (message.args, message.kwargs) == ([{"name": "pen", "count": 3}], {"gift": True})


def test_negative_numbers_are_arguments_and_texts_with_a_dash_go_behind_two_dashes(shop: Shop) -> None:
    assert shop.call("enqueue", "SHOP", "add", "-5", "-0.5").exit_code == 0
    assert shop.call("enqueue", "SHOP", "explode", "--", "--what").exit_code == 0
    assert sorted(message.args for message in stored(shop) if message.task == "add") == [[-5, -0.5]]


def test_options_reach_the_message(shop: Shop) -> None:
    options = ("--lane=2", "--key=k", "--key-window=1h", "--group=g", "--priority=-3", "--expires=2h")
    answer = shop.asked("enqueue", "SHOP", "greet", "Ada", *options)
    assert (answer["task"], answer["queue"], answer["new"]) == ("greet", "mail", True)
    (message,) = stored(shop)
    assert message.id == answer["id"]
    assert (message.lane, message.key, message.key_window, message.group, message.priority) == (2, "k", 3600, "g", -3)
    assert message.expires_at == pytest.approx(message.enqueued_at + 7200)


def test_a_delay_and_a_moment_put_it_off(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1", "--delay", "15m")
    shop.call("enqueue", "SHOP", "add", "1", "--run-after", "2100-01-01T12:00:00+02:00")
    shop.call("enqueue", "SHOP", "add", "1", "--expires", "2100-01-01T12:00:00Z")
    default = next(queue for queue in shop.asked("queues", "SHOP") if queue["name"] == "default")
    assert (default["depth"][0]["delayed"], default["depth"][0]["ready"]) == (2, 1)
    (message,) = stored(shop)
    assert message.expires_at == datetime(2100, 1, 1, 12, tzinfo=UTC).timestamp()


def test_a_second_call_under_a_key_is_told_from_the_first(shop: Shop) -> None:
    first = shop.call("enqueue", "SHOP", "add", "1", "--key", "k").stdout.strip()
    again = shop.call("enqueue", "SHOP", "add", "1", "--key", "k")
    assert (again.exit_code, again.stdout) == (0, f"{first} (already there under this key; nothing was enqueued)\n")
    conflict = shop.call("enqueue", "SHOP", "add", "2", "--key", "k")
    assert conflict.exit_code == 1
    assert "with other arguments" in conflict.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("recept", "5"), "has no task 'recept'. Did you mean 'receipt'?"),
        (("receipt",), "missing a required argument: 'order'"),
        (("receipt", "five"), "parameter 'order': expected int, got str 'five'"),
        (("receipt", "5", "prise=3"), "Did you mean 'price'?"),
        (("receipt", "5", "--dealy", "3"), "no option '--dealy'. Did you mean '--delay'?"),
        (("receipt", "5", "--delay", "soon"), "'soon' is no duration"),
        (("receipt", "5", "--delay", "-3"), "'-3' is no duration"),
        (("receipt", "5", "--run-after", "2027-01-01T12:00"), "names no time zone"),
        (("receipt", "5", "--run-after", "tomorrow"), "is no ISO 8601 time"),
        (("receipt", "5", "--run-after", "2027-01-01T12:00Z", "--delay", "5"), "delay or run_after, not both"),
        (("receipt", "5", "--lane", "1"), "lane=1 must be a whole number from 0 to 0"),
        (("receipt", "5", "--priority", "101"), "priority=101"),
        (("receipt", "5", "--key", ""), "key=''"),
        (("receipt", "-", "--wait"), "leave out --wait"),
        (("mute", "--wait"), "keeps no results"),
        (("pack", "{}"), "parameter 'item'"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_enqueued(shop: Shop, words: tuple[str, ...], message: str) -> None:
    done = shop.call("enqueue", "SHOP", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert stored(shop) == []


def test_lines_of_json_are_calls(shop: Shop) -> None:
    done = shop.run("enqueue", "SHOP", "receipt", "-", "--lane=0", input='[1]\n\n{"order": 2, "day": "2027-01-01"}\n')
    assert (done.returncode, done.stdout) == (0, "2 calls of receipt enqueued\n")
    assert [(m.args, m.kwargs) for m in stored(shop)] == [([1], {}), ([], {"order": 2, "day": "2027-01-01"})]


def test_many_lines_as_json_tell_every_id(shop: Shop) -> None:
    lines = "".join(f"[{number}]\n" for number in range(1_001))
    answer = json.loads(shop.call("enqueue", "SHOP", "add", "-", "--json", input=lines).stdout)
    assert answer["enqueued"] == len(set(answer["ids"])) == 1_001
    assert {m.id for m in stored(shop)} < set(answer["ids"])


@pytest.mark.parametrize(
    ("bad", "message"),
    [("[oops]", "line 701: not JSON"), ("7", "line 701: an array"), ('["x"]', "line 701: task 'add', parameter 'a'")],
)
def test_a_bad_line_tells_which_lines_are_enqueued_and_which_not(shop: Shop, bad: str, message: str) -> None:
    lines = "[1]\n" * 700 + f"{bad}\n" + "[1]\n" * 10
    done = shop.call("enqueue", "SHOP", "add", "-", input=lines)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "lines 1 to 500 are enqueued, none from line 501 on" in done.stderr
    default = next(queue for queue in shop.asked("queues", "SHOP") if queue["name"] == "default")
    assert default["depth"][0]["ready"] == 500


def test_waiting_prints_the_result_and_answers_with_its_exit_code(shop: Shop) -> None:
    assert _waited(shop, "add", "1", "2")[1]["return_value"] == 3
    code, failed = _waited(shop, "miss", "it")
    assert (code, failed["status"]) == (1, "FAILED")


def _waited(shop: Shop, *words: str) -> tuple[int, Any]:
    """A call that waits, with a worker that takes what comes until it has ended."""
    answers: list[Any] = []
    asking = Thread(target=lambda: answers.append(shop.run("enqueue", "SHOP", *words, "--json", "--wait=30")))
    asking.start()
    while asking.is_alive():
        shop.work()
        asking.join(0.02)
    return answers[0].returncode, json.loads(answers[0].stdout)


def test_a_wait_that_was_too_short_is_exit_code_3_and_the_id_is_known(shop: Shop) -> None:
    done = shop.call("enqueue", "SHOP", "add", "1", "--wait", "0.01")
    assert done.exit_code == 3
    (message,) = stored(shop)
    assert f"enqueued {message.id}" in done.stderr
    assert "READY" in done.stdout


def test_an_interrupted_wait_ends_with_130_and_no_traceback(shop: Shop) -> None:
    command = [sys.executable, "-m", "ebbtide.cli", "enqueue", shop.module, "add", "1", "--wait"]
    with subprocess.Popen(command, cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        line = next(line for line in child.stderr if line.startswith("enqueued "))
        child.send_signal(signal.SIGINT)
        rest, _ = child.stderr.read(), child.wait(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in rest
    assert [message.id for message in stored(shop)] == [line.split()[1]]
