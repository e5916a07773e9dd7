"""Sending to SQS: what goes into a batch, and what is told of one that SQS took only in part."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.aws.ministack import unique
from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.service import Answer
from tests.aws.simulator.sqs import SqsClient
from tests.brokers.sqs.stage import Deployed, clients_here, deployed, ids, simulated, take
from tests.fakes import NOON, message

from ebbtide.brokers.sqs import SqsBroker
from ebbtide.brokers.sqs.batches import BYTES, ENTRIES, TRIES, Refusal, carry_out, chunks, size
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import KeyConflict, PartlyStored, PayloadError, StorageError
from ebbtide.physical import Place
from ebbtide.queue import Queue

QUEUE = Queue()

# Batches


def bodies(*sizes: int) -> list[dict[str, Any]]:
    return [{"MessageBody": "x" * number} for number in sizes]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60))
def test_a_batch_holds_ten_entries_and_a_mebibyte_at_most_in_order(tenths: list[int]) -> None:
    entries = bodies(*(number * BYTES // 40 for number in tenths))
    runs = list(chunks(entries))
    assert [place for run in runs for place in run] == list(range(len(entries)))
    for run in runs:
        assert 1 <= len(run) <= ENTRIES
        assert sum(size(entries[place]) for place in run) <= BYTES
    for before, after in pairwise(runs):  # none is shorter than it must be
        more = sum(size(entries[place]) for place in (*before, after[0]))
        assert len(before) == ENTRIES or more > BYTES


def test_attributes_count_with_their_names_and_types() -> None:
    attribute = {"a": {"DataType": "String", "StringValue": "caf\u00e9"}}
    assert size({"MessageBody": "\u4e00", "MessageAttributes": attribute}) == 3 + 1 + 6 + 5


class Answers:
    """A batch call that refuses what it is told to, by the entry's number; and what it was asked."""

    def __init__(self, *rounds: dict[int, bool]) -> None:
        self.rounds = list(rounds)  # entry: whether it is the sender's fault
        self.asked: list[list[str]] = []

    def __call__(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.asked.append([entry["Id"] for entry in Entries])
        refused = self.rounds.pop(0) if self.rounds else {}
        failed = [
            {"Id": str(number), "Code": "Sender" if ours else "InternalError", "SenderFault": ours}
            for number, ours in refused.items()
        ]
        return {"Failed": failed} if failed else {}


def test_what_sqs_failed_to_do_is_tried_again_alone_and_what_is_our_fault_is_not() -> None:
    answers = Answers({1: False, 2: True}, {1: False})
    waits: list[float] = []
    assert carry_out(answers, "url", bodies(1, 1, 1), waits.append) == [Refusal(2, "Sender", "Sender", True)]
    assert answers.asked == [["0", "1", "2"], ["1"], ["1"]]
    assert len(waits) == 2
    assert 0 < waits[0] < waits[1] < 1


def test_what_fails_again_and_again_is_told() -> None:
    answers = Answers(*[{0: False}] * TRIES)
    assert carry_out(answers, "url", bodies(1), lambda wait: None) == [
        Refusal(0, "InternalError", "InternalError", False)
    ]
    assert len(answers.asked) == TRIES


# Messages


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE, Queue("money")])


def test_nothing_is_lost_or_doubled_while_one_entry_in_five_fails(account: Account) -> None:
    broker = simulated(account, [QUEUE])
    account.faults = Faults(entry=0.2)
    names = [f"m{number}" for number in range(500)]
    stored: list[str] = []
    missing: list[str] = []
    for start in range(0, 500, 50):
        try:
            stored += SqsBroker.send(broker, [message(name) for name in names[start : start + 50]])
        except PartlyStored as error:
            stored += error.stored
            missing += error.missing
    account.faults = Faults()
    assert sorted(stored + missing) == sorted(names)
    assert sorted(ids(take(broker, QUEUE, limit=1000))) == sorted(stored)


class Picky(SqsClient):
    """SQS that fails to store some messages, as often as it is asked."""

    refused: tuple[str, ...] = ("m10", "m13")

    def _send_message_batch(self, QueueUrl: str, Entries: Any, **_: Any) -> Answer:
        left = [entry for entry in Entries if self._id(entry) not in self.refused]
        failed = [
            {"Id": entry["Id"], "Code": "InternalError", "SenderFault": False}
            for entry in Entries
            if self._id(entry) in self.refused
        ]
        return {**(super()._send_message_batch(QueueUrl, left) if left else {}), "Failed": failed}

    def _id(self, entry: Any) -> str:
        return str(json.loads(entry["MessageBody"])["id"])


