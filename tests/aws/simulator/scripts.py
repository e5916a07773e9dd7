"""What SQS is documented to do, as short scripts that any client of `sqs` can be put through.

A script makes its queues, calls the client, yields whenever so many seconds have to pass, and returns what it saw. What
it must have seen is written down beside it with AWS's own document. The simulator goes through all of them on its
virtual clock; MiniStack and moto, which others wrote from the same documents, through those that they get right.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Generator, Iterable
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

Steps = Generator[float, None, Any]

GUIDE = "Amazon SQS Developer Guide: "
API = "Amazon SQS API Reference: "
SHORT = 5.0
"""Seconds: a script that lets more time pass is for the virtual clock alone."""


class Script(NamedTuple):
    """name: what it shows. run: the script. expected: what must be seen. source: the document. differs: which stand-ins
    get it wrong, and how. long: lets much time pass."""

    name: str
    run: Callable[[Desk], Steps]
    expected: Any
    source: str
    differs: dict[str, str]
    long: bool


SCRIPTS: list[Script] = []


class Desk:
    """One client with what scripts often do; every queue gets a name of its own."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        self.mark = uuid4().hex[:8]
        self.names = count()

    def queue(self, fifo: bool = False, dead_letters: tuple[str, int] | None = None, **attributes: object) -> str:
        """A new queue's URL. dead_letters: the URL of theirs, and maxReceiveCount."""
        given = {name: str(value) for name, value in attributes.items()}
        if fifo:
            given["FifoQueue"] = "true"
        if dead_letters:
            url, receives = dead_letters
            arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            given["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})
        name = f"script-{self.mark}-{next(self.names)}" + (".fifo" if fifo else "")
        return str(self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"])

    def send(self, url: str, *bodies: str, **more: Any) -> list[str]:
        """Send one by one; the ids."""
        return [self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)["MessageId"] for body in bodies]

    def take(self, url: str, limit: int = 10, **more: Any) -> list[Any]:
        """What a receive gives; always a long poll's answer, which sees all servers."""
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=limit, AttributeNames=["All"], MessageAttributeNames=["All"], **more
        )
        return list(answer.get("Messages", []))

    def bodies(self, url: str, **more: Any) -> list[str]:
        return sorted(message["Body"] for message in self.take(url, **more))

    def hide(self, url: str, message: Any, seconds: int) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def delete(self, url: str, message: Any) -> None:
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def counts(self, url: str) -> list[int]:
        """Visible, on loan, delayed."""
        names = ["", "NotVisible", "Delayed"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return [int(found["ApproximateNumberOfMessages" + name]) for name in names]

    def batch(self, url: str, entries: Iterable[dict[str, Any]]) -> list[Any]:
        """What came of each entry of a batch: its id, or its id with the code and whose fault it is."""
        answer = self.sqs.send_message_batch(QueueUrl=url, Entries=list(entries))
        failed = [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer.get("Failed", [])]
        return sorted(entry["Id"] for entry in answer.get("Successful", [])) + failed

    def refused(self, call: Callable[..., Any], /, *positional: Any, **given: Any) -> str:
        """The code of the refusal, in SQS's present words; "" if there was none."""
        try:
            call(*positional, **given)
        except Exception as error:
            fault = getattr(error, "response", {}).get("Error", {})
            code = str(fault.get("QueryErrorCode") or fault.get("Code") or error)
            return code.removeprefix("AWS.SimpleQueueService.").replace("NonExistentQueue", "QueueDoesNotExist")
        return ""


def script(
    expected: Any, source: str, long: bool = False, **differs: str
) -> Callable[[Callable[[Desk], Steps]], Callable[[Desk], Steps]]:
    """Have a function among the scripts."""

    def keep(run: Callable[[Desk], Steps]) -> Callable[[Desk], Steps]:
        SCRIPTS.append(Script(run.__name__.replace("_", " "), run, expected, source, differs, long))
        return run

    return keep


def played(sqs: Any, steps: Script, sleep: Callable[[float], None]) -> Any:
    """What one script sees."""
    running = steps.run(Desk(sqs))
    while True:
        try:
            sleep(next(running))
        except StopIteration as end:
            return end.value


def played_together(sqs: Any, scripts: Iterable[Script]) -> dict[str, Any]:
    """What each script sees, by name, on a client whose time is real: all of them wait at the same time."""
    seen: dict[str, Any] = {}
    number = count()
    due = [(time.monotonic(), next(number), steps, steps.run(Desk(sqs))) for steps in scripts]
    while due:
        at, _, steps, running = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        try:
            heapq.heappush(due, (time.monotonic() + next(running), next(number), steps, running))
        except StopIteration as end:
            seen[steps.name] = end.value
        except Exception as error:
            seen[steps.name] = repr(error)
    return seen


# Loans and receipts


@script([["a", "1"], [], ["a", "2"]], GUIDE + "visibility timeout")
def a_message_is_on_loan_and_comes_back(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=1)
    desk.send(url, "a")
    (first,) = desk.take(url)
    during = desk.take(url)
    yield 1.3
    (second,) = desk.take(url)
    count = "ApproximateReceiveCount"
    return [[first["Body"], first["Attributes"][count]], during, [second["Body"], second["Attributes"][count]]]


@script(["", "", []], API + "DeleteMessage", ministack="refuses the second delete")
def what_is_deleted_is_gone_and_may_be_deleted_again(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=1)
    desk.send(url, "a")
    (message,) = desk.take(url)
    seen = [desk.refused(desk.delete, url, message), desk.refused(desk.delete, url, message)]
    yield 1.3
    return [*seen, desk.take(url)]


@script(["", []], API + "DeleteMessage")
def on_a_standard_queue_a_delete_may_come_after_the_loan(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=1)
    desk.send(url, "a")
    (message,) = desk.take(url)
    yield 1.3
    return [desk.refused(desk.delete, url, message), desk.take(url)]


@script(
    ["InvalidParameterValue", ["a"]],
    "AWS re:Post Knowledge Center: errors of DeleteMessage on FIFO queues",
    ministack="takes the receipt",
    moto="takes the receipt",
)
def on_a_fifo_queue_a_receipt_ends_with_its_loan(desk: Desk) -> Steps:
    url = desk.queue(fifo=True, VisibilityTimeout=1, ContentBasedDeduplication="true")
    desk.send(url, "a", MessageGroupId="g")
    (message,) = desk.take(url)
    yield 1.3
    return [desk.refused(desk.delete, url, message), desk.bodies(url)]


@script([["a"], "2"], API + "ChangeMessageVisibility")
def a_loan_cut_to_nothing_ends_at_once(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a")
    desk.hide(url, desk.take(url)[0], 0)
    (again,) = desk.take(url)
    yield 0.0
    return [[again["Body"]], again["Attributes"]["ApproximateReceiveCount"]]


@script([[], ["a"]], API + "ChangeMessageVisibility")
def a_loan_can_be_made_longer(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=1)
    desk.send(url, "a")
    desk.hide(url, desk.take(url)[0], 3)
    yield 1.3
    during = desk.bodies(url)
    yield 2.2
    return [during, desk.bodies(url)]


@script(
    "MessageNotInflight",
    API + "ChangeMessageVisibility, Errors",
    ministack="takes it",
    moto="takes it",
)
def only_what_is_on_loan_can_be_kept(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=1)
    desk.send(url, "a")
    (message,) = desk.take(url)
    yield 1.3
    return desk.refused(desk.hide, url, message, 10)


@script(
    "InvalidParameterValue",
    GUIDE + "visibility timeout",
    ministack="refuses it by another code",
    moto="refuses it by another code",
)
def what_is_deleted_cannot_be_kept(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a")
    (message,) = desk.take(url)
    desk.delete(url, message)
    yield 0.0
    return desk.refused(desk.hide, url, message, 10)


@script(["ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"], API + "DeleteMessage, ChangeMessageVisibility, Errors")
def a_receipt_is_what_a_receive_gave(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0
    return [
        desk.refused(desk.delete, url, {"ReceiptHandle": "x"}),
        desk.refused(desk.hide, url, {"ReceiptHandle": "x"}, 1),
    ]


@script(["", "InvalidParameterValue"], GUIDE + "visibility timeout (12 hours from the receipt)", long=True)
def twelve_hours_are_the_longest_loan_in_all(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=40_000)
    desk.send(url, "a")
    (message,) = desk.take(url)
    yield 30_000.0
    return [desk.refused(desk.hide, url, message, 13_000), desk.refused(desk.hide, url, message, 13_300)]


# Waiting


@script([[], ["a"]], API + "SendMessage, DelaySeconds")
def a_delayed_message_comes_later(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a", DelaySeconds=1)
    before = desk.bodies(url)
    yield 1.4
    return [before, desk.bodies(url)]


@script(["a"], GUIDE + "short and long polling")
def a_long_poll_ends_with_the_first_message(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a", DelaySeconds=1)
    yield 0.0
    return desk.bodies(url, WaitTimeSeconds=4)


@script([[1, 0, 1], [0, 1, 1], [1, 0, 1]], API + "GetQueueAttributes")
def a_queue_tells_what_it_holds(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a")
    desk.send(url, "b", DelaySeconds=60)
    seen = [desk.counts(url)]
    (message,) = desk.take(url)
    seen.append(desk.counts(url))
    desk.hide(url, message, 0)
    yield 0.0
    return [*seen, desk.counts(url)]


@script([["a"], []], API + "SetQueueAttributes, MessageRetentionPeriod", long=True)
def what_is_too_old_is_forgotten(desk: Desk) -> Steps:
    url = desk.queue(MessageRetentionPeriod=1000, VisibilityTimeout=10)
    desk.send(url, "a")
    yield 900.0
    seen = desk.bodies(url)
    yield 200.0
    return [seen, desk.bodies(url)]


# Limits


@script(
    ["EmptyBatchRequest", "TooManyEntriesInBatchRequest", "BatchEntryIdsNotDistinct", "InvalidBatchEntryId"],
    API + "SendMessageBatch, Errors",
)
def a_batch_has_one_to_ten_entries_each_with_its_id(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0
    batches: tuple[list[str], ...] = ([], [str(n) for n in range(11)], ["a", "a"], ["a b"])
    return [desk.refused(desk.batch, url, [{"Id": id, "MessageBody": "x"} for id in ids]) for ids in batches]


@script(["BatchRequestTooLong", ["0", "1"]], API + "SendMessageBatch (1 MiB in all)")
def a_batch_has_a_mebibyte_in_all(desk: Desk) -> Steps:
    url = desk.queue(MaximumMessageSize=1_048_576)
    half = "x" * (1_048_576 // 2)
    yield 0.0
    sizes = ((half, half + "x"), (half, half))
    over, fits = ([{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)] for bodies in sizes)
    return [desk.refused(desk.batch, url, over), desk.batch(url, fits)]


@script(
    ["InvalidParameterValue", ""],
    GUIDE + "message quotas: attributes count",
    ministack="counts the body alone",
    moto="counts the body alone",
)
def attributes_count_as_bytes_of_a_message(desk: Desk) -> Steps:
    url = desk.queue(MaximumMessageSize=1024)
    attribute = {"name": {"DataType": "String", "StringValue": "value"}}  # 4 + 6 + 5 bytes
    yield 0.0
    return [
        desk.refused(desk.send, url, "x" * 1010, MessageAttributes=attribute),
        desk.refused(desk.send, url, "x" * 1009, MessageAttributes=attribute),
    ]


@script(
    ["InvalidMessageContents", "InvalidMessageContents", "", ""],
    API + "SendMessage, MessageBody",
    moto="takes any character",
)
def some_characters_are_refused(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0
    return [desk.refused(desk.send, url, f"a{bad}b") for bad in ("\x00", "\ufffe", "\t\r\n", "\U0001f600")]


@script(
    ["good", ("bad", "InvalidMessageContents", True)],
    API + "SendMessageBatch (each entry for itself)",
    moto="takes any character",
)
def one_bad_entry_does_not_harm_the_others(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0
    return desk.batch(url, [{"Id": "bad", "MessageBody": "\x01"}, {"Id": "good", "MessageBody": "x"}])


@script(
    ["InvalidParameterValue", ""], GUIDE + "message quotas: 10 attributes", ministack="takes more", moto="takes more"
)
def a_message_has_ten_attributes_at_most(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0

    def send(number: int) -> str:
        attributes = {f"n{n}": {"DataType": "String", "StringValue": "x"} for n in range(number)}
        return desk.refused(desk.send, url, "x", MessageAttributes=attributes)

    return [send(11), send(10)]


@script(
    ["InvalidParameterValue"] * 5,
    GUIDE + "message metadata: names, types and values of attributes",
    ministack="has none",
    moto="has some of them",
)
def attributes_have_rules(desk: Desk) -> Steps:
    url = desk.queue()
    yield 0.0
    wrong = (
        ("a..b", "String", "x"),
        ("AWS.x", "String", "x"),
        ("x y", "String", "x"),
        ("x", "Text", "x"),
        ("x", "String", ""),
    )
    return [
        desk.refused(desk.send, url, "x", MessageAttributes={name: {"DataType": kind, "StringValue": value}})
        for name, kind, value in wrong
    ]


@script(
    ["InvalidParameterValue"] * 4,
    API + "SendMessage, ReceiveMessage, ChangeMessageVisibility (ranges)",
    ministack="has some of them, and waits for 21 s",
)
def numbers_have_ranges(desk: Desk) -> Steps:
    url = desk.queue()
    desk.send(url, "a")
    (message,) = desk.take(url)
    yield 0.0
    return [
        desk.refused(desk.send, url, "x", DelaySeconds=901),
        desk.refused(desk.take, url, limit=11),
        desk.refused(desk.take, url, WaitTimeSeconds=21),
        desk.refused(desk.hide, url, message, 43_201),
    ]


@script("QueueDoesNotExist", API + "GetQueueUrl, Errors")
def a_queue_that_is_not_there_is_told(desk: Desk) -> Steps:
    yield 0.0
    return desk.refused(desk.sqs.get_queue_url, QueueName=f"none-{desk.mark}")


# Dead letters


@script([["a", 1], ["a", 2], [], ["a", True, True]], GUIDE + "dead-letter queues", moto="does not name the source")
def what_was_received_too_often_moves_to_the_dead_letters(desk: Desk) -> Steps:
    dead = desk.queue()
    url = desk.queue(dead_letters=(dead, 2), VisibilityTimeout=0)
    (id,) = desk.send(url, "a")
    seen: list[Any] = []
    for _ in range(2):
        (message,) = desk.take(url)
        seen.append([message["Body"], int(message["Attributes"]["ApproximateReceiveCount"])])
    seen.append(desk.take(url))
    yield 0.3
    (letter,) = desk.take(dead)
    seen.append([letter["Body"], letter["MessageId"] == id, "DeadLetterQueueSourceArn" in letter["Attributes"]])
    return seen


@script([[], []], GUIDE + "dead-letter queues: a standard queue's dead letters keep their age", long=True)
def a_dead_letter_keeps_its_age(desk: Desk) -> Steps:
    dead = desk.queue(MessageRetentionPeriod=1000)
    url = desk.queue(dead_letters=(dead, 1), VisibilityTimeout=10, MessageRetentionPeriod=1000)
    desk.send(url, "a")
    desk.take(url)
    yield 900.0
    moved = desk.take(url)
    yield 200.0
    return [moved, desk.take(dead)]


# Groups


@script([["a1", "a2"], ["b1"], [], ["a3"]], GUIDE + "FIFO delivery logic")
def a_group_goes_in_order_and_waits_for_what_is_on_loan(desk: Desk) -> Steps:
    url = desk.queue(fifo=True, ContentBasedDeduplication="true")
    desk.send(url, "a1", "a2", "a3", MessageGroupId="a")
    taken = desk.take(url, limit=2)
    desk.send(url, "b1", MessageGroupId="b")
    other, none = desk.bodies(url), desk.bodies(url)
    for message in taken:
        desk.delete(url, message)
    yield 0.0
    return [[message["Body"] for message in taken], other, none, desk.bodies(url)]


@script([["a1"], ["a1", "a2"]], GUIDE + "FIFO delivery logic")
def what_comes_back_comes_before_the_rest_of_its_group(desk: Desk) -> Steps:
    url = desk.queue(fifo=True, ContentBasedDeduplication="true", VisibilityTimeout=1)
    desk.send(url, "a1", "a2", MessageGroupId="a")
    first = [message["Body"] for message in desk.take(url, limit=1)]
    yield 1.4
    return [first, [message["Body"] for message in desk.take(url)]]


@script(["a"], GUIDE + "exactly-once processing")
def a_deduplication_id_is_stored_once(desk: Desk) -> Steps:
    url = desk.queue(fifo=True)
    more = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    desk.send(url, "a", "b", **more)
    yield 0.0
    return desk.bodies(url)


@script([["a"], ["c"]], GUIDE + "exactly-once processing: five minutes, the message deleted or not", long=True)
def a_deduplication_id_is_free_after_five_minutes(desk: Desk) -> Steps:
    url = desk.queue(fifo=True)
    more = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    desk.send(url, "a", **more)
    (message,) = desk.take(url)
    desk.delete(url, message)
    yield 299.0
    desk.send(url, "b", **more)
    yield 2.0
    desk.send(url, "c", **more)
    return [[message["Body"]], desk.bodies(url)]


@script(
    ["MissingParameter", "InvalidParameterValue", "InvalidParameterValue", "InvalidParameterValue", ""],
    API + "SendMessage, MessageGroupId, MessageDeduplicationId, DelaySeconds",
    ministack="a standard queue takes a deduplication id",
    moto="a standard queue takes a deduplication id",
)
def queues_differ_in_what_they_take(desk: Desk) -> Steps:
    fifo, standard = desk.queue(fifo=True), desk.queue()
    yield 0.0
    both = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    return [
        desk.refused(desk.send, fifo, "a", MessageDeduplicationId="d"),
        desk.refused(desk.send, fifo, "a", MessageGroupId="g"),
        desk.refused(desk.send, fifo, "a", DelaySeconds=1, **both),
        desk.refused(desk.send, standard, "a", **both),
        desk.refused(desk.send, standard, "a", MessageGroupId="g"),
    ]


# Attributes


@script([["x"], [], ["SenderId"]], API + "ReceiveMessage")
def attributes_come_as_asked_for(desk: Desk) -> Steps:
    url = desk.queue(VisibilityTimeout=0)
    given = {name: {"DataType": "String", "StringValue": "v"} for name in ("x", "y")}
    desk.send(url, "a", MessageAttributes=given)
    yield 0.0
    asked: tuple[dict[str, Any], ...] = (
        {"MessageAttributeNames": ["x"]},
        {},
        {"MessageSystemAttributeNames": ["SenderId"]},
    )
    answers = [desk.sqs.receive_message(QueueUrl=url, **how)["Messages"][0] for how in asked]
    return [
        sorted(answers[0].get("MessageAttributes", {})),
        sorted([*answers[1].get("MessageAttributes", {}), *answers[1].get("Attributes", {})]),
        sorted(answers[2].get("Attributes", {})),
    ]
