"""Idempotency keys: who holds one, whether its task may run, and that nothing blocks one for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.brokers.sqs.fake_table import FakeTable
from tests.brokers.sqs.stage import deployed
from tests.fakes import NOON, Clock, message

from ebbtide.broker import Delivery, Permit, Settlement
from ebbtide.brokers.sqs.keys import PENDING, REMEMBERED, SENDING, Keys, key_id
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import KeyConflict
from ebbtide.message import Message
from ebbtide.queue import Queue

LIMIT = 60.0


class Stage:
    """The keys of a stage with a clock, and what a broker does with them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = FakeTable()
        self.keys = Keys(self.table, self.clock)
        self.receipts = 0

    def send(self, id: str, **fields: Any) -> str:
        """Enqueue a message under the key "k"; the id it is stored under."""
        sent = self.call(id, **fields)
        holder = self.keys.reserve(sent)
        if holder is None:
            self.keys.queued([sent])
        return holder or id

    def call(self, id: str, **fields: Any) -> Message:
        return message(id, **{"key": "k", "enqueued_at": self.clock(), **fields})

    def deliver(self, id: str, **fields: Any) -> Delivery:
        """A delivery of it with a receipt of its own, enqueued at noon unless said."""
        self.receipts += 1
        sent = self.call(id, **{"enqueued_at": NOON, **fields})
        return Delivery(sent.encode(), "default", 0, f"receipt {self.receipts}", 1)

    def begin(self, delivery: Delivery) -> Permit:
        return self.keys.begin(delivery, self.clock() + LIMIT)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_message_without_a_key_is_nobodys_business(stage: Stage) -> None:
    assert stage.keys.reserve(message("a")) is None
    stage.keys.queued([message("a")])
    delivery = Delivery(message("a").encode(), "default", 0, "r", 1)
    assert stage.begin(delivery) is Permit.RUN
    assert stage.begin(delivery) is Permit.RUN
    stage.keys.done(delivery)
    stage.keys.failed(delivery)
    stage.keys.again(delivery, 0)
    stage.keys.release([message("a")])


# Enqueues


def test_the_second_enqueue_gets_the_id_of_the_first(stage: Stage) -> None:
    assert [stage.send("a"), stage.send("b")] == ["a", "a"]


def test_the_same_message_may_be_sent_again(stage: Stage) -> None:
    assert [stage.send("a"), stage.send("a")] == ["a", "a"]
    assert stage.keys.reserve(stage.call("a")) is None


def test_other_arguments_under_a_held_key_are_a_conflict(stage: Stage) -> None:
    stage.send("a", args=[1])
    for other in ({"args": [2]}, {"args": [1.0]}, {"args": [True]}, {"kwargs": {"x": 1}}):
        with pytest.raises(KeyConflict, match="key 'k' is held by a with other arguments"):
            stage.send("b", **other)


def test_the_order_of_keyword_arguments_is_no_conflict(stage: Stage) -> None:
    stage.send("a", kwargs={"x": 1, "y": {"p": 1, "q": 2}})
    assert stage.send("b", kwargs={"y": {"q": 2, "p": 1}, "x": 1}) == "a"


def test_a_key_belongs_to_its_task(stage: Stage) -> None:
    assert [stage.send("a", task="one"), stage.send("b", task="two")] == ["a", "b"]


def test_an_enqueue_that_died_before_sqs_had_it_holds_the_key_for_a_minute(stage: Stage) -> None:
    assert stage.keys.reserve(stage.call("a")) is None
    stage.clock.forward(SENDING - 1)
    assert stage.send("b") == "a"
    stage.clock.forward(1)
    assert stage.send("c") == "c"


def test_an_enqueue_that_failed_frees_the_key_at_once(stage: Stage) -> None:
    sent = stage.call("a")
    stage.keys.reserve(sent)
    stage.keys.release([sent])
    assert stage.send("b") == "b"


def test_a_key_that_was_sent_is_not_released(stage: Stage) -> None:
    stage.send("a")
    stage.keys.release([stage.call("a")])
    assert stage.send("b") == "a"


def test_a_late_word_of_a_sender_that_lost_the_key_changes_nothing(stage: Stage) -> None:
    late = stage.call("a")
    stage.keys.reserve(late)
    stage.clock.forward(SENDING)
    stage.send("b")
    stage.keys.release([late])
    stage.keys.queued([late])
    assert stage.send("c") == "b"


def test_a_key_is_held_while_its_message_waits_for_its_hour(stage: Stage) -> None:
    stage.send("a", run_after=NOON + 100 * 86_400)
    stage.clock.forward(100 * 86_400)
    assert stage.send("b") == "a"
    stage.clock.forward(PENDING)
    assert stage.send("c") == "c", "SQS cannot have it any more"


