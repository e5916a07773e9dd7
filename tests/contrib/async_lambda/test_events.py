"""The events a task's function is given: made of Lambda's own, as async-lambda's are, or of what the door has read."""

import json
import subprocess
import sys
from typing import Any

import pytest

from ebbtide.contrib.async_lambda.events import (
    APIEvent,
    BaseEvent,
    DynamoDBEvent,
    DynamoDBRecord,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    UnmanagedSQSEvent,
)
from ebbtide.errors import EnvelopeError

ENVELOPE = {
    "source_task_id": None,
    "destination_task_id": "A",
    "invocation_id": "cda6f2a5-b80a-42d3-a57f-cfe0b46ec2ad",
    "payload": '{"foo": [1, "x"]}',
}
LESS: dict[str, Any] = {
    "messageId": "m1",
    "receiptHandle": "r1",
    "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "tenant"},
    "messageAttributes": {"colour": {"stringValue": "red", "dataType": "String"}},
    "md5OfBody": "md5",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:project-A",
    "awsRegion": "us-east-1",
}
"""A record of SQS without its body."""
RECORD = {**LESS, "body": json.dumps(ENVELOPE)}
EVERY = [
    APIEvent,
    BaseEvent,
    DynamoDBEvent,
    DynamoDBRecord,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    UnmanagedSQSEvent,
]


def of_sqs(event: ManagedSQSEvent | UnmanagedSQSEvent) -> dict[str, object]:
    """What both kinds of queue tell."""
    names = (
        *("message_id", "receipt_handle", "attributes", "message_attributes", "md5_of_body"),
        *("event_source", "event_source_arn", "aws_region", "message_group_id"),
    )
    return {name: getattr(event, name) for name in names}


TOLD = {
    "message_id": "m1",
    "receipt_handle": "r1",
    "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "tenant"},
    "message_attributes": {"colour": {"stringValue": "red", "dataType": "String"}},
    "md5_of_body": "md5",
    "event_source": "aws:sqs",
    "event_source_arn": "arn:aws:sqs:us-east-1:123456789012:project-A",
    "aws_region": "us-east-1",
    "message_group_id": "tenant",
}
NOTHING_TOLD: dict[str, object] = {
    **dict.fromkeys(TOLD, ""),
    "attributes": {},
    "message_attributes": {},
    "message_group_id": None,
}


def members(event: ManagedSQSEvent) -> tuple[object, ...]:
    """What the envelope tells."""
    return (
        event.source_task_id,
        event.destination_task_id,
        event.invocation_id,
        event.s3_payload_key,
        event.payload,
    )


@pytest.mark.parametrize("kind", EVERY)
def test_every_event_keeps_what_came_and_the_context_by_either_name(kind: type[BaseEvent]) -> None:
    came, context = {"Records": [RECORD]} if "SQS" in kind.__name__ else {"came": True}, object()
    event = kind(came, context, object())
    assert isinstance(event, BaseEvent)
    assert event.event == event.get_raw_event() == came
    assert event.context is event.get_raw_context() is context


@pytest.mark.parametrize("kind", EVERY)
def test_every_event_can_be_made_of_nothing(kind: type[BaseEvent]) -> None:
    assert (kind().event, kind().context) == ({}, None)


def test_a_managed_event_tells_what_record_and_envelope_say() -> None:
    event = ManagedSQSEvent({"Records": [RECORD]}, None, None)
    assert of_sqs(event) == TOLD
    assert members(event) == (None, "A", ENVELOPE["invocation_id"], None, {"foo": [1, "x"]})
    assert event.body == RECORD["body"]


def test_its_text_is_the_payload_as_json() -> None:
    event = ManagedSQSEvent({"Records": [RECORD]})
    assert str(event) == '{"foo": [1, "x"]}'
    event.payload = {"changed": object}
    assert str(event) == '{"changed": "<class \'object\'>"}'


def test_a_managed_event_can_be_made_of_a_payload_that_has_been_read() -> None:
    event = ManagedSQSEvent.of(
        {"foo": 1},
        source_task_id="S",
        destination_task_id="A",
        invocation_id="i",
        record=LESS,
        context="context",
    )
    assert of_sqs(event) == TOLD
    assert members(event) == ("S", "A", "i", None, {"foo": 1})
    assert event.context == "context"
    envelope = json.loads(event.body)
    assert json.loads(envelope.pop("payload")) == {"foo": 1}
    assert envelope == {"source_task_id": "S", "destination_task_id": "A", "invocation_id": "i"}
    assert event.event == {"Records": [{**LESS, "body": event.body}]}
    assert members(ManagedSQSEvent(event.event)) == members(event)


