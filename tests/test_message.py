"""Messages and their envelope: everything of a message comes back, and of other bytes nothing but an EnvelopeError."""

import dataclasses
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOON, message

from ebbtide.errors import EnvelopeError
from ebbtide.message import PATH_KEPT, Lineage, Message

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)
times = st.floats(0, 253_402_300_800)
lineages = st.builds(Lineage, names, st.none() | names, st.integers(0, 10**9), st.lists(names, max_size=5).map(tuple))
messages = st.builds(
    Message,
    names,
    names,
    names,
    lineages,
    times,
    lane=st.integers(0, 10_000),
    args=st.lists(plain, max_size=4),
    kwargs=st.dictionaries(names, plain, max_size=4),
    run_after=st.none() | times,
    expires_at=st.none() | times,
    key=st.none() | names,
    key_window=times,
    group=st.none() | names,
    priority=st.integers(-100, 100),
    headers=st.dictionaries(names, st.text()),
)


def wire(**changes: Any) -> bytes:
    """The envelope of a plain message with members changed, or with `...` taken out."""
    members = {**json.loads(message().encode()), **changes}
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


@given(messages)
def test_a_message_comes_back_equal(sent: Message) -> None:
    assert Message.decode(sent.encode()) == sent


@given(messages)
def test_an_envelope_is_ascii_without_white_space(sent: Message) -> None:
    assert sent.encode().isascii()
    assert json.dumps(json.loads(sent.encode()), separators=(",", ":")).encode() == sent.encode()


def test_an_envelope_is_what_the_design_says() -> None:
    assert json.loads(message(args=[1], kwargs={"a": "b"}).encode()) == {
        "v": 1,
        "id": "m1",
        "task": "work",
        "queue": "default",
        "lane": 0,
        "args": [1],
        "kwargs": {"a": "b"},
        "enqueued_at": NOON,
        "lineage": {"root": "m1", "parent": None, "depth": 0},
    }


def test_members_beyond_the_needed_ones_are_there_when_said() -> None:
    said: dict[str, Any] = {
        "run_after": 1.5,
        "expires_at": 2.5,
        "key": "k",
        "key_window": 3.0,
        "group": "g",
        "priority": -5,
        "headers": {"traceparent": "00-1"},
    }
    assert json.loads(message(**said).encode()).items() >= said.items()


def test_an_envelope_is_made_once() -> None:
    sent = message()
    assert sent.encode() is sent.encode()


def test_a_changed_message_has_an_envelope_of_its_own() -> None:
    sent = message()
    assert sent.encode() != dataclasses.replace(sent, args=[1]).encode()


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        message().lane = 1  # type: ignore[misc]


@pytest.mark.parametrize("value", [math.nan, object(), b"x", {1, 2}])
def test_what_is_not_plain_json_gets_no_envelope(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        message(args=[value]).encode()


@pytest.mark.parametrize("version", [0, 2, -1, 10**30, "1", 1.0, True, None, [1], {"1": 1}])
def test_another_version_is_refused_by_name(version: Any) -> None:
    with pytest.raises(EnvelopeError, match=r"envelope version .*: this Ebbtide speaks version 1"):
        Message.decode(wire(v=version))


def test_an_envelope_without_a_version_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="envelope version None"):
        Message.decode(wire(v=...))


@pytest.mark.parametrize("name", ["id", "task", "queue", "lane", "args", "kwargs", "enqueued_at", "lineage"])
def test_a_missing_member_is_named(name: str) -> None:
    with pytest.raises(EnvelopeError, match=f"the envelope has no '{name}'"):
        Message.decode(wire(**{name: ...}))


