"""Events: an envelope passes, what a trigger reads is a call, all else keeps its bytes and says why."""

import json
from random import Random
from typing import Any

import pytest
from tests.bar import corpus
from tests.fakes import memory_app
from tests.triggers.reading import RECORD, calls, delivery, foreign, read, reason, sample

from ebbtide import App, Bucket, Delivery, ForeignQueue, Queue, Schedule, TableStream, Topic, Trigger
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.events import deliveries
from ebbtide.message import Lineage, Message

STREAM = sample("stream_modify")["eventSourceARN"]


@pytest.fixture
def app() -> App:
    app = memory_app(Queue("busy", lanes=3), Queue("order", fifo=True))

    @app.task(Bucket("uploads", prefix="in/", suffix=".csv"))
    def ingest(key: str, size: int) -> None: ...

    @app.task(Topic("orders"))
    def ship(message: dict[str, Any]) -> None: ...

    @app.task(Topic("orders"))
    def bill(message: str) -> None: ...

    @app.task(Schedule("rate(1 hour)", arguments={"region": "eu"}))
    def report(region: str) -> None: ...

    @app.task(ForeignQueue("erp.fifo"), TableStream(STREAM))
    def sync(time: str = "") -> None: ...

    @app.task(Bucket("photos"), queue="busy")
    def thumbnail(key: str) -> None: ...

    return app


def envelope(task: str = "ingest") -> Message:
    return Message("m1", task, "default", Lineage("m1"), 1_800_000_000.0, kwargs={"key": "k", "size": 1})


def test_an_envelope_passes_untouched(app: App) -> None:
    given = delivery(envelope().encode())
    assert deliveries(app, given, RECORD) == [given]
    assert deliveries(app, given, RECORD)[0] is given


def test_an_envelope_on_a_foreign_queue_is_a_body_as_any_other(app: App) -> None:
    record = {**sample("foreign_record"), "body": envelope().encode().decode()}
    (found,) = foreign(app, record)
    assert found.message.task == "sync"
    unknown = {**record, "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:other"}
    assert "its queue is 'arn:aws:sqs:us-east-2:123456789012:other'" in reason(foreign(app, unknown))


@pytest.mark.parametrize("body", ['{"n": 1}', "", "é\ud800", envelope().encode().decode()])
def test_a_foreign_message_that_is_redriven_to_the_stages_own_queue_is_read_as_what_it_was(app: App, body: str) -> None:
    (there,) = foreign(app, {**sample("foreign_record"), "body": body})
    assert b"receiptHandle" not in there.body
    (here,) = read(app, there.body)
    assert (here.message.task, here.message.kwargs) == (there.message.task, there.message.kwargs) == ("sync", {})
    stranger = {**sample("foreign_record"), "body": body, "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:other"}
    (there,) = foreign(app, stranger)
    assert "its queue is '" in reason(read(app, there.body))


def test_a_foreign_message_with_no_room_for_more_stays_bare_and_is_no_envelope(app: App) -> None:
    body = envelope().encode().decode() + " " * 1_000_000
    (there,) = foreign(app, {**sample("foreign_record"), "body": body})
    assert there.message.task == "sync"
    assert there.body == b"#" + body.encode()
    assert reason(read(app, there.body)).startswith("not JSON")


def test_a_change_that_is_redriven_is_read_as_what_it_was(app: App) -> None:
    (there,) = foreign(app, sample("stream_modify"))
    (here,) = read(app, there.body)
    assert here.message.task == there.message.task == "sync"


def test_a_broken_envelope_keeps_its_own_reason(app: App) -> None:
    assert reason(read(app, {"v": 2, "id": "m1"})) == "envelope version 2: this Ebbtide speaks version 1"
    assert reason(read(app, {"v": 1, "id": "m1"})) == "the envelope has no 'task'"


def test_an_event_becomes_a_message_under_the_id_of_its_delivery(app: App) -> None:
    record = {**RECORD, "attributes": {"SentTimestamp": "1800000000250", "MessageGroupId": "g"}}
    (found,) = read(app, sample("bucket_put"), record=record)
    message = found.message
    assert (message.id, message.lineage, message.task) == (RECORD["messageId"], Lineage(RECORD["messageId"]), "ingest")
    assert (message.enqueued_at, message.group, message.key) == (1_800_000_000.25, "g", None)
    assert (found.receipt, found.attempt) == ("receipt-1", 1)
    assert json.loads(found.body) == sample("bucket_put"), "its dead letter shows the event as it came"


def test_it_runs_on_the_lane_that_it_came_on(app: App) -> None:
    event = {**sample("bucket_put")["Records"][0]}
    event["s3"]["bucket"]["name"] = "shop-prod-photos-123456789012-us-west-2"
    given = delivery({"Records": [event]}, "busy", lane=2)
    (found,) = deliveries(app, given, RECORD)
    assert (found.message.queue, found.message.lane) == ("busy", 2)


