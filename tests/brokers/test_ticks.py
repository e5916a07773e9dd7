"""What every broker that remembers schedules promises, stated once and held against each of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Broker
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import KeyConflict
from ebbtide.queue import Queue
from ebbtide.ticks import Cursor, Ticks


class Remembering(Broker, Ticks):
    """A broker that remembers schedules."""


BROKERS: dict[str, Callable[[Path, Clock], Any]] = {
    "memory": lambda folder, clock: MemoryBroker(clock),
    "sqlite": lambda folder, clock: SqliteBroker(folder / "queue.db", clock=clock, durable=False),
}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remembering]:
    made: Remembering = BROKERS[request.param](tmp_path, Clock())
    yield made
    made.close()


def stored(broker: Remembering) -> list[str]:
    return [delivery.message.id for delivery in broker.receive([Queue()], 100)]


def test_a_schedule_is_anchored_where_it_is_first_seen(broker: Remembering) -> None:
    assert broker.cursor("a", NOON) == Cursor(NOON, None)
    assert broker.cursor("a", NOON + 100) == Cursor(NOON, None)
    assert broker.cursor("a", NOON - 100) == Cursor(NOON, None)
    assert broker.cursor("b", NOON + 100) == Cursor(NOON + 100, None)


def test_a_cursor_has_reached_its_anchor_or_its_last_tick() -> None:
    assert Cursor(NOON).reached == NOON
    assert Cursor(NOON, NOON + 60).reached == NOON + 60


def test_to_look_at_cursors_makes_none(broker: Remembering) -> None:
    broker.cursor("a", NOON)
    assert broker.cursors(["a", "b"]) == {"a": Cursor(NOON)}
    assert broker.cursors(["b"]) == broker.cursors([]) == {}


def test_a_tick_stores_its_messages_and_moves_the_cursor(broker: Remembering) -> None:
    seen = broker.cursor("a", NOON)
    assert broker.fire("a", seen, NOON + 60, [message("m1"), message("m2")])
    assert broker.cursor("a", NOON) == Cursor(NOON, NOON + 60)
    assert stored(broker) == ["m1", "m2"]


def test_whoever_comes_second_stores_nothing(broker: Remembering) -> None:
    seen = broker.cursor("a", NOON)
    assert broker.fire("a", seen, NOON + 60, [message("m1")])
    assert not broker.fire("a", seen, NOON + 60, [message("m2")])
    assert not broker.fire("a", seen, NOON + 120, [message("m3")])
    assert stored(broker) == ["m1"]
    assert broker.fire("a", Cursor(NOON, NOON + 60), NOON + 120, [message("m4")])
    assert broker.cursors(["a"]) == {"a": Cursor(NOON, NOON + 120)}


def test_a_tick_may_be_passed_over(broker: Remembering) -> None:
    assert broker.fire("a", broker.cursor("a", NOON), NOON + 60, [])
    assert broker.cursors(["a"]) == {"a": Cursor(NOON, NOON + 60)}
    assert stored(broker) == []


def test_a_schedule_nobody_has_seen_is_not_fired(broker: Remembering) -> None:
    assert not broker.fire("a", Cursor(NOON), NOON + 60, [message("m1")])
    assert not broker.cursors(["a"])
    assert stored(broker) == []


def test_schedules_move_each_for_itself(broker: Remembering) -> None:
    first, second = broker.cursor("a", NOON), broker.cursor("b", NOON)
    assert broker.fire("a", first, NOON + 60, [message("m1")])
    assert broker.fire("b", second, NOON + 60, [message("m2")])
    assert stored(broker) == ["m1", "m2"]


def test_if_a_message_is_refused_the_cursor_stays(broker: Remembering) -> None:
    seen = broker.cursor("a", NOON)
    broker.send([message("m1", key="k", args=[1])])
    with pytest.raises(KeyConflict):
        broker.fire("a", seen, NOON + 60, [message("m2"), message("m3", key="k", args=[2])])
    assert broker.cursors(["a"]) == {"a": seen}
    assert stored(broker) == ["m1"]


def test_a_key_keeps_a_tick_from_coming_twice_even_if_the_cursor_is_lost(broker: Remembering) -> None:
    tick = message("m1", key="a 2027-01-15T08:00:00Z")
    assert broker.fire("a", broker.cursor("a", NOON), NOON + 60, [tick])
    assert broker.fire("a again", broker.cursor("a again", NOON), NOON + 60, [replace(tick, id="m2")])
    assert stored(broker) == ["m1"]


def test_of_many_that_fire_one_tick_at_once_one_does(broker: Remembering) -> None:
    seen, start = broker.cursor("a", NOON), Barrier(8)
    fired: list[int] = []

    def fire(number: int) -> None:
        start.wait()
        if broker.fire("a", seen, NOON + 60, [message(f"m{number}")]):
            fired.append(number)

    threads = [Thread(target=fire, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fired) == 1
    assert stored(broker) == [f"m{fired[0]}"]


def test_cursors_outlive_the_process(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "queue.db")
    assert broker.fire("a", broker.cursor("a", NOON + 0.25), NOON + 60, [])
    broker.close()
    again = SqliteBroker(tmp_path / "queue.db")
    assert again.cursors(["a"]) == {"a": Cursor(NOON + 0.25, NOON + 60)}
    again.close()
