"""`ebbtide dlq`."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.cli.conftest import Shop

from ebbtide.errors import EnvelopeError
from ebbtide.execute import execute
from ebbtide.message import Lineage, Message


@pytest.fixture
def dead(shop: Shop) -> list[str]:
    """Ids of three dead letters: two of explode, one of miss."""
    words = (("explode", "a"), ("explode", "b"), ("miss", "c"))
    ids = [shop.call("enqueue", "SHOP", *call).stdout.strip() for call in words]
    shop.work()
    return ids


def left(shop: Shop) -> list[str]:
    return [letter["id"] for letter in shop.asked("dlq", "list", "SHOP")]


def test_the_list_shows_what_died_when_and_why(shop: Shop, dead: list[str]) -> None:
    done = shop.run("dlq", "list", "SHOP")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(dead)
    assert any(line.endswith("ValueError: no a") for line in lines)
    assert any(line.endswith("KeyError: 'c'") for line in lines)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--task", "explode"), 2),
        (("--error", "ValueError"), 2),
        (("--error", "builtins.ValueError"), 2),
        (("--error", "Error"), 0),
        (("--queue", "default"), 3),
        (("--queue", "mail"), 0),
        (("--task", "explode", "--error", "KeyError"), 0),
        (("--limit", "2"), 2),
    ],
)
def test_the_list_is_narrowed(shop: Shop, dead: list[str], filters: tuple[str, ...], expected: int) -> None:
    assert len(shop.asked("dlq", "list", "SHOP", *filters)) == expected


def test_a_list_that_was_cut_says_so(shop: Shop, dead: list[str]) -> None:
    done = shop.call("dlq", "list", "SHOP", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert "there are more than 2" in done.stderr


def test_an_empty_list_is_an_answer(shop: Shop) -> None:
    done = shop.call("dlq", "list", "SHOP")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no dead letters" in done.stderr
    assert shop.asked("dlq", "list", "SHOP") == []


def test_one_letter_is_shown_with_its_arguments_and_every_traceback(shop: Shop, dead: list[str]) -> None:
    done = shop.run("dlq", "show", "SHOP", dead[0])
    assert done.returncode == 0
    assert '["a"]' in done.stdout
    assert "attempt 1: ValueError: no a" in done.stdout
    assert "attempt 2: ValueError: no a" in done.stdout
    assert "raise ValueError" in done.stdout
    shown = shop.asked("dlq", "show", "SHOP", dead[0])
    assert (shown["message"]["args"], shown["error"]["message"], len(shown["errors"])) == (["a"], "no a", 2)


def test_a_letter_tells_key_group_path_and_keyword_arguments(shop: Shop) -> None:
    app = shop.app
    line = Lineage("root", "parent", 2, ("first", "second"))
    app.submit([Message("odd", "miss", "default", line, 1.0, kwargs={"key": "é"}, key="k", group="g")])
    shop.work()
    shown = shop.run("dlq", "show", "SHOP", "odd").stdout
    fields = [re.split(r" {2,}", line, maxsplit=1) for line in shown.split("\n\n")[0].splitlines()]
    assert ["enqueued", "1970-01-01T00:00:01Z"] in fields
    assert ["enqueued by", "first > second"] in fields
    assert ["key", "k"] in fields
    assert ["group", "g"] in fields
    assert ["queue", "default, lane 0"] in fields
    assert fields[-1] == ["", 'key        "\\u00e9"']


def test_what_is_no_message_is_shown_as_it_came_made_harmless(shop: Shop) -> None:
    app = shop.app
    app.submit([Message("garbled", "add", "default", Lineage("garbled"), 1.0)])
    (delivery,) = app.broker.receive(list(app.queues.values()), 1)
    changed = type(delivery)(b"\x1b]0;gotcha\xff", delivery.queue, delivery.lane, delivery.receipt, delivery.attempt)
    with pytest.raises(EnvelopeError):
        _ = changed.message
    execute(app, changed)
    done = shop.call("dlq", "show", "SHOP", "garbled")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "EnvelopeError" in done.stdout


def test_an_id_that_is_not_there_is_exit_code_1(shop: Shop, dead: list[str]) -> None:
    assert shop.call("dlq", "show", "SHOP", "nope").exit_code == 1
    done = shop.call("dlq", "redrive", "SHOP", dead[0], "nope")
    assert (done.exit_code, done.stdout) == (1, "1 dead letter redriven\n")
    assert "no dead letter 'nope'" in done.stderr
    assert len(left(shop)) == 2


def test_redriven_letters_are_run_again_with_all_their_attempts(shop: Shop, dead: list[str]) -> None:
    done = shop.run("dlq", "redrive", "SHOP", "--task", "explode")
    assert (done.returncode, done.stdout) == (0, "2 dead letters redriven\n")
    assert left(shop) == [dead[2]]
    record = shop.asked("result", "SHOP", dead[0])
    assert (record["status"], record["attempts"]) == ("READY", 0)
    shop.work()
    assert sorted(left(shop)) == sorted(dead)
    assert shop.asked("result", "SHOP", dead[0])["attempts"] == 2


def test_dropped_letters_are_gone_with_their_results(shop: Shop, dead: list[str]) -> None:
    assert shop.asked("dlq", "drop", "SHOP", dead[0], dead[2], "--yes") == {"dropped": 2, "missing": []}
    assert left(shop) == [dead[1]]
    assert shop.call("result", "SHOP", dead[0]).exit_code == 1


def test_a_choice_nothing_fits_is_exit_code_1_but_all_of_nothing_is_done(shop: Shop) -> None:
    assert shop.call("dlq", "redrive", "SHOP", "--task", "explode").exit_code == 1
    assert shop.call("dlq", "redrive", "SHOP", "--all").exit_code == 0
    assert shop.call("dlq", "drop", "SHOP", "--all").exit_code == 0


@pytest.mark.parametrize("words", [(), ("id", "--all"), ("id", "--task", "x"), ("--all", "--queue", "mail")])
@pytest.mark.parametrize("verb", ["redrive", "drop"])
def test_the_choice_must_be_one_of_ids_filters_and_all(shop: Shop, verb: str, words: tuple[str, ...]) -> None:
    done = shop.call("dlq", verb, "SHOP", *words, "--yes")
    assert done.exit_code == 2
    assert "say which: IDs, or some of --task, --error and --queue, or --all" in done.stderr


@pytest.mark.parametrize("words", [("drop", "--task", "explode"), ("drop", "--all"), ("redrive", "--all")])
def test_with_nobody_to_ask_and_without_yes_nothing_is_changed(
    shop: Shop, dead: list[str], words: tuple[str, ...]
) -> None:
    done = shop.run("dlq", words[0], "SHOP", *words[1:])
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --yes" in done.stderr
    assert len(left(shop)) == 3
    assert shop.run("dlq", words[0], "SHOP", *words[1:], "--yes").returncode == 0
    assert len(left(shop)) < 3


def test_at_a_terminal_it_asks_and_does_what_is_answered(shop: Shop, dead: list[str]) -> None:
    refused = _at_a_terminal(shop, b"n\n", "dlq", "drop", "SHOP", "--all")
    assert refused == (1, "")
    assert len(left(shop)) == 3
    agreed = _at_a_terminal(shop, b"y\n", "dlq", "drop", "SHOP", "--all", "--json")
    assert (agreed[0], json.loads(agreed[1])) == (0, {"dropped": 3, "missing": []})
    assert left(shop) == []


def _at_a_terminal(shop: Shop, typed: bytes, *words: str) -> tuple[int, str]:
    """Exit code and standard output of a command that has a terminal to ask at."""
    here, there = pty.openpty()
    command = [sys.executable, "-m", "ebbtide.cli", *(shop.module if word == "SHOP" else word for word in words)]
    os.write(here, typed)
    with subprocess.Popen(
        command, cwd=shop.folder, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        answer, _ = child.communicate(timeout=60)
    os.close(here)
    os.close(there)
    return child.returncode, answer


@pytest.fixture
def crowd(shop: Shop) -> Callable[[], int]:
    """1,201 dead letters, every other one of miss; call it for how many there are."""
    app = shop.app
    for name in ("explode", "miss"):
        app.task_named(name).enqueue_many([(str(n),) for n in range(600 if name == "miss" else 601)])
    shop.work()
    return lambda: sum(lane.dead for lane in app.broker.depth("default"))


def test_many_are_handled_page_by_page(shop: Shop, crowd: Callable[[], int]) -> None:
    assert crowd() == 1_201
    assert shop.asked("dlq", "drop", "SHOP", "--task", "miss", "--yes")["dropped"] == 600
    assert crowd() == 601
    assert shop.asked("dlq", "redrive", "SHOP", "--all", "--yes")["redriven"] == 601
    assert crowd() == 0
