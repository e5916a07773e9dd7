"""`ebbtide purge`."""

import json

import pytest
from tests.cli.conftest import Shop


@pytest.fixture
def full(shop: Shop) -> Shop:
    """Two ready, one delayed, one dead and one done on default, one ready on mail."""
    for call in (("add", "1"), ("miss", "x")):
        shop.call("enqueue", "SHOP", *call)
    shop.work()
    for words in (("add", "1"), ("add", "2"), ("add", "3", "--delay", "1h"), ("greet", "Ada")):
        shop.call("enqueue", "SHOP", *words)
    return shop


def depths(shop: Shop, queue: str = "default") -> tuple[int, int, int]:
    lane = shop.app.broker.depth(queue)[0]
    return lane.ready, lane.delayed, lane.dead


def test_without_options_all_that_waits_goes_and_it_says_what(full: Shop) -> None:
    done = full.call("purge", "SHOP", "--yes")
    assert (done.exit_code, done.stdout) == (0, "4 messages purged\n")
    assert "mail: 1 ready\ndefault: 2 ready, 1 delayed\n" in done.stderr
    assert (depths(full), depths(full, "mail")) == ((0, 0, 1), (0, 0, 0))


@pytest.mark.parametrize(
    ("words", "gone", "left"),
    [
        (("--queue", "mail"), 1, (2, 1, 1)),
        (("--queue", "default", "--state", "ready"), 2, (0, 1, 1)),
        (("--state", "delayed", "--state", "dead"), 2, (2, 0, 0)),
        (("--state", "done"), 1, (2, 1, 1)),
        (("--older-than", "1h"), 0, (2, 1, 1)),
        (("--state", "dead", "--older-than", "0"), 1, (2, 1, 0)),
    ],
    ids=str,
)
def test_queue_state_and_age_choose(full: Shop, words: tuple[str, ...], gone: int, left: tuple[int, ...]) -> None:
    assert full.asked("purge", "SHOP", "--yes", *words) == {"purged": gone}
    assert depths(full) == left


def test_a_result_of_what_is_purged_is_there_no_more(shop: Shop) -> None:
    id = shop.asked("enqueue", "SHOP", "add", "1")["id"]
    shop.call("purge", "SHOP", "--yes")
    assert shop.call("result", "SHOP", id).exit_code == 1


def test_with_nobody_to_ask_and_without_yes_nothing_is_changed(full: Shop) -> None:
    done = full.run("purge", "SHOP")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Purge 4 messages for good?" in done.stderr
    assert "add --yes" in done.stderr
    assert depths(full) == (2, 1, 1)


def test_purging_nothing_is_done_without_asking(shop: Shop) -> None:
    done = shop.run("purge", "SHOP")
    assert (done.returncode, done.stdout) == (0, "0 messages purged\n")
    assert "there is nothing like that" in done.stderr


def test_a_queue_that_is_declared_no_more_can_be_emptied_and_a_typo_is_pointed_out(full: Shop) -> None:
    source = full.folder / f"{full.module}.py"
    text = source.read_text().replace(
        'Queue("mail", lanes=3', 'Queue("posts", lanes=3'
    )  # of another length: bytecode knows a file by that and its second
    source.write_text(text.replace('queue="mail"', 'queue="posts"'))
    done = full.run("purge", "SHOP", "--queue", "mail", "--yes", "--json")
    assert json.loads(done.stdout) == {"purged": 1}
    done = full.run("purge", "SHOP", "--queue", "pots", "--yes")
    assert done.returncode == 2
    assert "app 'shop' has no queue 'pots'. Did you mean 'posts'?" in done.stderr


def test_other_apps_on_the_same_file_are_left_alone(full: Shop) -> None:
    (full.folder / "other.py").write_text(
        "from ebbtide import App, Queue\napp = App('other', queues=[Queue('theirs')], broker='sqlite:///shop.db')\n"
        "@app.task(queue='theirs')\ndef work(): ...\nwork.enqueue()\n"
    )
    assert full.run("purge", "other", "--queue", "theirs", "--yes").stdout == "1 message purged\n"
    assert depths(full) == (2, 1, 1)


def test_a_state_that_there_is_not_is_refused(shop: Shop) -> None:
    done = shop.call("purge", "SHOP", "--state", "running")
    assert done.exit_code == 2
    assert "'running' is not one of" in done.stderr
