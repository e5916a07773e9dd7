"""async-lambda's envelope: written with ours inside, read from whoever wrote it."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import message

from ebbtide.contrib.async_lambda.wire import Envelope, decode
from ebbtide.errors import EnvelopeError

THEIRS = {"source_task_id": None, "destination_task_id": "A", "invocation_id": "i", "payload": '{"foo": "bar"}'}


def test_their_envelope_is_read() -> None:
    assert decode(json.dumps(THEIRS)) == Envelope(None, "A", "i", '{"foo": "bar"}')


def test_members_nobody_knows_yet_are_passed_over() -> None:
    assert decode(json.dumps({**THEIRS, "trace": 1})) == decode(json.dumps(THEIRS))


def test_ours_has_all_that_theirs_has_and_more() -> None:
    ours = message("m", "A", "A", args=[{"foo": "bar"}], group="g", headers={"traceparent": "00-1-2-03"})
    written = json.loads(Envelope("B", "A", "i", '{"foo":"bar"}', ours=ours).encode())
    assert {name: written[name] for name in THEIRS} == {
        **THEIRS,
        "source_task_id": "B",
        "payload": '{"foo":"bar"}',
    }
    read = decode(json.dumps(written))
    assert read is not None
    assert read.ours is not None
    assert (read.ours.id, read.ours.lineage, read.ours.group) == ("m", ours.lineage, "g")
    assert read.ours.headers == {"traceparent": "00-1-2-03"}
    assert read.ours.args == []


@pytest.mark.parametrize(
    "body", ["", "hello", "[]", "{}", '{"destination_task_id": "A"}', '"destination_task_id"', '{"v":1,"id":"x"}']
)
def test_what_is_none_is_told_from_what_is_broken(body: str) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"destination_task_id": 1}, "destination_task_id = 1: text expected"),
        ({"invocation_id": None}, "invocation_id = None: text expected"),
        ({"payload": {"foo": 1}}, "payload = "),
        ({"s3_payload_key": []}, "s3_payload_key = "),
        ({"ebbtide": {"v": 2}}, "version 2"),
        ({"ebbtide": 5}, "not a JSON object"),
        ({"ebbtide": {"v": 1, "id": "x", "surprise": 1}}, "unknown member 'surprise'"),
        ({"ebbtide": {"depth": float("nan")}}, "a member ebbtide that is none of ours: Out of range float"),
    ],
)
def test_a_broken_one_says_what_is_wrong(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(EnvelopeError, match=told):
        decode(json.dumps({**THEIRS, **changed}))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=5
    )
)
def test_whatever_stands_in_a_member_nothing_but_its_own_error_comes_out(value: Any) -> None:
    for name in (*THEIRS, "ebbtide", "s3_payload_key", "source_app"):
        with suppress(EnvelopeError):
            decode(json.dumps({**THEIRS, name: value}))


@given(st.text(), st.text(), st.text(), st.none() | st.text())
def test_what_is_written_is_read_back(destination: str, invocation: str, payload: str, source: str | None) -> None:
    envelope = Envelope(source, destination, invocation, payload)
    assert decode(envelope.encode().decode("ascii")) == envelope
