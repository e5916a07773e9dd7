"""What every broker promises, stated once and held against each of them.

A broker is added by one line in BROKERS: how to make it, given a folder of its own and the clock.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.brokers.sqs.promises import NOT_KEPT
from tests.brokers.sqs.stage import deployed
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Broker, DeadLetters, Delivery, Depth, Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import KeyConflict
from ebbtide.figures import Count, Figures, Minute
from ebbtide.message import Message
from ebbtide.purge import STATES, Chosen, Purgeable, State
from ebbtide.queue import Queue
from ebbtide.result import Records, Report, Status, TaskError


class Embedded(Broker, DeadLetters, Records, Figures, Purgeable):
    """A broker that lists its dead letters, keeps the records, counts, and can be emptied."""


BROKERS: dict[str, Callable[[Path, Clock], Any]] = {
    "memory": lambda folder, clock: MemoryBroker(clock),
    "sqlite": lambda folder, clock: SqliteBroker(folder / "queue.db", clock=clock, durable=False),
    "sqs": lambda folder, clock: deployed(clock),
}

QUEUE = Queue()
PATIENCE = 30.0
"""Seconds: how long a test waits for what must happen. It is never reached by a broker that keeps its promises."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Embedded]:
    if request.param == "sqs":
        if reason := NOT_KEPT.get(request.function.__name__):
            pytest.skip(reason)
        request.getfixturevalue("aws")
    made: Embedded = BROKERS[request.param](tmp_path, clock)
    yield made
    made.close()


def send(broker: Embedded, *ids: str, **fields: Any) -> list[str]:
    return broker.send([message(id, **fields) for id in ids])


def take(broker: Embedded, queue: Queue = QUEUE, limit: int = 100, wait: float = 0.0) -> list[Delivery]:
    return broker.receive([queue], limit, wait)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def report(delivery: Delivery, status: Status, **fields: Any) -> Report:
    sent = delivery.message
    fields = {"keep": 60.0, "started_at": NOON, "finished_at": NOON + 1, **fields}
    return Report(sent.id, sent.task, status, delivery.attempt, enqueued_at=sent.enqueued_at, **fields)


def done(delivery: Delivery, keep: float = 60.0, finished_at: float = NOON + 1) -> Settlement:
    return Settlement(delivery, report(delivery, Status.SUCCESSFUL, value="[1]", keep=keep, finished_at=finished_at))


def failure(delivery: Delivery) -> TaskError:
    return TaskError("shop.Boom", f"attempt {delivery.attempt} \u00e9 \ud800", "Traceback", delivery.attempt)


def again(delivery: Delivery, wait: float = 0.0) -> Settlement:
    told = report(delivery, Status.READY, error=failure(delivery), finished_at=None)
    return Settlement(delivery, told, wait)


def dead(delivery: Delivery) -> Settlement:
    return Settlement(delivery, report(delivery, Status.FAILED, error=failure(delivery)))


def bury(broker: Embedded, *ids: str, **fields: Any) -> None:
    send(broker, *ids, **fields)
    taken = take(broker, Queue(fields.get("queue", "default")))
    assert broker.bury([dead(delivery) for delivery in taken]) == len(ids)


def state(broker: Embedded, queue: str = "default") -> Depth:
    """How many messages lane 0 holds, by state."""
    return broker.depth(queue)[0]._replace(oldest=None, due_in=None)


# Sending and receiving


def test_a_message_arrives_as_it_was_sent(broker: Embedded) -> None:
    sent = message("a", args=[1, "\u00e9\ud800"], kwargs={"b": None}, headers={"x": "y"}, group="g")
    assert broker.send([sent]) == ["a"]
    (delivery,) = take(broker)
    assert delivery.body == sent.encode()
    assert delivery.message == sent
    assert (delivery.queue, delivery.lane, delivery.attempt, delivery.fate) == ("default", 0, 1, None)


def test_ids_come_back_in_the_order_sent(broker: Embedded) -> None:
    assert send(broker, "c", "a", "b") == ["c", "a", "b"]


def test_an_empty_batch_is_fine_everywhere(broker: Embedded) -> None:
    assert broker.send([]) == []
    assert (broker.ack([]), broker.retry([]), broker.bury([]), broker.extend([], 5)) == (0, 0, 0, 0)
    assert (broker.redrive([]), broker.drop([]), broker.load([])) == (0, 0, {})


def test_a_large_batch_is_sent_and_taken_in_order(broker: Embedded) -> None:
    names = [f"m{number}" for number in range(1000)]
    assert send(broker, *names) == names
    assert ids(take(broker, limit=1000)) == names


LARGE = ["x" * 1_000_000]


@pytest.mark.parametrize("id", ["a", "../../a", "/a", "a" * 200, "\u4e00" * 200, "a b\\c:*?"])
def test_a_large_message_arrives_as_it_was_sent_whatever_its_id(broker: Embedded, id: str) -> None:
    sent = message(id, args=LARGE)
    broker.send([sent, message("small")])
    large, small = take(broker)
    assert (large.body, large.message) == (sent.encode(), sent)
    assert broker.ack([done(large), done(small)]) == 2
    assert broker.load([id])[id].status is Status.SUCCESSFUL


