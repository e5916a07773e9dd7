"""Dead letters on SQS: the body as it came, the reason beside it, and what an operator can do with them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.aws.simulator.account import Account
from tests.aws.simulator.service import Answer
from tests.aws.simulator.sqs import SqsClient
from tests.brokers.sqs.stage import Deployed, dead, deployed, ids, simulated, take
from tests.fakes import NOON, message

from ebbtide.broker import DeadLetter, Delivery, Settlement
from ebbtide.brokers.sqs.attributes import TRACEBACK, describing, found_in
from ebbtide.brokers.sqs.batches import BYTES, size
from ebbtide.brokers.sqs.broker import MOST_INLINE
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import StorageError
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError

QUEUE = Queue(lanes=2)


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE, Queue("money")])


def put_there(broker: Deployed, body: str, **more: Any) -> None:
    """A letter that was not put there by us."""
    url = broker.clients.sqs.get_queue_url(QueueName=broker.place.dead_letters(False))["QueueUrl"]
    broker.clients.sqs.send_message(QueueUrl=url, MessageBody=body, **more)


def test_a_letter_says_why_when_and_whose_it_is(broker: Deployed, account: Account) -> None:
    broker.send([message("a", "pay", "default", lane=1, args=[1], group="g")])
    (delivery,) = take(broker, QUEUE)
    account.timeline.forward(5)
    settlement = dead(delivery, "no \x00 \ud800 caf\u00e9", "Traceback\n  x")
    assert settlement.report is not None
    broker.bury([settlement._replace(report=settlement.report._replace(finished_at=NOON + 5))])
    (letter,) = broker.dead()
    assert letter == DeadLetter(
        "a",
        "pay",
        "default",
        1,
        TaskError("shop.Boom", "no \\x00 \\ud800 caf\u00e9", "Traceback\n  x", 1),
        1,
        NOON + 5,
        delivery.body,
    )


def test_what_is_no_envelope_is_buried_under_sqs_s_own_id_and_can_be_sent_back(broker: Deployed) -> None:
    url = broker.clients.sqs.get_queue_url(QueueName=broker.place.queue(QUEUE, 1))["QueueUrl"]
    id = broker.clients.sqs.send_message(QueueUrl=url, MessageBody="hello")["MessageId"]
    (delivery,) = take(broker, QUEUE)
    broker.bury([undecodable(delivery)])
    (letter,) = broker.dead()
    assert (letter.id, letter.task, letter.lane, letter.body) == (id, "", 1, b"hello")
    assert broker.redrive([id]) == 1
    (delivery,) = take(broker, QUEUE)
    assert (delivery.body, delivery.lane) == (b"hello", 1)


def undecodable(delivery: Delivery) -> Settlement:
    error = TaskError("ebbtide.errors.EnvelopeError", "not JSON", "", delivery.attempt)
    return Settlement(delivery, Report("", "", Status.FAILED, 1, 60.0, NOON, NOON, NOON, error=error))


def test_a_letter_that_sqs_moved_there_itself_is_told_as_such_and_redriven(broker: Deployed) -> None:
    put_there(broker, message("a", queue="money").encode().decode())
    (letter,) = broker.dead()
    assert letter.error.exception_class == "ebbtide.errors.WorkerDied"
    assert "redrive policy" in letter.error.message
    assert letter.buried_at == NOON
    assert broker.redrive([letter.id]) == 1
    assert ids(take(broker, Queue("money"))) == ["a"]


def test_a_letter_that_sqs_moved_there_goes_back_where_it_came_from_whatever_it_holds(broker: Deployed) -> None:
    sqs = broker.clients.sqs
    url = sqs.get_queue_url(QueueName=broker.place.queue(QUEUE, 1))["QueueUrl"]
    letters = sqs.get_queue_url(QueueName=broker.place.dead_letters(False))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    for _ in range(2):  # at the second look SQS moves it
        for taken in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=taken["ReceiptHandle"], VisibilityTimeout=0)
    (letter,) = broker.dead()
    assert (letter.queue, letter.lane) == ("default", 1)
    assert broker.redrive([letter.id]) == 1
    (delivery,) = take(broker, QUEUE)
    assert (delivery.body, delivery.lane) == (b"hello", 1)


def test_a_letter_of_nobodys_can_only_be_dropped(broker: Deployed) -> None:
    put_there(broker, "whose am I?")
    (letter,) = broker.dead()
    with pytest.raises(StorageError, match=f"dead letter {letter.id} does not say whose it is; it can only be dropped"):
        broker.redrive([letter.id])
    assert [one.id for one in broker.dead()] == [letter.id]
    assert broker.drop([letter.id]) == 1
    assert broker.dead() == []


def test_a_letter_of_a_queue_that_the_app_has_no_more_stays_and_says_so(broker: Deployed) -> None:
    put_there(broker, message("a", queue="mony").encode().decode())
    (letter,) = broker.dead()
    with pytest.raises(StorageError, match=r"app 't' has no queue 'mony'\. Did you mean 'money'\?"):
        broker.redrive([letter.id])
    assert len(broker.dead()) == 1


def test_a_large_letter_holds_its_body_as_it_was_sent_and_a_pointer_once_that_is_gone(broker: Deployed) -> None:
    sent = message("a", args=["x" * 300_000])
    broker.send([sent])
    broker.bury([dead(take(broker, QUEUE)[0])])
    assert broker.dead()[0].body == sent.encode()
    broker.clients.s3._client.buckets[next(iter(broker.clients.s3._client.buckets))].clear()
    assert broker.dead()[0].body.startswith(b'{"claim":')


def test_a_list_leaves_every_letter_where_it_was(broker: Deployed) -> None:
    names = [f"m{number:02}" for number in range(35)]
    broker.send([message(name) for name in names])
    broker.bury([dead(delivery) for delivery in take(broker, QUEUE)])
    for _ in range(3):
        assert [letter.id for letter in broker.dead()] == names
    assert broker.drop(names) == 35


def test_a_letter_that_is_there_twice_is_listed_redriven_and_gone_once(broker: Deployed) -> None:
    for _ in range(2):
        put_there(broker, message("a").encode().decode(), MessageAttributes=said("a"))
    assert [letter.id for letter in broker.dead()] == ["a"]
    assert broker.redrive(["a", "a"]) == 1
    assert broker.dead() == []
    assert ids(take(broker, QUEUE)) == ["a"]


def said(id: str) -> dict[str, dict[str, str]]:
    return {
        "ebbtide.id": {"DataType": "String", "StringValue": id},
        "ebbtide.queue": {"DataType": "String", "StringValue": "default"},
        "ebbtide.attempt": {"DataType": "String", "StringValue": "many"},
    }


def test_redriving_a_keyed_letter_takes_its_key_again(broker: Deployed) -> None:
    broker.send([message("a", key="k")])
    broker.bury([dead(take(broker, QUEUE)[0])])
    broker.redrive(["a"])
    assert broker.send([message("b", key="k")]) == ["a"]


class Picky(SqsClient):
    """SQS that will not have one body, and fails to store another."""

    def _send_message_batch(self, QueueUrl: str, Entries: Any, **_: Any) -> Answer:
        if "dead-letters" not in QueueUrl:
            return super()._send_message_batch(QueueUrl, Entries)
        taken = [entry for entry in Entries if not {"never", "broken"} & set(entry["MessageBody"].split('"'))]
        failed = [
            {"Id": entry["Id"], "Code": "No", "SenderFault": '"never"' in entry["MessageBody"]}
            for entry in Entries
            if entry not in taken
        ]
        return {**(super()._send_message_batch(QueueUrl, taken) if taken else {}), "Failed": failed}


def test_what_sqs_will_not_have_as_a_letter_stays_and_keeps_nobody_else_from_its_end(account: Account) -> None:
    broker = simulated(account, [QUEUE], sqs=Picky)
    broker.send([message("a"), message("never"), message("b")])
    assert broker.bury([dead(delivery) for delivery in take(broker, QUEUE)]) == 2
    assert [letter.id for letter in broker.dead()] == ["a", "b"]
    account.timeline.forward(61)
    assert ids(take(broker, QUEUE)) == ["never"]


def test_what_sqs_fails_to_store_as_a_letter_is_an_error_and_nothing_is_lost(account: Account) -> None:
    broker = simulated(account, [QUEUE], sqs=Picky)
    broker.send([message("broken")])
    with pytest.raises(StorageError, match="SQS failed to store a dead letter: No"):
        broker.bury([dead(take(broker, QUEUE)[0])])
    account.timeline.forward(61)
    assert ids(take(broker, QUEUE)) == ["broken"]


TEXT = st.text(st.characters(codec=None), max_size=300)


@settings(max_examples=150, deadline=None)
@given(message=TEXT, traceback=TEXT, times=st.sampled_from([1, 100]), body=st.sampled_from([10, MOST_INLINE, BYTES]))
def test_whatever_the_error_says_the_letter_fits_and_is_of_characters_that_sqs_takes(
    message: str, traceback: str, times: int, body: int
) -> None:
    error = TaskError("shop.Boom", message * times, traceback * times, 3)
    letter = DeadLetter("a" * 200, "t" * 128, "default", 1, error, 3, NOON, b"")
    entry = describing(letter, "x" * body, "g" * 128)
    if body <= MOST_INLINE:
        assert entry["MessageAttributes"]["ebbtide.id"]["StringValue"] == letter.id
    attributes = entry["MessageAttributes"]
    assert len(attributes) <= 10
    assert size(entry) <= BYTES
    for attribute in attributes.values():
        text = attribute["StringValue"]
        assert text
        assert text.encode("utf-8")
        assert not [c for c in text if ord(c) < 32 and c not in "\t\n\r"]
        assert not {"\ufffe", "\uffff"} & set(text)
    assert len(attributes.get("ebbtide.traceback", {"StringValue": ""})["StringValue"].encode()) <= TRACEBACK


def test_a_body_that_leaves_no_room_for_a_reason_still_becomes_a_letter() -> None:
    letter = DeadLetter("a", "work", "default", 0, TaskError("shop.Boom", "x" * 1000, "y" * 1000, 3), 3, NOON, b"")
    entry = describing(letter, "x" * (BYTES - 100), None)
    assert size(entry) <= BYTES
    assert entry["MessageAttributes"] == {"ebbtide.reason": {"DataType": "String", "StringValue": "shop.Boom"}}
    assert describing(letter, "x" * BYTES, None) == {"MessageBody": "x" * BYTES, "MessageAttributes": {}}


def test_a_letter_reads_back_as_it_was_written() -> None:
    error = TaskError("shop.Boom", "said", "Traceback", 3)
    letter = DeadLetter("a", "work", "default", 1, error, 3, NOON, b"body")
    entry = describing(letter, "body", "g")
    found = found_in("url", {"MessageId": "m", "ReceiptHandle": "h", "Body": "body", **entry})
    assert found == (letter, "url", "h", "body", "g", "m")


def test_the_letters_of_a_real_queue_come_in_pages_and_go_back(aws: Server) -> None:
    broker = deployed(queues=[Queue()])
    names = [f"m{number:02}" for number in range(23)]
    broker.send([message(name) for name in names])
    broker.bury([dead(delivery, "\x00") for delivery in take(broker, Queue())])
    first = broker.dead(limit=10)
    rest = broker.dead(limit=100, after=first[-1].id)
    assert [letter.id for letter in first + rest] == names
    assert {letter.error.message for letter in first} == {"\\x00"}
    assert broker.redrive(names) == 23
    assert sorted(ids(take(broker, Queue()))) == names
    assert Message.decode(first[0].body).id == names[0]