def test_the_body_is_what_came_whatever_a_middleware_makes_of_the_payload() -> None:
    event = ManagedSQSEvent.of({"foo": 1}, destination_task_id="A", invocation_id="i")
    event.payload = object()
    assert json.loads(json.loads(event.body)["payload"]) == {"foo": 1}


def test_a_payload_from_the_bucket_is_not_in_the_body() -> None:
    event = ManagedSQSEvent.of(
        {"big": 1}, destination_task_id="A", invocation_id="i", s3_payload_key="2026/11/21/x.json"
    )
    assert members(event) == (None, "A", "i", "2026/11/21/x.json", {"big": 1})
    assert json.loads(event.body) == {
        "source_task_id": None,
        "destination_task_id": "A",
        "invocation_id": "i",
        "s3_payload_key": "2026/11/21/x.json",
    }


def test_a_body_and_a_group_that_are_told_count() -> None:
    event = ManagedSQSEvent.of(1, destination_task_id="A", record={**LESS, "body": "told"}, message_group_id="other")
    assert (event.body, event.message_group_id) == ("told", "other")


def test_a_managed_event_of_a_payload_alone_has_a_default_for_all_else() -> None:
    event = ManagedSQSEvent.of([1])
    assert members(event) == (None, "", "", None, [1])
    assert of_sqs(event) == NOTHING_TOLD
    assert json.loads(json.loads(event.body)["payload"]) == [1]