def test_a_large_message_is_retried_buried_and_redriven_whole(broker: Embedded) -> None:
    send(broker, "a", args=LARGE)
    broker.retry([again(take(broker)[0])])
    broker.bury([dead(take(broker)[0])])
    assert Message.decode(broker.dead()[0].body).args == LARGE
    broker.redrive(["a"])
    assert take(broker)[0].message.args == LARGE


def test_a_stale_holders_word_on_a_large_message_does_not_harm_it(broker: Embedded) -> None:
    send(broker, "a", args=LARGE)
    (stale,) = take(broker)
    broker.retry([again(stale)])
    assert (broker.ack([done(stale)]), broker.drop(["a"])) == (0, 0)
    assert take(broker)[0].message.args == LARGE


@pytest.mark.parametrize("id", ["nowhere", "", "\0", "../a", "x" * 5000, "\ud800"])
def test_what_is_no_id_is_nobodys(broker: Embedded, id: str) -> None:
    assert (broker.redrive([id]), broker.drop([id]), broker.load([id])) == (0, 0, {})


def test_a_message_sent_twice_is_stored_once(broker: Embedded) -> None:
    assert send(broker, "a", "a") == ["a", "a"]
    assert send(broker, "a") == ["a"]
    assert ids(take(broker)) == ["a"]


def test_no_more_than_the_limit_is_taken(broker: Embedded) -> None:
    send(broker, "a", "b", "c")
    assert ids(take(broker, limit=2)) == ["a", "b"]
    assert ids(take(broker, limit=2)) == ["c"]


def test_only_from_the_queues_asked_for(broker: Embedded) -> None:
    send(broker, "a", queue="one")
    send(broker, "b", queue="two")
    assert ids(take(broker, Queue("two"))) == ["b"]
    assert ids(broker.receive([Queue("two"), Queue("one")], 10)) == ["a"]


def test_what_is_on_loan_is_nobody_elses(broker: Embedded) -> None:
    send(broker, "a")
    take(broker)
    assert take(broker) == []


def test_an_empty_queue_gives_nothing_after_the_wait(broker: Embedded) -> None:
    assert take(broker) == []
    assert take(broker, wait=0.01) == []


def test_a_waiting_receiver_gets_what_is_sent_meanwhile(broker: Embedded) -> None:
    got: list[str] = []
    waiting = Event()

    def wait() -> None:
        waiting.set()
        got.extend(ids(take(broker, wait=PATIENCE)))

    thread = Thread(target=wait)
    thread.start()
    waiting.wait(PATIENCE)
    send(broker, "a")
    thread.join(PATIENCE)
    assert got == ["a"]