def test_a_key_is_held_while_its_message_waits_for_its_next_attempt(stage: Stage) -> None:
    stage.send("a")
    delivery = stage.deliver("a")
    stage.begin(delivery)
    stage.keys.again(delivery, 20 * 86_400.0)
    stage.clock.forward(20 * 86_400)
    assert stage.send("b") == "a"


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("end", [Keys.done, Keys.failed])
def test_a_key_is_free_once_its_task_has_ended(
    stage: Stage, end: Callable[[Keys, Delivery], None], begun: bool
) -> None:
    stage.send("a")
    delivery = stage.deliver("a")
    if begun:
        stage.begin(delivery)
    end(stage.keys, delivery)
    assert stage.send("b") == "b"


@pytest.mark.parametrize("end", [Keys.done, Keys.failed])
def test_a_window_holds_a_key_past_the_end_of_its_task(stage: Stage, end: Callable[[Keys, Delivery], None]) -> None:
    stage.send("a", key_window=2 * REMEMBERED)
    delivery = stage.deliver("a", key_window=2 * REMEMBERED)
    stage.begin(delivery)
    end(stage.keys, delivery)
    stage.clock.forward(2 * REMEMBERED - 1)
    assert stage.send("b") == "a"
    stage.clock.forward(2)
    assert stage.send("c") == "c"


def test_a_letter_sent_back_holds_its_key_again(stage: Stage) -> None:
    stage.send("a")
    stage.keys.failed(stage.deliver("a"))
    assert stage.send("a") == "a"
    assert stage.send("b") == "a"
    assert stage.begin(stage.deliver("a")) is Permit.RUN


@pytest.mark.parametrize("key", ["#", "#short", "k" * 1001, "\u4e00" * 400, "a/b", "../.."])
def test_any_key_has_an_item_of_its_own(stage: Stage, key: str) -> None:
    name = key_id(stage.call("a", key=key))
    assert name.startswith("key/work/")
    assert len(name.encode()) < 2048
    assert stage.send("a", key=key) == "a"
    assert stage.send("b", key=key) == "a"
    assert stage.send("c", key=name.removeprefix("key/work/") + "x") == "c"


def test_no_key_can_pass_for_the_digest_of_another(stage: Stage) -> None:
    long = key_id(stage.call("a", key="k" * 2000)).removeprefix("key/work/")
    assert key_id(stage.call("b", key=long)) != f"key/work/{long}"


# Runs


def test_a_delivery_runs_once_and_a_copy_after_it_does_not(stage: Stage) -> None:
    stage.send("a")
    first, copy = stage.deliver("a"), stage.deliver("a")
    assert stage.begin(first) is Permit.RUN
    assert stage.begin(copy) is Permit.BUSY
    stage.keys.done(first)
    assert stage.begin(copy) is Permit.DONE


def test_a_copy_that_comes_after_the_key_went_on_is_not_run(stage: Stage) -> None:
    stage.send("a")
    first = stage.deliver("a")
    stage.begin(first)
    stage.keys.done(first)
    assert stage.send("b") == "b"
    assert stage.begin(stage.deliver("a")) is Permit.DONE
    assert stage.begin(stage.deliver("b")) is Permit.RUN


def test_a_crash_gives_the_key_back_at_the_deadline_and_not_before(stage: Stage) -> None:
    stage.send("a")
    assert stage.begin(stage.deliver("a")) is Permit.RUN
    stage.clock.forward(LIMIT - 1)
    assert stage.begin(stage.deliver("a")) is Permit.BUSY
    stage.clock.forward(1)
    assert stage.begin(stage.deliver("a")) is Permit.RUN


def test_a_failed_attempt_may_be_followed_by_the_next_at_once(stage: Stage) -> None:
    stage.send("a")
    delivery = stage.deliver("a")
    stage.begin(delivery)
    stage.keys.again(delivery, 0.0)
    assert stage.begin(stage.deliver("a")) is Permit.RUN


def test_a_holder_that_lost_the_key_has_no_word_on_it(stage: Stage) -> None:
    stage.send("a")
    slow = stage.deliver("a")
    stage.begin(slow)
    stage.clock.forward(LIMIT)
    assert stage.begin(stage.deliver("a")) is Permit.RUN
    for verb in (stage.keys.done, stage.keys.failed, lambda delivery: stage.keys.again(delivery, 0.0)):
        verb(slow)
        assert stage.begin(stage.deliver("a")) is Permit.BUSY