@pytest.mark.parametrize("name", ["extra", "__class__", "self", "cls", "_envelope", "V"])
def test_a_member_too_many_is_named(name: str) -> None:
    with pytest.raises(EnvelopeError, match=f"unknown member '{name}'"):
        Message.decode(wire(**{name: 1}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", 5),
        ("id", None),
        ("id", "x" * 201),
        ("task", "a\nb"),
        ("task", "\ud800"),
        ("queue", ["default"]),
        ("queue", "a\0"),
        ("lane", -1),
        ("lane", True),
        ("lane", 1.0),
        ("lane", 10_001),
        ("args", {}),
        ("args", None),
        ("args", "abc"),
        ("kwargs", []),
        ("kwargs", [["a", 1]]),
        ("enqueued_at", "now"),
        ("enqueued_at", -1),
        ("enqueued_at", True),
        ("run_after", 10**15),
        ("run_after", "1"),
        ("expires_at", -0.5),
        ("key", ""),
        ("key", "x" * 1001),
        ("key_window", None),
        ("key_window", -1),
        ("group", "x" * 129),
        ("priority", 101),
        ("priority", None),
        ("headers", {"a": 1}),
        ("headers", None),
        ("lineage", []),
        ("lineage", "m1"),
    ],
)
def test_a_member_of_another_kind_is_named(name: str, value: Any) -> None:
    with pytest.raises(EnvelopeError, match=f"the envelope's '{name}' cannot be"):
        Message.decode(wire(**{name: value}))


@pytest.mark.parametrize(
    ("lineage", "named"),
    [
        ({"parent": None, "depth": 0}, "has no 'lineage.root'"),
        ({"root": 1}, "'lineage.root' cannot be 1"),
        ({"root": "r", "parent": 1}, "'lineage.parent' cannot be 1"),
        ({"root": "r", "depth": -1}, "'lineage.depth' cannot be -1"),
        ({"root": "r", "depth": True}, "'lineage.depth' cannot be True"),
        ({"root": "r", "path": "abc"}, "'lineage.path' cannot be 'abc'"),
        ({"root": "r", "path": [1]}, "'lineage.path' cannot be list"),
        ({"root": "r", "path": ["x"] * 101}, "'lineage.path' cannot be list"),
        ({"root": "r", "more": 1}, "unknown member 'lineage.more'"),
    ],
)
def test_a_lineage_is_checked_as_strictly(lineage: dict[str, Any], named: str) -> None:
    with pytest.raises(EnvelopeError, match=named):
        Message.decode(wire(lineage=lineage))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b'"\xc3"', "not UTF-8 at byte 1"),
        (b"\x00", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"null", "not a JSON object: None"),
        (b"[]", "not a JSON object: list"),
        (b'"text"', "not a JSON object: 'text'"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"v":NaN}', "NaN is not JSON"),
        (b'{"v":1e999}', "does not fit a double"),
        (b'{"v":1,"v":1}', "'v' stands twice"),
        (b'{"v":' + b"1" * 5000 + b"}", "not JSON"),
        (pickle.dumps({"v": 1}), "not"),
    ],
    ids=range(16),
)
def test_other_bytes_are_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=reason):
        Message.decode(body)


@given(st.binary() | st.text().map(str.encode) | plain.map(json.dumps).map(str.encode))
def test_nothing_but_an_envelope_error_comes_of_other_bytes(body: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Message.decode(body)


@given(plain, st.sampled_from([*json.loads(message().encode()), "key", "headers", "path"]))
def test_a_refusal_is_short_and_printable(value: Any, name: str) -> None:
    told = "accepted"
    try:
        Message.decode(wire(**{name: value}))
    except EnvelopeError as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 400


def test_a_child_knows_its_root_its_parent_and_its_path() -> None:
    child = Lineage("r").child("r", "first").child("c1", "second")
    assert child == Lineage("r", "c1", 2, ("first", "second"))


def test_of_a_long_path_the_last_names_are_kept() -> None:
    line = Lineage("r")
    for step in range(PATH_KEPT + 5):
        line = line.child(f"m{step}", f"task{step}")
    assert line.depth == PATH_KEPT + 5
    assert line.path == tuple(f"task{step}" for step in range(5, PATH_KEPT + 5))