def test_several_records_of_one_notification_are_several_calls(app: App) -> None:
    first, second = sample("bucket_put")["Records"][0], sample("bucket_put")["Records"][0]
    second["s3"]["object"]["key"] = "in/other.csv"
    found = read(app, {"Records": [first, second]})
    assert [kwargs["key"] for _, _, kwargs in calls(app, found)] == ["in/Happy Face é+1.csv", "in/other.csv"]
    assert [one.message.id for one in found] == [f"{RECORD['messageId']}-0", f"{RECORD['messageId']}-1"]
    assert [Message.decode(one.body) for one in found] == [one.message for one in found], "they can be sent"


def test_one_record_that_nobody_reads_keeps_the_notification_whole(app: App) -> None:
    good, other = sample("bucket_put")["Records"][0], sample("bucket_put")["Records"][0]
    other["s3"]["object"]["key"] = "out/other.csv"
    said = reason(read(app, {"Records": [good, other]}))
    assert "its key 'out/other.csv' does not begin with 'in/'" in said


def test_two_tasks_of_one_queue_with_the_same_topic_are_both_called(app: App) -> None:
    found = calls(app, read(app, sample("topic_notification")))
    assert found == [
        ("ship", [], {"message": {"id": 7, "total": "19.90"}}),
        ("bill", [], {"message": '{"id": 7, "total": "19.90"}'}),
    ]


def test_tasks_of_other_queues_are_not_asked(app: App) -> None:
    assert "no task of queue 'order' has a trigger" in reason(read(app, sample("bucket_put"), "order"))


def test_the_test_event_of_s3_says_nothing(app: App) -> None:
    assert read(app, sample("bucket_test_event")) == []


def test_a_tick_has_its_schedule_and_time_in_its_key_and_headers(app: App) -> None:
    event = {"schedule": "rate(1 hour) UTC", "task": "report", "tick": "2027-01-01T09:00:00Z", "arguments": {}}
    ticks = [
        read(app, {**event, "arguments": {"region": region}, "tick": tick})[0].message
        for region, tick in (
            ("eu", "2027-01-01T09:00:00Z"),
            ("us", "2027-01-01T09:00:00Z"),
            ("eu", "2027-01-01T10:00Z"),
        )
    ]
    assert len({tick.key for tick in ticks}) == 3
    assert ticks[0].headers == {"schedule": "rate(1 hour) UTC", "tick": "2027-01-01T09:00:00Z"}
    assert ticks[0].key_window == 86_400.0
    (again,) = read(app, {**event, "arguments": {"region": "eu"}})
    assert again.message.key == ticks[0].key


def test_a_tick_whose_time_nobody_wrote_in_has_no_key(app: App) -> None:
    event = {**sample("schedule_tick"), "arguments": {"region": "eu"}, "tick": "<aws.scheduler.scheduled-time>"}
    (found,) = read(app, event)
    assert (found.message.key, found.message.headers) == (None, {"schedule": "rate(1 hour) UTC"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (sample("bucket_eventbridge"), "task 'ingest', Bucket('uploads', prefix='in/', suffix='.csv'): its bucket is "),
        (sample("topic_subscription_confirmation"), "task 'ship', Topic('orders'): it is a 'SubscriptionConfirmation'"),
        ({**sample("schedule_tick"), "task": "repotr"}, "its task is 'repotr'"),
        ({**sample("schedule_tick"), "schedule": "rate(2 hours) UTC"}, "its schedule is 'rate(2 hours) UTC'"),
    ],
)
def test_what_nobody_reads_says_what_came_nearest(app: App, body: Any, said: str) -> None:
    told = reason(read(app, body))
    assert "no trigger of queue 'default' reads an event with " in told
    assert "; nearest is task '" in told
    assert said in told
    assert told.endswith("(5 more were tried)")


@pytest.mark.parametrize(
    ("body", "said"),
    [({"Records": []}, "an object with 'Records'"), ({}, "an empty object"), ({"source": "x"}, "source 'x'")],
)
def test_where_nothing_comes_near_it_says_what_was_tried(app: App, body: Any, said: str) -> None:
    told = reason(read(app, body))
    assert said in told
    assert "; tried task 'ingest': Bucket('uploads', prefix='in/', suffix='.csv'), task 'ship': Topic('orders')" in told
    assert told.endswith(" and 1 more")


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"\xff\x00", "not UTF-8 at byte 0"), (b"hello", "not JSON: "), ([1], "not a JSON object: list")],
)
def test_what_is_no_object_says_so(app: App, body: Any, said: str) -> None:
    told = reason(read(app, body))
    assert told.startswith(said)
    assert told.endswith("and none of the 6 triggers of queue 'default' takes bare messages")


def test_what_nobody_reads_keeps_its_bytes(app: App) -> None:
    (found,) = read(app, b"\xff\x00")
    assert (found.body, found.receipt, found.queue) == (b"\xff\x00", "receipt-1", "default")


