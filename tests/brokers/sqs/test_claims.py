"""The claim check: what is too big for a message waits in the bucket, and comes back whole or with a reason."""

import json
from io import BytesIO
from typing import Any

import pytest
from botocore.response import StreamingBody
from tests.aws.moto import a_bucket, clients
from tests.brokers.sqs.stage import deployed
from tests.fakes import message

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import EnvelopeError, PayloadError, PayloadGone, StorageError
from ebbtide.message import Message
from ebbtide.physical import CLAIMS, LONGEST_KEPT
from ebbtide.queue import Queue
from ebbtide.result import Report, Status, TaskError

DAY = 86_400.0


class Claims(ClaimCheck):
    """Of a bucket of its own."""

    def __init__(self) -> None:
        self.name = a_bucket()
        super().__init__(clients(), lambda: self.name)

    def stored(self) -> list[str]:
        return [found["Key"] for found in clients().s3.list_objects_v2(Bucket=self.name).get("Contents", [])]


@pytest.fixture
def claims() -> Claims:
    return Claims()


def pointer_to(claims: Claims, sent: Message, keep: float = DAY) -> bytes:
    return claims.store(sent, sent.encode(), keep)


def test_a_body_comes_back_whole(claims: Claims) -> None:
    sent = message("a", args=["\u00e9\ud800" * 400_000])
    pointer = pointer_to(claims, sent)
    assert claims.is_pointer(pointer)
    assert len(pointer) < 200
    assert claims.fetch(pointer) == sent.encode()


def test_a_pointer_says_what_it_points_to_and_nothing_of_where_the_bucket_is(claims: Claims) -> None:
    sent = message("a", "pay", "money", lane=2)
    assert json.loads(pointer_to(claims, sent)) == {
        "claim": "claims/a",
        "bytes": len(sent.encode()),
        "v": 1,
        "id": "a",
        "task": "pay",
        "queue": "money",
        "lane": 2,
    }


def test_no_envelope_is_a_pointer(claims: Claims) -> None:
    assert not claims.is_pointer(message("a", args=['{"claim":"x"}']).encode())
    assert not claims.is_pointer(b"")
    with pytest.raises(EnvelopeError, match="unknown member 'claim'"):
        Message.decode(pointer_to(claims, message("a")))


@pytest.mark.parametrize("id", ["../../a", "/a", "a" * 200, "\u4e00" * 200, "a b\\c:*?", "sha256.a", "-a", ".", "a/b"])
def test_any_id_has_an_object_of_its_own_under_the_prefix(claims: Claims, id: str) -> None:
    first, second = message(id, args=[1]), message(id + "x", args=[2])
    pointers = [pointer_to(claims, sent) for sent in (first, second)]
    assert [claims.fetch(pointer) for pointer in pointers] == [first.encode(), second.encode()]
    for key in claims.stored():
        assert key.startswith("claims/")
        assert set(key.removeprefix("claims/")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize(
    ("days", "prefix"),
    [(0, "claims/"), (14, "claims/"), (17, "claims-long/"), (380, "claims-long/"), (800, "claims-longest/")],
)
def test_what_waits_longer_is_kept_longer(claims: Claims, days: int, prefix: str) -> None:
    pointer = pointer_to(claims, message("a"), days * DAY)
    assert json.loads(pointer)["claim"] == f"{prefix}a"
    assert CLAIMS[prefix] >= days + 28, "SQS's two weeks in the dead letters, and two more when sent back"
    assert claims.fetch(pointer) == message("a").encode()


def test_what_nothing_keeps_long_enough_is_refused(claims: Claims) -> None:
    pointer_to(claims, message("a"), LONGEST_KEPT)
    with pytest.raises(PayloadError, match=r"task 'work'.*keeps nothing for 3,672 days"):
        pointer_to(claims, message("a"), LONGEST_KEPT + DAY)


def test_a_body_that_is_gone_is_a_message_that_cannot_be_read(claims: Claims) -> None:
    pointer = pointer_to(claims, message("a"))
    clients().s3.delete_object(Bucket=claims.name, Key="claims/a")
    with pytest.raises(PayloadGone, match=r"bytes of a are no longer in the stage's bucket, at claims/a"):
        claims.fetch(pointer)
    assert issubclass(PayloadGone, EnvelopeError)


def test_a_bucket_that_does_not_answer_is_trouble_and_no_reason(claims: Claims) -> None:
    pointer = pointer_to(claims, message("a"))
    claims.name = "t-nowhere"
    with pytest.raises(StorageError, match="NoSuchBucket"):
        claims.fetch(pointer)
    with pytest.raises(StorageError, match="NoSuchBucket"):
        pointer_to(claims, message("b"))


class Interrupted:
    """A bucket whose answer breaks off."""

    where = "stage 'test' of app 't'"

    @property
    def s3(self) -> "Interrupted":
        return self

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": StreamingBody(BytesIO(b"12"), "5"), "ContentLength": 5}


def test_a_connection_that_breaks_off_is_trouble_and_no_reason() -> None:
    claims = ClaimCheck(Interrupted(), lambda: "b")  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="IncompleteReadError"):
        claims.fetch(json.dumps(OURS).encode())


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 5_000_000])
def test_an_object_of_another_size_is_not_what_was_sent(claims: Claims, body: bytes) -> None:
    pointer = pointer_to(claims, message("a"))
    clients().s3.put_object(Bucket=claims.name, Key="claims/a", Body=body)
    with pytest.raises(PayloadGone):
        claims.fetch(pointer)