def test_what_was_stored_of_a_batch_is_told_by_id(account: Account) -> None:
    broker = simulated(account, [QUEUE], sqs=Picky)
    names = [f"m{number}" for number in range(15)]
    with pytest.raises(PartlyStored) as error:
        broker.send([message(name) for name in names])
    assert error.value.missing == ("m10", "m13")
    assert error.value.stored == tuple(name for name in names if name not in ("m10", "m13"))
    assert error.value.code == "InternalError"
    assert "SQS refused m10: InternalError" in str(error.value)
    assert "Of 15 messages 2 are not stored: m10, m13; stored: m0, m1" in str(error.value)


def test_an_error_before_anything_is_stored_is_no_partial_one(broker: Deployed, account: Account) -> None:
    account.faults = Faults(throttled=1.0)
    with pytest.raises(StorageError, match="RequestThrottled") as error:
        SqsBroker.send(broker, [message("a")])
    assert not isinstance(error.value, PartlyStored)


def test_a_key_whose_message_was_not_stored_is_free_again(account: Account) -> None:
    broker = simulated(account, [QUEUE], sqs=Picky)
    with pytest.raises(PartlyStored):
        broker.send([message("a", key="1"), message("m10", key="2")])
    assert broker.send([message("c", key="1"), message("d", key="2")]) == ["a", "d"]


def test_a_conflict_stores_nothing_and_frees_the_keys_of_its_batch(broker: Deployed) -> None:
    broker.send([message("a", key="k", args=[1])])
    with pytest.raises(KeyConflict):
        broker.send([message("b", key="l"), message("c", key="k", args=[2])])
    assert broker.send([message("d", key="l")]) == ["d"]


def test_the_largest_inline_body_goes_inline_and_one_byte_more_to_the_bucket(account: Account) -> None:
    broker = simulated(account, [QUEUE], inline=2_000)
    empty = len(message("a", args=[""]).encode())
    broker.send([message("a", args=["x" * (2_000 - empty)]), message("b", args=["x" * (2_001 - empty)])])
    (batch,) = [given for name, given in broker.clients.sqs._client.calls if name == "SendMessageBatch"]
    assert len(batch["Entries"][0]["MessageBody"]) == 2_000
    assert batch["Entries"][1]["MessageBody"].startswith('{"claim":"claims/b"')
    assert sorted(len(delivery.message.encode()) for delivery in take(broker, QUEUE)) == [2_000, 2_001]


HOSTILE = st.text(st.characters(codec=None), max_size=50)


@settings(max_examples=60, deadline=None)
@given(st.lists(HOSTILE, max_size=5), HOSTILE)
def test_whatever_the_text_it_travels(texts: list[str], header: str) -> None:
    account = Account()
    broker = simulated(account, [QUEUE])
    sent = message("a", args=texts, headers={"h": header})
    SqsBroker.send(broker, [sent])
    assert take(broker, QUEUE)[0].message == sent
    account.timeline.close()


def test_a_queue_of_no_app_is_named(broker: Deployed) -> None:
    with pytest.raises(StorageError, match=r"app 't' has no queue 'mony'\. Did you mean 'money'\?"):
        SqsBroker.send(broker, [message("a", queue="mony")])


def test_many_are_sent_and_taken_whole_from_a_real_queue(aws: Server) -> None:
    broker = deployed(queues=[QUEUE])
    names = [f"m{number}" for number in range(55)]
    assert SqsBroker.send(broker, [message(name, args=["x" * 100_000]) for name in names]) == names
    assert sorted(ids(take(broker, QUEUE))) == sorted(names)


def test_a_stage_that_is_not_deployed_is_said_with_the_cure(aws: Server) -> None:
    clients = clients_here()
    place = Place(unique("t"), "prod")
    broker = SqsBroker(place, {"default": QUEUE}, clients, clock=lambda: NOON)
    clients.where, clients.cure = "stage 'prod' of app 'shop'", "Is it deployed? ebbtide deploy --stage prod"
    try:
        with pytest.raises(StorageError, match=r"for stage 'prod' of app 'shop'.*ebbtide deploy --stage prod"):
            broker.send([message("a")])
    finally:
        clients.where = clients.cure = ""


def test_a_body_that_no_bucket_keeps_so_long_is_refused_before_anything_is_stored(broker: Deployed) -> None:
    large = message("b", args=["x" * 300_000], run_after=NOON + 20 * 365 * 86_400.0)
    with pytest.raises(PayloadError, match="keeps nothing for"):
        broker.send([message("a", key="k"), large])
    assert take(broker, QUEUE) == []
    assert broker.send([message("c", key="k")]) == ["c"]
