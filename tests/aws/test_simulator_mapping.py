"""The simulated event source mapping and function: what AWS documents of them, each with its document."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.function import Context, Function, Handler
from tests.aws.simulator.mapping import Mapping, Wrong
from tests.aws.simulator.queue import SimulatedQueue
from tests.aws.simulator.replies import HANDLER, REPLIES

Event = dict[str, Any]


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account(seed=1)
    yield made
    made.timeline.close()


def a_queue(account: Account, name: str = "q", receives: int = 100, **settings: object) -> SimulatedQueue:
    """A queue with a visibility of a minute unless told otherwise, and its dead letters "dead"."""
    end = ".fifo" if name.endswith(".fifo") else ""
    dead = account.queues.get(f"dead{end}") or SimulatedQueue(account, f"dead{end}", {})
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": receives})
    given = {"VisibilityTimeout": 60, "RedrivePolicy": policy, **settings}
    return SimulatedQueue(account, name, {key: str(value) for key, value in given.items()})


def fill(queue: SimulatedQueue, *bodies: str, group: str | None = None) -> None:
    for body in bodies:
        queue.put(body, {}, None, group, None)


def bodies(event: Event) -> list[str]:
    return [record["body"] for record in event["Records"]]


def function(account: Account, handler: Handler, **more: Any) -> Function:
    return Function(account, "f", lambda: handler, **more)


def told(source: str) -> Handler:
    """The handler of a module's text."""
    module: dict[str, Any] = {}
    exec(source, module)  # noqa: S102 - our own text, which another stand-in runs as well
    handler: Handler = module["handler"]
    return handler


# Developer Guide: "Handling errors for an SQS event source in Lambda", partial batch responses


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_names_what_failed_and_a_wrong_one_fails_all(account: Account, name: str) -> None:
    body, failed = REPLIES[name]
    queue = a_queue(account, receives=1)
    fill(queue, body, body)
    mapping = Mapping(account, queue, function(account, told(HANDLER)), maximum_concurrency=2)
    account.timeline.sleep(200)
    assert len(account.queues["dead"].stored) == failed
    assert queue.stored == {}
    assert mapping.failed_whole == (failed == 2 and name != "an exception")


def test_without_partial_responses_an_answer_is_a_success_whatever_it_says(account: Account) -> None:
    body, _ = REPLIES["an unknown id"]
    queue = a_queue(account)
    fill(queue, body)
    Mapping(account, queue, function(account, told(HANDLER)), partial=False)
    account.timeline.sleep(1)
    assert queue.stored == {}


def test_what_failed_comes_back_after_its_visibility_and_is_counted(account: Account) -> None:
    seen: list[tuple[float, str]] = []

    def handler(event: Event, context: Any) -> Event:
        count = event["Records"][0]["attributes"]["ApproximateReceiveCount"]
        seen.append((account.timeline() - began, count))
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    queue, began = a_queue(account, receives=3), account.timeline()
    fill(queue, "a")
    Mapping(account, queue, function(account, handler))
    account.timeline.sleep(1000)
    assert seen == [(0, "1"), (60, "2"), (120, "3")]
    assert [m.body for m in account.queues["dead"].stored.values()] == ["a"]


# Developer Guide: "Using Lambda with Amazon SQS", example standard queue message event


