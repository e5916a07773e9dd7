"""Holders: alive while their process lives, and what they leave when it does not."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.brokers.sqlite.processes import PATIENCE, heard, process

from ebbtide.brokers.sqlite import holders
from ebbtide.brokers.sqlite.holders import SLOTS, Holder, Remains, forget, remains, tokens


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    made = Holder(tmp_path)
    yield made
    made.close()


SCRIPT = """
from pathlib import Path
from ebbtide.brokers.sqlite.holders import Holder
holder = Holder(Path(path))
for seq in (5, 6, 7):
    holder.begin((seq, 1))
holder.end([(6, 1)])
os.write(holder.last_words(), b"Fatal Python error: so be it")
say(holder.token)
"""


def test_ones_own_holder_lives(tmp_path: Path, holder: Holder) -> None:
    assert remains(tmp_path, holder.token) is None
    assert list(tokens(tmp_path)) == []


def test_anothers_holder_lives_while_its_process_does(tmp_path: Path) -> None:
    with process(tmp_path, SCRIPT + "sys.stdin.readline()") as other:
        token = heard(other)
        assert list(tokens(tmp_path)) == [token]
        assert remains(tmp_path, token) is None
        assert remains(tmp_path, token) is None  # asking does not harm it


def test_a_dead_holder_leaves_what_it_had_started_and_its_last_words(tmp_path: Path) -> None:
    with process(tmp_path, SCRIPT + "os.kill(os.getpid(), signal.SIGKILL)") as other:
        token = heard(other)
        other.wait(PATIENCE)
    assert remains(tmp_path, token) == Remains(frozenset({(5, 1), (7, 1)}), "Fatal Python error: so be it")


def test_a_holder_that_left_no_file_has_left_nothing(tmp_path: Path) -> None:
    assert remains(tmp_path, "gone") == Remains(frozenset(), "")


def test_a_forgotten_holder_leaves_no_file(tmp_path: Path) -> None:
    with process(tmp_path, SCRIPT) as other:
        token = heard(other)
        other.wait(PATIENCE)
    forget(tmp_path, token)
    forget(tmp_path, token)
    assert os.listdir(tmp_path) == []


def test_a_holder_that_closes_with_nothing_started_leaves_no_file(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    holder.begin((1, 1))
    holder.end([(1, 1)])
    holder.last_words()
    holder.close()
    assert os.listdir(tmp_path) == []


def test_a_holder_that_closes_with_something_started_is_dead_and_tells(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    holder.begin((9, 2))
    holder.close()
    assert remains(tmp_path, holder.token) == Remains(frozenset({(9, 2)}), "")


def test_beginning_twice_notes_once_and_ending_unknown_ones_is_fine(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    holder.begin((4, 1))
    holder.begin((4, 1))
    holder.end([(4, 1), (4, 1), (99, 1)])
    holder.close()
    assert os.listdir(tmp_path) == []


def test_another_claim_of_the_same_row_is_another_thing(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    holder.begin((4, 1))
    holder.begin((4, 2))
    holder.end([(4, 1)])
    holder.close()
    assert remains(tmp_path, holder.token) == Remains(frozenset({(4, 2)}), "")


def test_very_many_can_be_started_and_the_places_are_used_again(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    for seq in range(1, 2 * SLOTS):
        holder.begin((seq, 1))
    holder.end((seq, 1) for seq in range(1, SLOTS))
    holder.begin((10**12, 3))
    holder.end((seq, 1) for seq in range(SLOTS, 2 * SLOTS))
    holder.close()
    left = remains(tmp_path, holder.token)
    assert left is not None
    assert left.started == {(10**12, 3)}


def test_long_last_words_are_kept_from_their_end(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    holder.begin((1, 1))
    os.write(holder.last_words(), b"x" * 100_000 + b"\xffthe end")
    holder.close()
    left = remains(tmp_path, holder.token)
    assert left is not None
    assert len(left.last_words) == 16_000
    assert left.last_words.endswith("\ufffdthe end")


def test_a_child_of_a_fork_knows_the_parents_holder_as_another_process(tmp_path: Path) -> None:
    script = (
        SCRIPT
        + """
from ebbtide.brokers.sqlite.holders import remains, tokens
child = os.fork()
if not child:
    seen = list(tokens(Path(path)))
    os._exit(0 if seen == [holder.token] and remains(Path(path), holder.token) is None else 1)
say(os.waitpid(child, 0)[1])
"""
    )
    with process(tmp_path, script) as other:
        heard(other)
        assert heard(other) == "0"


def test_a_new_holder_is_never_seen_before_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    lock = fcntl.lockf

    def looking(file: int, how: int) -> None:
        monkeypatch.setattr(holders, "_mine", set())  # look as another process would
        seen.append(list(tokens(tmp_path)))
        lock(file, how)

    monkeypatch.setattr(fcntl, "lockf", looking)
    Holder(tmp_path).close()
    assert seen == [[]]


def test_the_living_are_counted_and_the_dead_are_not(tmp_path: Path) -> None:
    assert holders.living(tmp_path) == 0
    with process(tmp_path, SCRIPT + "sys.stdin.readline()") as other:
        heard(other)
        assert holders.living(tmp_path) == 1
        own = Holder(tmp_path)
        assert holders.living(tmp_path) == 2
        own.close()
        assert holders.living(tmp_path) == 1
        other.kill()
        other.wait(PATIENCE)
        assert holders.living(tmp_path) == 0