def test_to_begin_twice_with_one_receipt_is_to_begin_once(stage: Stage) -> None:
    stage.send("a")
    delivery = stage.deliver("a")
    assert [stage.begin(delivery), stage.begin(delivery)] == [Permit.RUN, Permit.RUN]


def test_a_message_whose_sender_died_right_after_sending_is_run(stage: Stage) -> None:
    stage.keys.reserve(stage.call("a"))
    assert stage.begin(stage.deliver("a")) is Permit.RUN


def test_of_two_messages_that_share_a_key_by_a_senders_death_one_is_run(stage: Stage) -> None:
    stage.keys.reserve(stage.call("a"))
    stage.clock.forward(SENDING)
    assert stage.keys.reserve(stage.call("b")) is None
    assert stage.begin(stage.deliver("a")) is Permit.BUSY, "whether SQS has the second is not known yet"
    stage.keys.queued([stage.call("b")])
    assert stage.begin(stage.deliver("a")) is Permit.DONE
    assert stage.begin(stage.deliver("b")) is Permit.RUN


def test_a_message_takes_the_place_of_one_that_was_never_sent(stage: Stage) -> None:
    stage.keys.reserve(stage.call("a"))
    stage.clock.forward(SENDING)
    stage.keys.reserve(stage.call("b"))
    stage.clock.forward(SENDING)
    assert stage.begin(stage.deliver("a")) is Permit.RUN


def test_a_letter_sent_back_runs_though_its_key_went_on_to_another_call(stage: Stage) -> None:
    stage.send("a", args=[1])
    stage.keys.failed(stage.deliver("a", args=[1]))
    stage.send("b", args=[2])
    redriven, copy = stage.deliver("a", args=[1]), stage.deliver("a", args=[1])
    assert stage.begin(redriven) is Permit.RUN
    assert stage.begin(copy) is Permit.BUSY
    stage.keys.done(redriven)
    assert stage.begin(copy) is Permit.DONE
    assert stage.begin(stage.deliver("b", args=[2])) is Permit.RUN, "which is none of the other's business"


def test_what_ran_beside_its_key_is_not_run_again_when_the_key_is_vacant(stage: Stage) -> None:
    stage.send("a", args=[1])
    stage.keys.failed(stage.deliver("a", args=[1]))
    assert stage.keys.reserve(stage.call("b", args=[2])) is None
    redriven = stage.deliver("a", args=[1])
    assert stage.begin(redriven) is Permit.RUN
    stage.clock.forward(SENDING)
    assert stage.begin(stage.deliver("a", args=[1])) is Permit.RUN, "its deadline has passed"
    assert stage.begin(stage.deliver("a", args=[1])) is Permit.BUSY
    stage.keys.done(stage.deliver("a", args=[1]))
    assert stage.begin(stage.deliver("a", args=[1])) is Permit.BUSY, "that was none of its holders"


def test_a_message_whose_item_is_gone_is_run(stage: Stage) -> None:
    assert stage.begin(stage.deliver("a")) is Permit.RUN
    assert stage.send("b") == "a"


def test_on_a_stage_a_second_delivery_waits_for_the_first_and_is_not_run_after_it(aws: Server) -> None:
    queue = Queue()
    broker = deployed(queues=[queue])
    assert broker.send([message("a", key="k"), message("b", key="k")]) == ["a", "a"]
    assert set(broker.load(["a", "b"])) == {"a"}, "nobody was told of b"
    (first,) = broker.receive([queue], 10, 20)
    assert broker.begin(first) is Permit.RUN
    broker.extend([first], 0)
    (copy,) = broker.receive([queue], 10, 20)
    assert copy.message.id == "a"
    assert broker.begin(copy) is Permit.BUSY
    broker.ack([Settlement(first)])
    assert broker.begin(copy) is Permit.DONE
    assert broker.send([message("c", key="k")]) == ["c"]


def test_what_may_be_forgotten_says_so_in_whole_seconds_of_late() -> None:
    stage = Stage()
    stage.clock.forward(0.25)
    sent = stage.call("a")
    told: list[object] = []
    verbs: list[Callable[[], object]] = [
        lambda: stage.keys.reserve(sent),
        lambda: stage.keys.queued([sent]),
        lambda: stage.begin(stage.deliver("a")),
        lambda: stage.keys.release([sent]),
        lambda: stage.keys.reserve(stage.call("b", key="other")),
        lambda: stage.keys.release([stage.call("b", key="other")]),
    ]
    for verb in verbs:
        verb()
        told += [item["gone"] for item in stage.table.items.values()]
    assert all(isinstance(gone, int) and gone > NOON - 2 for gone in told), "what is years old is never forgotten"
