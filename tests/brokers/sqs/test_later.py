"""Delays that SQS cannot hold: a schedule for each, which sends the message once and is gone."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.brokers.sqs.stage import clients_here, deployed
from tests.fakes import NOON, Clock, message

from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.later import Later
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import StorageError
from ebbtide.message import Message
from ebbtide.physical import Place
from ebbtide.queue import Queue

PATIENCE = 60.0
"""Seconds. A stand-in looks at its schedules about every ten."""

QUEUE = "arn:aws-cn:sqs:cn-north-1:123456789012:shop-prod-default"


class Scheduler:
    """EventBridge Scheduler that keeps what it is asked, and answers with the faults it is given."""

    def __init__(self, *faults: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self._faults = list(faults)

    @property
    def scheduler(self) -> "Scheduler":
        return self

    def create_schedule(self, **asked: Any) -> None:
        self.asked.append(asked)
        if self._faults:
            fault = StorageError("no")
            fault.code = self._faults.pop(0)
            raise fault


def later(scheduler: Scheduler) -> Later:
    return Later(scheduler, Place("shop", "prod"))  # type: ignore[arg-type]


def asked(id: str = "a", body: str = "{}", at: float = NOON, group: str | None = None) -> dict[str, Any]:
    scheduler = Scheduler()
    later(scheduler).schedule(id, body, QUEUE, at, group)
    return scheduler.asked[0]


def test_a_schedule_is_of_its_stage_and_deletes_itself() -> None:
    assert asked("a", '{"v":1}') == {
        "Name": "a-1800000000",
        "GroupName": "shop-prod",
        "ScheduleExpression": "at(2027-01-15T08:00:00)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": QUEUE,
            "RoleArn": "arn:aws-cn:iam::123456789012:role/shop-prod-cn-north-1-scheduler",
            "Input": '{"v":1}',
            "DeadLetterConfig": {"Arn": "arn:aws-cn:sqs:cn-north-1:123456789012:shop-prod-dead-letters"},
        },
    }


def test_a_message_never_comes_early() -> None:
    assert asked(at=NOON + 0.001)["ScheduleExpression"] == "at(2027-01-15T08:00:01)"


def test_a_time_no_calendar_knows_is_the_last_one_it_does() -> None:
    assert asked(at=1e15)["ScheduleExpression"] == "at(2100-01-01T00:00:00)"


def test_on_a_fifo_queue_the_group_goes_with_it() -> None:
    assert asked(group="g")["Target"]["SqsParameters"] == {"MessageGroupId": "g"}


@pytest.mark.parametrize("id", ["../../a", "a" * 200, "\u4e00" * 200, "a b", "\ud800", "a/b"])
def test_any_id_makes_a_name_of_its_own_that_scheduler_takes(id: str) -> None:
    names = {asked(other)["Name"] for other in (id, id + "x", "x" + id)}
    assert len(names) == 3
    assert all(0 < len(name) <= 64 and name.isascii() and "/" not in name and " " not in name for name in names)


def test_a_message_put_off_twice_has_two_schedules_and_one_put_off_to_the_same_time_has_one() -> None:
    assert len({asked(at=at)["Name"] for at in (NOON, NOON, NOON + 60)}) == 2


def test_a_schedule_that_is_there_already_is_no_error() -> None:
    later(Scheduler("ConflictException")).schedule("a", "{}", QUEUE, NOON)


def test_any_other_refusal_is_one() -> None:
    with pytest.raises(StorageError):
        later(Scheduler("ResourceNotFoundException")).schedule("a", "{}", QUEUE, NOON)


def test_scheduler_replaces_nothing_in_a_message() -> None:
    text = "<aws.scheduler.execution-id> and <aws.scheduler.scheduled-time>"
    sent = message("a", args=[text], headers={"x": text})
    body = asked(body=sent.encode().decode())["Target"]["Input"]
    assert "<aws.scheduler." not in body
    assert Message.decode(body.encode()) == sent


# On a stand-in


def schedules(clients: Clients, place: Place) -> list[dict[str, Any]]:
    names = clients.scheduler.list_schedules(GroupName=place.prefix)["Schedules"]
    return [clients.scheduler.get_schedule(GroupName=place.prefix, Name=one["Name"]) for one in names]


def wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()


def test_a_delay_of_twenty_minutes_is_a_schedule_and_not_on_the_queue(aws: Server) -> None:
    clock = Clock(time.time())
    broker = deployed(clock, [Queue()])
    broker.send([message("a", enqueued_at=clock(), run_after=clock() + 1_200)])
    (schedule,) = schedules(clients_here(), broker.place)
    due = time.strftime("at(%Y-%m-%dT%H:%M:", time.gmtime(clock() + 1_200))
    assert schedule["ScheduleExpression"].startswith(due)
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert Message.decode(schedule["Target"]["Input"].encode()).id == "a"
    assert broker.depth("default")[0].ready == 0


def test_what_is_due_comes_to_its_queue_and_its_schedule_is_gone(aws: Server) -> None:
    queue = Queue()
    broker = deployed(queues=[queue])
    sent = message("a", args=[1], enqueued_at=time.time())
    arn = f"arn:aws:sqs:{aws.region}:000000000000:{broker.place.queue(queue)}"
    Later(clients_here(), broker.place).schedule("a", sent.encode().decode(), arn, time.time() + 1)
    assert len(schedules(clients_here(), broker.place)) == 1
    (found,) = broker.receive([queue], 10, PATIENCE)
    assert found.message == sent
    assert wait_for(lambda: not schedules(clients_here(), broker.place))