def test_a_managed_event_of_nothing_has_a_default_for_everything() -> None:
    event = ManagedSQSEvent({"Records": []})
    assert members(event) == (None, "", "", None, None)
    assert of_sqs(event) == NOTHING_TOLD
    assert (event.body, str(event)) == ("", "null")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("hello", "'hello' is not async-lambda's envelope"),
        ("{}", "is not async-lambda's envelope"),
        (json.dumps({**ENVELOPE, "payload": "{"}), "the payload is not JSON"),
        (
            '{"destination_task_id": "A", "invocation_id": "i", "s3_payload_key": "2026/x.json"}',
            "the payload is in the bucket, as '2026/x.json'",
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_an_error_that_says_why(body: str, words: str) -> None:
    with pytest.raises(EnvelopeError, match=words):
        ManagedSQSEvent({"Records": [{**LESS, "body": body}]})


def test_messages_that_came_together_are_events_in_their_order() -> None:
    other = {**RECORD, "body": json.dumps({**ENVELOPE, "payload": "2"})}
    batch = ManagedSQSBatchEvent({"Records": [RECORD, other]}, "context", None)
    assert [one.payload for one in batch.events] == [{"foo": [1, "x"]}, 2]
    assert [one.context for one in batch] == ["context", "context"]
    assert len(batch) == 2


def test_a_batch_can_be_made_of_events() -> None:
    batch = ManagedSQSBatchEvent.of([ManagedSQSEvent.of(1, record=LESS), ManagedSQSEvent.of(2)], "context")
    assert [one.payload for one in batch] == [1, 2]
    assert batch.context == "context"
    assert [record.get("messageId") for record in batch.event["Records"]] == ["m1", None]
    assert [json.loads(record["body"])["payload"] for record in batch.event["Records"]] == ["1", "2"]


def test_an_unmanaged_event_has_the_body_as_somebody_wrote_it() -> None:
    event = UnmanagedSQSEvent({"Records": [{**LESS, "body": '{"a": NaN, "b": 1}'}]}, None, None)
    assert of_sqs(event) == TOLD
    assert event.body == str(event) == '{"a": NaN, "b": 1}'
    assert event.json()["b"] == 1
    assert not hasattr(event, "payload")


def test_an_unmanaged_body_that_is_not_json_is_an_error_only_when_read_as_such() -> None:
    event = UnmanagedSQSEvent({"Records": [{"body": "hello"}]})
    assert event.body == "hello"
    assert of_sqs(event) == NOTHING_TOLD
    with pytest.raises(json.JSONDecodeError):
        event.json()


REQUEST: dict[str, Any] = {
    "resource": "/items/{id}",
    "path": "/items/7",
    "httpMethod": "POST",
    "headers": {"Content-Type": "text/plain", "X-A": "2"},
    "multiValueHeaders": {"Content-Type": ["text/plain"], "X-A": ["1", "2"]},
    "queryStringParameters": {"q": "b"},
    "multiValueQueryStringParameters": {"q": ["a", "b"]},
    "pathParameters": {"id": "7"},
    "requestContext": {"stage": "prod"},
    "body": "text",
    "isBase64Encoded": False,
}


def test_an_api_event_tells_of_the_request() -> None:
    event = APIEvent(REQUEST, None, None)
    assert (event.method, event.path, event.path_parameters) == ("POST", "/items/7", {"id": "7"})
    assert (event.headers["content-type"], event.headers["x-a"]) == ("text/plain", "2")
    assert event.multi_value_headers["X-a"] == ["1", "2"]
    assert (event.querystring_params, event.multi_value_querystring_params) == ({"q": "b"}, {"q": ["a", "b"]})
    assert (event.request_context, event.body, event.is_base64_encoded) == ({"stage": "prod"}, "text", False)


@pytest.mark.parametrize("came", [{}, dict.fromkeys(REQUEST)], ids=["absent", "null"])
def test_what_an_api_event_lacks_is_empty_and_never_none_but_for_the_body(came: dict[str, Any]) -> None:
    event = APIEvent(came)
    assert (event.path, event.method, event.is_base64_encoded, event.body) == ("", "", False, None)
    assert event.headers == event.multi_value_headers == {}
    assert (event.querystring_params, event.multi_value_querystring_params) == ({}, {})
    assert (event.path_parameters, event.request_context) == ({}, {})


CHANGE: dict[str, Any] = {
    "eventID": "e1",
    "eventName": "MODIFY",
    "awsRegion": "us-east-1",
    "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1",
    "dynamodb": {
        "Keys": {"id": {"S": "1"}},
        "NewImage": {"id": {"S": "1"}, "n": {"N": "2"}},
        "OldImage": {"id": {"S": "1"}, "n": {"N": "1"}},
        "SequenceNumber": "42",
    },
}


def test_a_change_has_its_images_as_dynamodb_writes_them_and_tells_what_it_is() -> None:
    record = DynamoDBRecord(CHANGE)
    assert record.new_image == {"id": {"S": "1"}, "n": {"N": "2"}}
    assert record.old_image == {"id": {"S": "1"}, "n": {"N": "1"}}
    assert (record.event_name, record.keys) == ("MODIFY", {"id": {"S": "1"}})
    assert (record.event_id, record.sequence_number, record.aws_region) == ("e1", "42", "us-east-1")
    assert record.event_source_arn == CHANGE["eventSourceARN"]


def test_a_change_without_images_has_none() -> None:
    record = DynamoDBRecord({"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "1"}}}})
    assert (record.new_image, record.old_image, record.keys) == (None, None, {"id": {"S": "1"}})


def test_a_stream_event_is_its_changes_in_order_as_often_as_one_asks() -> None:
    event = DynamoDBEvent({"Records": [CHANGE, {**CHANGE, "eventName": "REMOVE"}]}, "context", None)
    assert [record.event_name for record in event] == ["MODIFY", "REMOVE"]
    assert list(event) == list(event) == event.records
    assert len(event) == 2
    assert [record.event for record in event] == event.event["Records"]
    assert [record.context for record in event] == ["context", "context"]


def test_the_values_of_the_door_load_nothing_that_a_cold_start_would_notice() -> None:
    modules = ", ".join(
        f"ebbtide.contrib.async_lambda.{name}"
        for name in ("context", "defer", "events", "globals", "headers", "middleware", "notices", "payload", "response")
    )
    dear = {"asyncio", "boto3", "concurrent", "decimal", "email", "hashlib", "http", "logging", "pathlib", "socket"}
    dear |= {"ssl", "subprocess", "tempfile", "urllib", "uuid"}
    script = f"import sys; before = set(sys.modules); import {modules}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "ebbtide" in loaded
    assert loaded & dear == set()