def test_storage_that_cannot_be_reached_is_no_verdict_on_the_message(app: App) -> None:
    class Far(Delivery):
        @property
        def message(self) -> Message:
            raise StorageError("the bucket does not answer")

    far = object.__new__(Far)
    vars(far).update(vars(delivery(b"{}")))
    with pytest.raises(StorageError):
        deliveries(app, far, RECORD)


def test_deep_and_wide_events_are_refused_soon(app: App) -> None:
    deep = {**sample("schedule_tick"), "task": "report", "arguments": {"region": 1}}
    for _ in range(200):
        deep["arguments"] = {"region": deep["arguments"]}
    assert "nested deeper than 100" in reason(read(app, deep))
    assert "nested too deeply" in reason(read(app, b'{"a":' * 100_000))
    assert "no trigger" in reason(read(app, {"Records": [{}] * 100_000}))


def test_a_trigger_of_ones_own_needs_two_methods_to_read_events() -> None:
    class Parcel(Trigger):
        def check(self, task: str, parameters: Any) -> None: ...

        def reads(self, task: str, event: Any) -> bool:
            return "parcel" in event

        def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
            return [event["parcel"]], {}

    app = memory_app()

    @app.task(Parcel())
    def unpack(parcel: int) -> None: ...

    assert calls(app, read(app, {"parcel": 7})) == [("unpack", [7], {})]
    assert "tried task 'unpack': <" in reason(read(app, {"letter": 7}))


def hostile(random: Random, samples: list[Any]) -> Any:
    """A sample with some members of it turned into something else."""
    event = json.loads(json.dumps(random.choice(samples)))
    for _ in range(random.randint(1, 4)):
        at = event
        while isinstance(at, (dict, list)) and at:
            step = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[step], (dict, list)) or random.random() < 0.3:
                at[step] = random.choice((corpus.odd_value(random), corpus.odd_value(random), "%zz", "%ff", "9" * 400))
                break
            at = at[step]
    return event


NAMES = (
    *("bucket_put", "bucket_delete_marker", "bucket_eventbridge", "bucket_test_event", "topic_notification"),
    *("foreign_record", "stream_modify", "stream_remove", "schedule_tick"),
)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_is_a_call_or_a_reason(app: App, seed: int) -> None:
    random, samples = Random(seed), [sample(name) for name in NAMES]
    seeds = [json.dumps(event).encode() for event in samples]
    read_as_calls = 0
    for number in range(1500):
        event = hostile(random, samples)
        own = number % 2 == 0
        body = json.dumps(event).encode() if number % 3 else corpus.mutation(random, seeds)
        record = event if isinstance(event, dict) and not own else RECORD
        for one in deliveries(app, Delivery(body, "default", 0, "r", 1), record, own=own):
            told = "a call"
            try:
                assert Message.decode(one.message.encode()) == one.message
                read_as_calls += 1
            except EnvelopeError as refused:
                told = str(refused)
            assert told.isprintable()
            assert 0 < len(told) < 1000
    assert read_as_calls > 50


class Foreign(Trigger):
    """Reads another system's envelope, which knows all about the message."""

    def __init__(self, **about: Any) -> None:
        self.told = about

    def check(self, task: str, parameters: Any) -> None: ...

    def reads(self, task: str, event: Any) -> bool:
        return "payload" in event

    def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
        return [event["payload"]], {}

    def about(self, task: str, event: Any) -> dict[str, Any]:
        if "broken" in event:
            raise EnvelopeError("its lineage is broken")
        return self.told


def test_a_trigger_may_say_everything_about_the_message() -> None:
    lineage = Lineage("root", "parent", 3, ("before",))
    told: dict[str, Any] = {"id": "own", "lineage": lineage, "enqueued_at": 5.0, "lane": 2, "headers": {"a": "b"}}
    app = memory_app(Queue("busy", lanes=3))

    @app.task(Foreign(**told, group="g", priority=3, expires_at=9.0), queue="busy")
    def unpack(payload: int) -> None: ...

    (found,) = deliveries(app, delivery(b'{"payload": 7}', queue="busy"), RECORD)
    assert found.message == Message(
        "own", "unpack", "busy", lineage, 5.0, 2, [7], group="g", priority=3, expires_at=9.0, headers={"a": "b"}
    )
    assert found.body == b'{"payload": 7}'


def test_one_that_says_its_id_alone_begins_a_chain_of_that_name() -> None:
    app = memory_app()

    @app.task(Foreign(id="own"))
    def unpack(payload: int) -> None: ...

    (found,) = read(app, {"payload": 7})
    assert (found.message.id, found.lineage) == ("own", Lineage("own"))


def test_what_a_trigger_cannot_say_of_an_event_refuses_it() -> None:
    app = memory_app()

    @app.task(Foreign())
    def unpack(payload: int) -> None: ...

    assert "its lineage is broken" in reason(read(app, {"payload": 7, "broken": True}))