OURS: dict[str, Any] = {"claim": "claims/a", "bytes": 5, "v": 1, "id": "a", "task": "t", "queue": "q", "lane": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"claim": "secrets/a"},
        {"claim": "claims/../secrets/a"},
        {"claim": "claims/"},
        {"claim": "s3://other/claims/a"},
        {"claim": "claims/a\n"},
        {"claim": 5},
        {"bucket": "other"},
        {"bytes": -1},
        {"bytes": "5"},
        {"bytes": True},
        {"v": 2},
        {"id": None},
        {"id": "a" * 9_000},
        {"lane": 1.0},
    ],
    ids=str,
)
def test_a_pointer_that_is_none_of_ours_is_refused_unread(claims: Claims, wrong: dict[str, Any]) -> None:
    clients().s3.put_object(Bucket=claims.name, Key="secrets/a", Body=b"12345")
    with pytest.raises(EnvelopeError):
        claims.fetch(json.dumps(OURS | wrong).encode())


@pytest.mark.parametrize(
    "body", [b'{"claim":', b'{"claim":"claims/a"}', b'{"claim":' + b"[" * 5_000, b'{"claim":\xff}']
)
def test_what_is_no_pointer_at_all_is_refused(claims: Claims, body: bytes) -> None:
    with pytest.raises(EnvelopeError, match="none of ours"):
        claims.fetch(body)


def test_800_kilobytes_go_through_a_stage_whole_and_again_after_a_failure_and_from_the_dead(aws: Server) -> None:
    queue = Queue()
    broker = deployed(queues=[queue])
    sent = message("a", args=["x" * 800_000])
    assert broker.send([sent, message("small")]) == ["a", "small"]
    taken: dict[str, Delivery] = {}
    while len(taken) < 2:
        for delivery in broker.receive([queue], 10, wait=5):
            taken[delivery.message.id] = delivery
    assert taken["a"].message == sent
    assert broker.ack([Settlement(taken["small"])]) == 1
    assert broker.retry([Settlement(taken["a"])]) == 1
    (again,) = broker.receive([queue], 10, wait=20)
    assert (again.attempt, again.message) == (2, sent)
    error = TaskError("shop.Boom", "no", "", 2)
    failed = Report("a", "work", Status.FAILED, 2, 60.0, sent.enqueued_at, finished_at=sent.enqueued_at, error=error)
    assert broker.bury([Settlement(again, failed)]) == 1
    assert broker.redrive(["a"]) == 1
    (anew,) = broker.receive([queue], 10, wait=20)
    assert (anew.attempt, anew.message) == (1, sent)