def test_a_record_has_the_members_that_aws_shows(account: Account) -> None:
    seen: list[Event] = []
    queue = a_queue(account, "q.fifo")
    queue.put("body", {"colour": {"DataType": "String", "StringValue": "red"}}, None, "g", "d")
    Mapping(account, queue, function(account, lambda event, context: seen.append(event)))
    account.timeline.sleep(1)
    (record,) = seen[0]["Records"]
    members = "messageId receiptHandle body attributes messageAttributes md5OfBody eventSource eventSourceARN awsRegion"
    assert record.keys() == set(members.split())
    assert (record["eventSource"], record["md5OfBody"]) == ("aws:sqs", "841a2d689ad86bd1611447453c22c6fc")
    assert record["attributes"].keys() == {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"),
        *("SequenceNumber", "MessageGroupId", "MessageDeduplicationId"),
    }
    assert record["messageAttributes"] == {
        "colour": {"stringValue": "red", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
    }


# Developer Guide: "Creating and configuring an Amazon SQS event source mapping"


@pytest.mark.parametrize(
    ("name", "settings", "mapped"),
    [
        ("q.fifo", {}, {"window": 1}),
        ("q.fifo", {}, {"batch": 11}),
        ("q", {}, {"batch": 11}),
        ("q", {}, {"maximum_concurrency": 1}),
        ("q", {"VisibilityTimeout": 2}, {}),
    ],
)
def test_a_mapping_that_aws_refuses_is_refused(account: Account, name: str, settings: Event, mapped: Event) -> None:
    with pytest.raises(Wrong):
        Mapping(account, a_queue(account, name, **settings), function(account, print), **mapped)


def test_a_window_gathers_what_comes_within_it(account: Account) -> None:
    seen: list[list[str]] = []
    queue = a_queue(account)
    Mapping(
        account, queue, function(account, lambda event, context: seen.append(bodies(event))), 100, window=5, pollers=1
    )
    for number in range(4):
        fill(queue, str(number))
        account.timeline.sleep(2)
    account.timeline.sleep(10)
    assert sorted(seen) == [["0", "1", "2"], ["3"]]


def test_who_polls_an_empty_queue_gets_what_is_delayed(account: Account) -> None:
    seen: list[float] = []
    queue, began = a_queue(account), account.timeline()
    Mapping(account, queue, function(account, lambda event, context: seen.append(account.timeline() - began)))
    account.timeline.sleep(100)
    queue.put("a", {}, 50, None, None)
    account.timeline.sleep(100)
    assert seen == [150]


# Developer Guide: "Handling errors for an SQS event source in Lambda", backoff strategy for failed invocations


def test_a_throttled_batch_is_tried_again_while_its_visibility_lasts(account: Account) -> None:
    seen: list[float] = []
    queue, began = a_queue(account), account.timeline()
    fill(queue, "a")
    made = function(account, lambda event, context: seen.append(account.timeline() - began))
    mapping = Mapping(account, queue, made, maximum_concurrency=2)
    account.faults = Faults(invoke=1.0)
    account.timeline.sleep(30)
    account.faults = Faults()
    account.timeline.sleep(200)
    assert seen == [31]
    assert made.throttles == 5
    assert mapping.dropped == 0


def test_a_batch_throttled_for_longer_comes_back_and_that_counts_as_a_receive(account: Account) -> None:
    seen: list[str] = []
    queue = a_queue(account)
    fill(queue, "a")

    def handler(event: Event, context: Any) -> None:
        seen.append(event["Records"][0]["attributes"]["ApproximateReceiveCount"])

    mapping = Mapping(account, queue, function(account, handler), maximum_concurrency=2)
    account.faults = Faults(invoke=1.0)
    account.timeline.sleep(90)
    account.faults = Faults()
    account.timeline.sleep(90)
    assert seen == ["2"]
    assert mapping.dropped == 1


def test_reserved_concurrency_throttles(account: Account) -> None:
    queue = a_queue(account)
    fill(queue, *map(str, range(40)))
    made = function(account, lambda event, context: account.timeline.sleep(2), concurrency=2)
    Mapping(account, queue, made)
    account.timeline.sleep(300)
    assert queue.stored == {}
    assert made.throttles > 0


# Developer Guide: "Lambda execution environment lifecycle", "Configure Lambda function timeout"


def test_the_remaining_time_runs_by_the_clock_and_its_end_kills(account: Account) -> None:
    left: list[int] = []

    def handler(event: Event, context: Context) -> None:
        left.append(context.get_remaining_time_in_millis())
        account.timeline.sleep(1)
        left.append(context.get_remaining_time_in_millis())
        try:
            account.timeline.sleep(5)
        except BaseException:
            left.append(-1)
            account.timeline.sleep(1)  # raises again
        left.append(-2)

    made = function(account, handler, timeout=3)
    assert made.invoke({}).kind == "error"
    assert left == [3000, 2000, -1]


def test_a_container_is_used_again_until_it_dies(account: Account) -> None:
    does: list[Callable[[], object]] = [lambda: 1, lambda: 1 // 0, lambda: 2, account.timeline.kill, lambda: 3]

    def cold() -> Handler:
        return lambda event, context: does.pop(0)()

    made = Function(account, "f", cold)
    assert [made.invoke({}).kind for _ in range(5)] == ["answer", "error", "answer", "error", "answer"]
    assert made.colds == 2


def test_a_dead_invocation_changes_nothing_any_more(account: Account) -> None:
    queue = a_queue(account)

    def handler(event: Event, context: Any) -> Event:
        try:
            account.timeline.kill()
        except BaseException:
            return {"batchItemFailures": []}  # "all is well"
        raise AssertionError

    fill(queue, "a")
    Mapping(account, queue, function(account, handler))
    account.timeline.sleep(30)
    assert len(queue.stored) == 1


# Developer Guide: "Lambda recursive loop detection"


@pytest.mark.parametrize(("how", "runs"), [("Allow", 40), ("Terminate", 17)])
def test_a_chain_is_stopped_after_about_16_hops_unless_that_is_allowed(account: Account, how: str, runs: int) -> None:
    queue = a_queue(account)
    seen: Counter[str] = Counter()

    def handler(event: Event, context: Any) -> None:
        (body,) = bodies(event)
        seen[body] += 1
        if body != "39":
            fill(queue, str(int(body) + 1))

    made = function(account, handler, recursive_loop=how)
    Mapping(account, queue, made, maximum_concurrency=2)
    fill(queue, "0")
    account.timeline.sleep(50)
    assert len(seen) == runs


# What may go wrong


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_lost_pollers_messages_come_back(account: Account, fault: str) -> None:
    runs: Counter[str] = Counter()
    queue = a_queue(account)
    fill(queue, *map(str, range(200)))
    account.faults = Faults(**{fault: 0.5})
    Mapping(account, queue, function(account, lambda event, context: runs.update(bodies(event))))
    account.timeline.sleep(2000)
    assert len(runs) == 200
    assert queue.stored == {}
    assert (max(runs.values()) > 1) is (fault == "lost_after")


def test_a_late_delete_may_come_after_the_message_was_given_again(account: Account) -> None:
    runs: Counter[str] = Counter()
    queue = a_queue(account)
    fill(queue, *map(str, range(200)))
    account.faults = Faults(late=0.3, late_by=120)
    Mapping(account, queue, function(account, lambda event, context: runs.update(bodies(event))))
    account.timeline.sleep(3000)
    assert queue.stored == {}
    assert max(runs.values()) > 1


def test_a_fifo_group_runs_one_batch_at_a_time_and_in_order(account: Account) -> None:
    runs: list[str] = []
    busy: Counter[str] = Counter()
    queue = a_queue(account, "q.fifo")

    def handler(event: Event, context: Any) -> None:
        groups = {record["attributes"]["MessageGroupId"] for record in event["Records"]}
        assert not any(busy[group] for group in groups)
        busy.update(groups)
        account.timeline.sleep(account.random.random())
        runs.extend(bodies(event))
        busy.subtract(groups)

    for number in range(60):
        fill(queue, f"{number:02}{'abc'[number % 3]}", group="abc"[number % 3])
    Mapping(account, queue, function(account, handler))
    account.timeline.sleep(100)
    for group in "abc":
        mine = [body for body in runs if body.endswith(group)]
        assert mine == sorted(mine)
        assert len(mine) == 20