def test_each_message_goes_to_one_of_many_receivers(broker: Embedded) -> None:
    names = [f"m{number}" for number in range(60)]
    got: list[str] = []

    def receive() -> None:
        while len(got) < len(names):
            taken = take(broker, limit=4, wait=0.01)
            got.extend(ids(taken))
            broker.ack([done(delivery) for delivery in taken])

    threads = [Thread(target=receive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for name in names:
        send(broker, name)
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == sorted(names)


# Loans


def test_what_is_acknowledged_is_gone_and_cannot_be_so_twice(broker: Embedded) -> None:
    send(broker, "a", "b")
    settled = [done(delivery) for delivery in take(broker)]
    assert broker.ack(settled) == 2
    assert broker.ack(settled) == 0
    assert state(broker) == Depth()


def test_a_loan_that_runs_out_brings_the_message_back_with_the_attempt_spent(broker: Embedded) -> None:
    send(broker, "a")
    brief = Queue(visibility=0.02)
    take(broker, brief)
    (back,) = take(broker, wait=PATIENCE)
    assert (back.message.id, back.attempt) == ("a", 2)


def test_a_loan_that_runs_out_is_told_to_the_next_holder_and_to_the_record(broker: Embedded) -> None:
    send(broker, "a")
    take(broker, Queue(visibility=0.02))
    (back,) = take(broker, wait=PATIENCE)
    assert back.fate is not None
    assert (back.fate.exception_class, back.fate.attempt) == ("ebbtide.errors.WorkerDied", 1)
    assert broker.load(["a"])["a"].errors == (back.fate,)


def test_a_receipt_counts_once_in_a_batch(broker: Embedded) -> None:
    send(broker, "a")
    (delivery,) = take(broker)
    assert broker.ack([done(delivery), done(delivery)]) == 1


def test_no_receipt_fits_another_message_of_the_same_id(broker: Embedded) -> None:
    send(broker, "a")
    (stale,) = take(broker)
    broker.ack([done(stale, keep=0)])
    send(broker, "a")
    (current,) = take(broker)
    assert stale.receipt != current.receipt
    assert (broker.ack([done(stale)]), broker.ack([done(current)])) == (0, 1)


def test_a_loan_that_runs_out_gives_its_place_on_the_lane_back(broker: Embedded) -> None:
    send(broker, "a", "b")
    brief = Queue(visibility=0.02, concurrency=1)
    assert ids(take(broker, brief)) == ["a"]
    assert ids(take(broker, brief, wait=PATIENCE)) == ["a"]


def test_a_loan_is_extended_from_now(broker: Embedded) -> None:
    send(broker, "a", "b")
    brief = Queue(visibility=0.05)
    (a,) = take(broker, brief, limit=1)
    assert broker.extend([a], 3600) == 1
    (b,) = take(broker, brief, limit=1)
    (back,) = take(broker, brief, limit=10, wait=PATIENCE)
    assert back.message.id == b.message.id
    assert broker.ack([done(a)]) == 1


def verbs() -> dict[str, Callable[[Embedded, Delivery], int]]:
    return {
        "ack": lambda broker, delivery: broker.ack([done(delivery)]),
        "ack without a record": lambda broker, delivery: broker.ack([done(delivery, keep=0)]),
        "retry": lambda broker, delivery: broker.retry([again(delivery)]),
        "hand back": lambda broker, delivery: broker.retry([Settlement(delivery, spent=False)]),
        "bury": lambda broker, delivery: broker.bury([dead(delivery)]),
        "extend": lambda broker, delivery: broker.extend([delivery], 0),
    }


@pytest.mark.parametrize("verb", verbs())
@pytest.mark.parametrize("since", ["given to another", "acknowledged by another", "handed back", "buried", "redriven"])
def test_a_holder_that_lost_its_loan_changes_nothing(broker: Embedded, verb: str, since: str) -> None:
    send(broker, "a")
    (stale,) = take(broker)
    broker.retry([again(stale)])
    if since != "handed back":
        (other,) = take(broker)
    if since == "acknowledged by another":
        broker.ack([done(other)])
    if since in ("buried", "redriven"):
        broker.bury([dead(other)])
    if since == "redriven":
        broker.redrive(["a"])
    before = (state(broker), broker.load(["a"]), broker.dead())
    assert verbs()[verb](broker, stale) == 0
    assert (state(broker), broker.load(["a"]), broker.dead()) == before


def test_of_a_batch_what_is_still_held_takes_effect(broker: Embedded) -> None:
    send(broker, "a", "b", "c")
    a, b, c = take(broker)
    broker.ack([done(b)])
    assert broker.ack([done(a), done(b), done(c)]) == 2
    assert state(broker) == Depth()


# Retries


def test_what_is_retried_comes_back_after_its_wait_with_the_next_attempt(broker: Embedded, clock: Clock) -> None:
    send(broker, "a")
    assert broker.retry([again(take(broker)[0], wait=30)]) == 1
    assert state(broker) == Depth(delayed=1)
    clock.forward(29.9)
    assert take(broker) == []
    clock.forward(0.1)
    assert [(d.message.id, d.attempt) for d in take(broker)] == [("a", 2)]


def test_a_retry_without_a_wait_is_ready_at_once(broker: Embedded) -> None:
    send(broker, "a")
    for attempt in (1, 2, 3):
        (delivery,) = take(broker)
        assert delivery.attempt == attempt
        broker.retry([again(delivery)])


def test_a_wait_may_be_of_any_length(broker: Embedded, clock: Clock) -> None:
    send(broker, "a")
    broker.retry([again(take(broker)[0], wait=30 * 86_400)])
    clock.forward(30 * 86_400 - 1)
    assert take(broker) == []
    clock.forward(1)
    assert ids(take(broker)) == ["a"]


def test_what_is_handed_back_unstarted_has_its_attempt_back(broker: Embedded) -> None:
    send(broker, "a")
    for _ in range(3):
        (delivery,) = take(broker)
        assert delivery.attempt == 1
        assert broker.retry([Settlement(delivery, spent=False)]) == 1


def test_a_batch_may_mix_waits_and_unstarted_ones(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", "b", "c")
    a, b, c = take(broker)
    assert broker.retry([again(a, wait=10), Settlement(b, None, 5, spent=False), again(c)]) == 3
    assert [(d.message.id, d.attempt) for d in take(broker)] == [("c", 2)]
    clock.forward(5)
    assert [(d.message.id, d.attempt) for d in take(broker)] == [("b", 1)]
    clock.forward(5)
    assert [(d.message.id, d.attempt) for d in take(broker)] == [("a", 2)]


# Delay, order, lanes


def test_a_delayed_message_is_invisible_until_it_is_due(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", run_after=NOON + 60)
    send(broker, "b")
    assert ids(take(broker)) == ["b"]
    assert state(broker) == Depth(delayed=1, running=1)
    clock.forward(60)
    assert ids(take(broker)) == ["a"]


def test_a_message_whose_time_has_passed_is_not_delayed(broker: Embedded) -> None:
    send(broker, "a", run_after=NOON - 1)
    assert ids(take(broker)) == ["a"]


def test_a_delayed_message_is_ready_once_it_is_due(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", run_after=NOON + 60)
    clock.forward(60)
    assert state(broker) == Depth(ready=1)


def test_higher_priority_goes_first_and_equal_in_order_of_arrival(broker: Embedded) -> None:
    for id, priority in (("a", 0), ("b", 5), ("c", -5), ("d", 5), ("e", 0)):
        send(broker, id, priority=priority)
    assert ids(take(broker)) == ["b", "d", "a", "e", "c"]


FIFO = Queue(fifo=True)


def test_of_a_group_on_a_fifo_queue_one_is_out_at_a_time_in_order(broker: Embedded) -> None:
    send(broker, "a", "b", "c", group="g")
    for expected in ("a", "b", "c"):
        (delivery,) = take(broker, FIFO)
        assert delivery.message.id == expected
        assert take(broker, FIFO) == []
        broker.ack([done(delivery)])


def test_a_group_waits_for_a_retry_of_its_first(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", "b", group="g")
    broker.retry([again(take(broker, FIFO)[0], wait=10)])
    assert take(broker, FIFO) == []
    clock.forward(10)
    (first,) = take(broker, FIFO)
    assert (first.message.id, first.attempt) == ("a", 2)


def test_a_group_goes_on_after_the_death_of_its_first(broker: Embedded) -> None:
    send(broker, "a", "b", group="g")
    broker.bury([dead(take(broker, FIFO)[0])])
    assert ids(take(broker, FIFO)) == ["b"]


def test_priority_does_not_overtake_within_a_group(broker: Embedded) -> None:
    send(broker, "a", group="g")
    send(broker, "b", group="g", priority=100)
    assert ids(take(broker, FIFO)) == ["a"]


def test_other_groups_and_messages_without_one_pass(broker: Embedded) -> None:
    send(broker, "a", "b", group="g")
    send(broker, "c", group="h")
    send(broker, "d", "e")
    assert ids(take(broker, FIFO)) == ["a", "c", "d", "e"]


def test_groups_of_a_queue_that_is_not_fifo_do_not_wait(broker: Embedded) -> None:
    send(broker, "a", "b", group="g")
    assert ids(take(broker)) == ["a", "b"]


def test_a_message_is_delivered_on_its_lane(broker: Embedded) -> None:
    send(broker, "a", lane=2)
    assert [delivery.lane for delivery in take(broker, Queue(lanes=3))] == [2]


def test_all_lanes_are_served(broker: Embedded) -> None:
    lanes = Queue(lanes=3)
    for number in range(30):
        send(broker, f"m{number}", lane=number % 3)
    taken = [take(broker, lanes, limit=1)[0].lane for _ in range(30)]
    assert sorted(taken) == [0] * 10 + [1] * 10 + [2] * 10


def test_no_more_run_at_once_than_the_lane_allows(broker: Embedded) -> None:
    limited = Queue(lanes=2, concurrency=[1, 2])
    send(broker, "a", "b", "c", lane=0)
    send(broker, "d", "e", "f", lane=1)
    taken = take(broker, limited)
    assert sorted(ids(taken)) == ["a", "d", "e"]
    assert take(broker, limited) == []
    broker.ack([done(delivery) for delivery in taken if delivery.lane == 0])
    assert ids(take(broker, limited)) == ["b"]


@pytest.mark.parametrize("verb", ["retry", "hand back", "bury", "ack"])
def test_each_way_of_settling_gives_the_place_on_the_lane_back(broker: Embedded, verb: str) -> None:
    limited = Queue(concurrency=1)
    send(broker, "a", "b")
    (first,) = take(broker, limited)
    verbs()[verb](broker, first)
    assert len(take(broker, limited)) == 1


# Depth


def test_an_unknown_queue_is_empty(broker: Embedded) -> None:
    assert broker.depth("nowhere") == [Depth()]


def test_depth_counts_each_lane_by_state(broker: Embedded, clock: Clock) -> None:
    lanes = Queue(lanes=3)
    bury(broker, "a")
    send(broker, "b", "c")
    assert ids(take(broker, lanes, limit=1)) == ["b"]
    send(broker, "d", run_after=NOON + 10)
    send(broker, "e", lane=2)
    clock.forward(5)
    assert broker.depth("default") == [
        Depth(ready=1, delayed=1, running=1, dead=1, oldest=5, due_in=5),
        Depth(),
        Depth(ready=1, oldest=5),
    ]


def test_what_has_succeeded_is_in_no_depth(broker: Embedded) -> None:
    send(broker, "a", "b")
    a, b = take(broker)
    broker.ack([done(a), done(b, keep=0)])
    assert broker.depth("default") == [Depth()]


# Keys


def test_a_key_holds_while_its_task_is_pending(broker: Embedded) -> None:
    assert send(broker, "a", key="k") == ["a"]
    assert send(broker, "b", key="k") == ["a"]
    (delivery,) = take(broker)
    assert send(broker, "c", key="k") == ["a"]
    broker.retry([again(delivery, wait=60)])
    assert send(broker, "d", key="k") == ["a"]


@pytest.mark.parametrize("end", ["ack", "ack without a record", "bury"])
def test_a_key_is_free_once_its_task_has_ended(broker: Embedded, end: str) -> None:
    send(broker, "a", key="k")
    verbs()[end](broker, take(broker)[0])
    assert send(broker, "b", key="k") == ["b"]


def test_a_window_holds_a_key_past_the_end_of_its_task(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", key="k", key_window=100.0)
    broker.ack([done(take(broker)[0], keep=0)])
    clock.forward(99)
    assert send(broker, "b", key="k", key_window=100.0) == ["a"]
    clock.forward(2)
    assert send(broker, "c", key="k", key_window=100.0, enqueued_at=clock()) == ["c"]


def test_a_key_stands_for_one_task_within_a_batch_too(broker: Embedded) -> None:
    twice = [message("a", key="k"), message("b"), message("c", key="k")]
    assert broker.send(twice) == ["a", "b", "a"]
    assert sorted(ids(take(broker))) == ["a", "b"]


def test_a_conflict_within_a_batch_stores_none_of_it(broker: Embedded) -> None:
    with pytest.raises(KeyConflict):
        broker.send([message("a", key="k", args=[1]), message("b", key="k", args=[2])])
    assert state(broker) == Depth()
    assert send(broker, "c", key="k", args=[2]) == ["c"]


def test_the_order_of_keyword_arguments_is_no_conflict(broker: Embedded) -> None:
    send(broker, "a", key="k", kwargs={"x": 1, "y": {"p": 1, "q": 2}})
    assert send(broker, "b", key="k", kwargs={"y": {"q": 2, "p": 1}, "x": 1}) == ["a"]


@pytest.mark.parametrize("other", [{"args": [2]}, {"kwargs": {"a": 1}}, {"args": [[1]]}], ids=str)
def test_other_arguments_under_a_held_key_are_a_conflict_and_store_nothing(broker: Embedded, other: Any) -> None:
    send(broker, "a", key="k", args=[1])
    with pytest.raises(KeyConflict, match="key 'k' is held by a with other arguments"):
        broker.send([message("b"), message("c", **{"key": "k", **other})])
    assert state(broker) == Depth(ready=1)


def test_keys_are_each_tasks_own(broker: Embedded) -> None:
    assert send(broker, "a", key="k", task="one") == ["a"]
    assert send(broker, "b", key="k", task="two") == ["b"]


# Dead letters


def test_a_dead_letter_has_the_reason_and_the_bytes_as_they_came(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", task="pay", queue="money", lane=1, args=[1])
    (delivery,) = take(broker, Queue("money", lanes=2))
    broker.retry([again(delivery)])
    (delivery,) = take(broker, Queue("money", lanes=2))
    clock.forward(1)
    broker.bury([dead(delivery)])
    (letter,) = broker.dead()
    assert (letter.id, letter.task, letter.queue, letter.lane, letter.attempts) == ("a", "pay", "money", 1, 2)
    assert letter.error == failure(delivery)
    assert letter.body == delivery.body
    assert letter.buried_at == NOON + 1
    assert broker.depth("money")[1].dead == 1


def test_what_is_dead_is_delivered_no_more(broker: Embedded) -> None:
    bury(broker, "a")
    assert take(broker) == []


def test_dead_letters_are_listed_by_queue_or_all(broker: Embedded) -> None:
    bury(broker, "a", "b")
    bury(broker, "c", queue="other")
    assert [letter.id for letter in broker.dead()] == ["a", "b", "c"]
    assert [letter.id for letter in broker.dead("default")] == ["a", "b"]
    assert broker.dead("nowhere") == []


def test_dead_letters_come_in_pages(broker: Embedded) -> None:
    names = [f"m{number}" for number in range(7)]
    bury(broker, *names)
    pages: list[list[str]] = [[letter.id for letter in broker.dead(limit=3)]]
    while pages[-1]:
        pages.append([letter.id for letter in broker.dead(limit=3, after=pages[-1][-1])])
    assert pages == [names[:3], names[3:6], names[6:], []]


def test_a_redriven_message_runs_again_with_all_its_attempts(broker: Embedded) -> None:
    bury(broker, "a", "b")
    assert broker.redrive(["a", "nowhere"]) == 1
    assert broker.redrive(["a"]) == 0
    assert [(d.message.id, d.attempt, d.fate) for d in take(broker)] == [("a", 1, None)]
    assert [letter.id for letter in broker.dead()] == ["b"]


def test_redriving_all_page_by_page_comes_to_an_end(broker: Embedded) -> None:
    bury(broker, *(f"m{number}" for number in range(7)))
    moved, after = 0, None
    for _ in range(10):
        page = broker.dead(limit=3, after=after)
        if not page:
            break
        moved += broker.redrive([letter.id for letter in page])
        after = page[-1].id
    assert moved == 7
    assert state(broker) == Depth(ready=7)


def test_a_redriven_message_queues_up_anew_behind_its_group(broker: Embedded) -> None:
    send(broker, "a", "b", group="g")
    (a,) = take(broker, FIFO)
    broker.bury([dead(a)])
    (b,) = take(broker, FIFO)
    assert broker.redrive(["a", "a"]) == 1
    assert take(broker, FIFO) == []
    broker.ack([done(b)])
    assert ids(take(broker, FIFO)) == ["a"]


def test_a_redriven_task_holds_its_key_again_even_after_a_purge(broker: Embedded) -> None:
    bury(broker, "a", key="k")
    broker.purge()
    broker.redrive(["a"])
    assert send(broker, "b", key="k") == ["a"]


def test_a_redriven_task_can_succeed_or_die_again(broker: Embedded) -> None:
    bury(broker, "a", "b")
    broker.redrive(["a", "b"])
    a, b = take(broker)
    assert (broker.ack([done(a)]), broker.bury([dead(b)])) == (1, 1)
    assert {id: record.status for id, record in broker.load(["a", "b"]).items()} == {
        "a": Status.SUCCESSFUL,
        "b": Status.FAILED,
    }
    assert [letter.id for letter in broker.dead()] == ["b"]


def test_a_dropped_letter_is_gone_with_its_record(broker: Embedded) -> None:
    bury(broker, "a", "b")
    assert broker.drop(["a", "nowhere"]) == 1
    assert broker.drop(["a"]) == 0
    assert [letter.id for letter in broker.dead()] == ["b"]
    assert list(broker.load(["a", "b"])) == ["b"]


def test_only_what_is_dead_is_redriven_or_dropped(broker: Embedded) -> None:
    send(broker, "a", "b")
    (a,) = take(broker, limit=1)
    broker.ack([done(a)])
    assert (broker.redrive(["a", "b"]), broker.drop(["a", "b"])) == (0, 0)
    assert state(broker) == Depth(ready=1)
    assert len(broker.load(["a", "b"])) == 2


# Records


def told(broker: Embedded, id: str = "a") -> tuple[Status, int]:
    record = broker.load([id])[id]
    return record.status, record.attempts


def test_a_record_follows_its_task(broker: Embedded) -> None:
    send(broker, "a")
    assert told(broker) == (Status.READY, 0)
    (delivery,) = take(broker)
    assert told(broker) == (Status.RUNNING, 1)
    broker.retry([again(delivery)])
    assert told(broker) == (Status.READY, 1)
    (delivery,) = take(broker)
    assert told(broker) == (Status.RUNNING, 2)
    broker.ack([done(delivery)])
    assert told(broker) == (Status.SUCCESSFUL, 2)


def test_the_record_of_a_success_has_its_value_and_the_errors_before(broker: Embedded) -> None:
    send(broker, "a", task="pay")
    (delivery,) = take(broker)
    first = failure(delivery)
    broker.retry([again(delivery)])
    broker.ack([done(take(broker)[0])])
    record = broker.load(["a"])["a"]
    assert (record.id, record.task, record.value, record.errors) == ("a", "pay", "[1]", (first,))
    assert (record.enqueued_at, record.started_at, record.finished_at) == (NOON, NOON, NOON + 1)


def test_a_running_task_has_a_start_and_no_end(broker: Embedded) -> None:
    send(broker, "a")
    take(broker)
    record = broker.load(["a"])["a"]
    assert (record.started_at, record.finished_at) == (NOON, None)


def test_what_was_handed_back_unstarted_is_ready_with_no_attempt(broker: Embedded) -> None:
    send(broker, "a")
    broker.retry([Settlement(take(broker)[0], spent=False)])
    assert told(broker) == (Status.READY, 0)


def test_the_record_of_a_dead_task_has_all_its_errors(broker: Embedded) -> None:
    send(broker, "a")
    (one,) = take(broker)
    broker.retry([again(one)])
    (two,) = take(broker)
    broker.bury([dead(two)])
    record = broker.load(["a"])["a"]
    assert (record.status, record.attempts, record.errors) == (Status.FAILED, 2, (failure(one), failure(two)))
    assert record.finished_at == NOON + 1


def test_a_redriven_task_is_ready_again(broker: Embedded) -> None:
    bury(broker, "a")
    broker.redrive(["a"])
    assert told(broker) == (Status.READY, 0)
    assert broker.load(["a"])["a"].finished_at is None


def test_ids_without_a_record_are_left_out(broker: Embedded) -> None:
    send(broker, "a")
    assert list(broker.load(["nowhere", "a"])) == ["a"]


def test_a_success_that_is_not_kept_leaves_no_record(broker: Embedded) -> None:
    send(broker, "a")
    broker.ack([done(take(broker)[0], keep=0)])
    assert broker.load(["a"]) == {}


def test_waiting_for_what_is_not_there_ends_at_once(broker: Embedded) -> None:
    assert broker.wait("nowhere", None) is None


def test_waiting_ends_with_the_timeout(broker: Embedded) -> None:
    send(broker, "a")
    record = broker.wait("a", 0.01)
    assert record is not None
    assert record.status is Status.READY


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_waiting_ends_when_the_task_does(broker: Embedded, timeout: float | None) -> None:
    send(broker, "a")
    seen: list[Status | None] = []

    def wait() -> None:
        record = broker.wait("a", timeout)
        seen.append(record.status if record else None)

    thread = Thread(target=wait)
    thread.start()
    broker.ack([done(take(broker)[0])])
    thread.join(PATIENCE)
    assert seen == [Status.SUCCESSFUL]


def test_a_record_is_forgotten_when_its_retention_has_passed(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", "b", "c")
    a, b, _ = take(broker)
    broker.ack([done(a, keep=60, finished_at=NOON), done(b, keep=120, finished_at=NOON)])
    clock.forward(59)
    assert broker.purge() == 0
    clock.forward(1)
    assert broker.purge() == 1
    assert sorted(broker.load(["a", "b", "c"])) == ["b", "c"]


def test_purging_counts_records_and_nothing_else(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", key="k")
    broker.ack([done(take(broker)[0], keep=60, finished_at=NOON)])
    clock.forward(60)
    assert broker.purge() == 1
    assert broker.purge() == 0


def test_very_many_records_are_forgotten_in_one_purge(broker: Embedded, clock: Clock) -> None:
    send(broker, *(f"m{number}" for number in range(1300)))
    broker.ack([done(delivery, keep=1, finished_at=NOON) for delivery in take(broker, limit=1300)])
    clock.forward(1)
    assert broker.purge() == 1300
    assert broker.purge() == 0


def test_dead_and_pending_tasks_are_never_forgotten(broker: Embedded, clock: Clock) -> None:
    bury(broker, "a")
    send(broker, "b")
    clock.forward(10 * 365 * 86_400)
    assert broker.purge() == 0
    assert sorted(broker.load(["a", "b"])) == ["a", "b"]


# The rest


def test_what_is_told_together_is_told(broker: Embedded) -> None:
    send(broker, "a", "b", "c")
    a, b, c = take(broker)
    with broker.together():
        assert (broker.ack([done(a)]), broker.retry([again(b)]), broker.bury([dead(c)])) == (1, 1, 1)
    assert state(broker) == Depth(ready=1, dead=1)


def test_beginning_changes_nothing_that_can_be_seen(broker: Embedded) -> None:
    send(broker, "a")
    (delivery,) = take(broker)
    before = (state(broker), told(broker))
    broker.begin(delivery)
    assert (state(broker), told(broker)) == before
    assert broker.ack([done(delivery)]) == 1


def test_closing_twice_is_fine(broker: Embedded) -> None:
    send(broker, "a")
    broker.close()
    broker.close()


def test_a_message_decodes_from_what_is_delivered(broker: Embedded) -> None:
    send(broker, "a", key="k", group="g", priority=3, expires_at=NOON + 5)
    assert Message.decode(take(broker)[0].body) == message("a", key="k", group="g", priority=3, expires_at=NOON + 5)


# Figures

MINUTE = int(NOON // 60)


def counts(broker: Embedded, since: float = 0.0) -> list[tuple[int, str, str, int, int, int]]:
    """Minute from noon, queue, task, and how many attempts succeeded, were to be retried and failed."""
    return [(m - MINUTE, queue, task, *counted[:3]) for m, queue, task, counted in broker.minutes(since)]


def test_nothing_is_counted_where_nothing_has_ended(broker: Embedded) -> None:
    send(broker, "a")
    take(broker)
    assert broker.minutes(0.0) == []


def test_every_way_of_ending_is_counted_by_minute_queue_and_task(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", "b", "c", "d")
    send(broker, "e", task="pay", queue="money")
    a, b, c, _ = take(broker)
    broker.ack([done(a), done(b, keep=0)])
    broker.retry([again(c)])
    clock.forward(60)
    broker.bury([dead(take(broker)[0])])
    broker.ack([done(take(broker, Queue("money"))[0])])
    assert counts(broker) == [
        (0, "default", "work", 2, 1, 0),
        (1, "default", "work", 0, 0, 1),
        (1, "money", "pay", 1, 0, 0),
    ]
    assert counts(broker, NOON + 60) == counts(broker)[1:]


def test_times_are_summed_and_the_longest_is_kept(broker: Embedded) -> None:
    send(broker, "a", "b", "c")
    times = zip(take(broker), (0.5, 3.0, 1.0), (2.0, None, 4.0), strict=True)
    settled = [Settlement(d, report(d, Status.SUCCESSFUL, ran=ran, waited=waited)) for d, ran, waited in times]
    broker.ack(settled)
    assert broker.minutes(NOON) == [Minute(MINUTE, "default", "work", Count(3, 0, 0, 4.5, 3.0, 2, 6.0))]


def test_what_was_handed_back_unstarted_is_not_counted(broker: Embedded) -> None:
    send(broker, "a")
    broker.retry([Settlement(take(broker)[0], spent=False)])
    assert broker.minutes(0.0) == []


def test_the_word_of_a_holder_given_up_is_not_counted(broker: Embedded) -> None:
    send(broker, "a")
    (delivery,) = take(broker)
    assert (broker.ack([done(delivery)]), broker.ack([done(delivery)]), broker.bury([dead(delivery)])) == (1, 0, 0)
    assert counts(broker) == [(0, "default", "work", 1, 0, 0)]


def test_the_last_hour_is_kept_and_not_much_more(broker: Embedded, clock: Clock) -> None:
    for number in range(64):
        send(broker, f"m{number}")
        broker.ack([done(take(broker)[0])])
        broker.purge()
        clock.forward(60)
    assert [minute for minute, *_ in counts(broker)] == list(range(3, 64))


# Purging


def of_each_state(broker: Embedded, clock: Clock) -> None:
    """One message in each state, and one that runs."""
    bury(broker, "dead")
    send(broker, "done")
    broker.ack([done(take(broker)[0])])
    send(broker, "running")
    take(broker)
    send(broker, "ready")
    send(broker, "delayed", run_after=NOON + 1_000)
    clock.forward(5)


def chosen(*states: State, queues: tuple[str, ...] = ("default",), before: float = NOON + 5) -> Chosen:
    return Chosen(queues, states, before)


@pytest.mark.parametrize("one", STATES)
def test_only_what_was_chosen_is_removed_and_its_record_with_it(broker: Embedded, clock: Clock, one: State) -> None:
    of_each_state(broker, clock)
    assert broker.purgeable(chosen(one)) == {("default", one): 1}
    assert sum(broker.remove(chosen(one))) == 1
    assert (broker.purgeable(chosen(one)), sum(broker.remove(chosen(one)))) == ({}, 0)
    names = {"dead", "done", "running", "ready", "delayed"}
    assert set(broker.load(sorted(names))) == names - {one}
    assert state(broker) == Depth(one != "ready", one != "delayed", 1, one != "dead")


def test_what_runs_is_never_removed_and_can_still_be_settled(broker: Embedded, clock: Clock) -> None:
    send(broker, "a")
    (delivery,) = take(broker)
    assert sum(broker.remove(chosen(*STATES))) == 0
    assert broker.ack([done(delivery)]) == 1


def test_only_the_queues_chosen_are_emptied(broker: Embedded) -> None:
    for queue in ("one", "two", "three"):
        send(broker, queue, queue=queue)
    assert broker.purgeable(chosen("ready", queues=("one", "three"))) == {("one", "ready"): 1, ("three", "ready"): 1}
    assert sum(broker.remove(chosen("ready", queues=("one", "three", "nowhere")))) == 2
    assert [broker.depth(queue)[0].ready for queue in ("one", "two", "three")] == [0, 1, 0]


def test_a_message_is_as_old_as_its_enqueue_or_its_end(broker: Embedded, clock: Clock) -> None:
    send(broker, "old")
    clock.forward(100)
    send(broker, "young", enqueued_at=clock())
    assert sum(broker.remove(chosen("ready", before=NOON + 50))) == 1
    (young,) = take(broker)
    broker.bury([dead(young)._replace(report=report(young, Status.FAILED, error=failure(young), finished_at=clock()))])
    assert sum(broker.remove(chosen("dead", before=NOON + 99))) == 0
    assert sum(broker.remove(chosen("dead", before=NOON + 100))) == 1


def test_a_delay_that_has_passed_counts_as_ready(broker: Embedded, clock: Clock) -> None:
    send(broker, "a", run_after=NOON + 5)
    assert broker.purgeable(chosen("ready", "delayed")) == {("default", "delayed"): 1}
    clock.forward(5)
    assert broker.purgeable(chosen("ready", "delayed")) == {("default", "ready"): 1}
    assert sum(broker.remove(chosen("ready"))) == 1


def test_the_key_of_what_never_succeeded_is_free_again_and_that_of_a_done_one_is_held(broker: Embedded) -> None:
    send(broker, "a", key="k", key_window=1_000.0)
    assert sum(broker.remove(chosen("ready"))) == 1
    assert send(broker, "b", key="k", key_window=1_000.0) == ["b"]
    broker.ack([done(take(broker)[0])])
    assert sum(broker.remove(chosen("done"))) == 1
    assert send(broker, "c", key="k") == ["b"]


def test_the_next_of_a_group_is_free_when_its_first_is_removed(broker: Embedded) -> None:
    send(broker, "a", group="g", run_after=NOON + 1_000)
    send(broker, "b", group="g")
    assert take(broker, FIFO) == []
    assert sum(broker.remove(chosen("delayed"))) == 1
    assert ids(take(broker, FIFO)) == ["b"]


def test_very_many_are_removed_in_slices(broker: Embedded) -> None:
    send(broker, *(f"m{number}" for number in range(1_201)))
    slices = list(broker.remove(chosen("ready")))
    assert sum(slices) == 1_201
    assert state(broker) == Depth()


def test_listening_ends_when_there_is_something_and_claims_nothing(broker: Embedded) -> None:
    send(broker, "a")
    assert broker.listen([QUEUE], PATIENCE)
    assert broker.depth("default")[0].ready == 1
    assert ids(take(broker)) == ["a"]
