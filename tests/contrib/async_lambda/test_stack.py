"""The stack of an app with one of everything: our promises, what its roles allow, and its names.

What AWS's own linter and checkov say of it, row X3 of the bar asks.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest
from tests.contrib.async_lambda import rich
from tests.deploy.template.iam import ACCOUNT, REGION, Ask, Judge
from tests.deploy.template.translated import translated

from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.deploy.checks import findings
from ebbtide.deploy.checks.promise import Stage
from ebbtide.deploy.checks.safe import broken
from ebbtide.deploy.checks.view import View
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.deploy.template.api import public_routes
from ebbtide.deploy.template.plan import Plan
from ebbtide.deploy.template.receivers import receivers

pytestmark = pytest.mark.xdist_group("async-lambda-stack")  # the template is made once

Json = dict[str, Any]


@cache
def made() -> Json:
    return rich.made()


def test_no_promise_is_broken_and_nothing_is_warned_of() -> None:
    core = rich.app()
    assert findings(core, "prod", rich.settings(core)) == []


def test_no_promise_is_broken_by_sams_translation() -> None:
    core = rich.app()
    plan = Plan(core, "shop:app", core.place("prod"), rich.settings(core), rich.ARCHIVE)
    others = frozenset(one["Fn::Sub"] for one in receivers(plan) if "Fn::Sub" in one)
    stage = Stage(View(translated(made())), plan.place, public_routes(plan), others)
    assert [one for one in broken(stage) if one[1].id not in plan.settings.resources] == []


# What the roles allow

QUEUE, TABLE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/shop-prod"
PAYLOADS, CLAIMS = "arn:aws:s3:::AsyncLambdaPayloadBucket", f"arn:aws:s3:::shop-prod-{ACCOUNT}-{REGION}"
SCHEDULES, ROLES = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/", f"arn:aws:iam::{ACCOUNT}:role/"
TO_SCHEDULER = {"iam:PassedToService": "scheduler.amazonaws.com"}


def names_of_queues() -> list[str]:
    found = (one["Properties"] for one in made()["Resources"].values() if one["Type"] == "AWS::SQS::Queue")
    return [properties["QueueName"] for properties in found]


@cache
def roles() -> dict[str, Judge]:
    """By task, for its function's role."""
    judge = Judge(made())
    return {id.removesuffix("ALFuncRole"): judge for id in made()["Resources"] if id.endswith("ALFuncRole")}


def allows(task: str, action: str, resource: str, **keys: Any) -> bool:
    return roles()[task].allows(f"{task}ALFuncRole", Ask(action, resource, keys))


def test_every_function_sends_to_every_lane_to_the_dead_letters_and_to_external_tasks_and_nowhere_else() -> None:
    to = {*names_of_queues(), "till-Book"} - {"shop-delay-dlq"}
    others = ("shop-delay-dlq", "till-Book2", "till-Book-L1", "shop-Place-L2", "shop-Other", "shop-dev-dead-letters")
    assert len(roles()) == 10
    for task in roles():
        assert [name for name in (*to, *others) if allows(task, "sqs:SendMessage", QUEUE + name)] == [*to]


def test_a_function_takes_from_the_lanes_of_its_own_queue_and_what_it_is_mapped_to() -> None:
    for task in roles():
        taken = {
            name
            for name in (*names_of_queues(), "till", "till-Book")
            if allows(task, "sqs:ReceiveMessage", QUEUE + name) or allows(task, "sqs:DeleteMessage", QUEUE + name)
        }
        lanes = {f"shop-{task}", f"shop-{task}-L1"} & {*names_of_queues()}
        assert taken == lanes | ({"till"} if task == "Sold" else set())
        assert allows(task, "dynamodb:GetRecords", rich.STREAM) == (task == "Changed")


@pytest.mark.parametrize(
    ("action", "resource", "may"),
    [
        ("s3:PutObject", f"{PAYLOADS}/2026/11/21/a.json", True),
        ("s3:GetObject", f"{PAYLOADS}/2026/11/21/a.json", True),
        ("s3:DeleteObject", f"{PAYLOADS}/2026/11/21/a.json", True),
        ("s3:ListBucket", PAYLOADS, True),
        ("s3:PutObject", f"{CLAIMS}/claims/1", True),
        ("s3:DeleteObject", f"{CLAIMS}/claims/1", False),
        ("s3:GetObject", f"{PAYLOADS}2/a.json", False),
        ("s3:ListBucket", "arn:aws:s3:::another", False),
        ("s3:DeleteBucket", PAYLOADS, False),
        ("scheduler:CreateSchedule", f"{SCHEDULES}shop-prod/1", True),
        ("scheduler:CreateSchedule", f"{SCHEDULES}shop-delay/1", False),
        ("scheduler:CreateSchedule", f"{SCHEDULES}shop-dev/1", False),
        ("scheduler:DeleteSchedule", f"{SCHEDULES}shop-prod/1", False),
        ("sqs:PurgeQueue", f"{QUEUE}shop-Place", False),
        ("dynamodb:Scan", TABLE, False),
    ],
)
def test_payloads_claims_and_delays_are_all_that_it_may_besides(action: str, resource: str, may: bool) -> None:
    assert {allows(task, action, resource) for task in roles()} == {may}


def test_the_table_is_its_own_rows_and_the_role_that_it_hands_on_the_stages_own() -> None:
    key = "dynamodb:LeadingKeys"
    assert allows("Place", "dynamodb:UpdateItem", TABLE, **{key: ["attempts/Place/1"]})
    assert not allows("Place", "dynamodb:UpdateItem", TABLE, **{key: ["attempts/Long/1"]})
    assert allows("Place", "iam:PassRole", f"{ROLES}shop-prod-{REGION}-scheduler", **TO_SCHEDULER)
    assert not allows("Place", "iam:PassRole", f"{ROLES}AsyncLambdaDelaySchedulerRole", **TO_SCHEDULER)


def test_payloads_are_not_removed_by_functions_where_the_lifecycle_does_it() -> None:
    controller = AsyncLambdaController()
    controller.async_task("Place")(rich.nothing)
    kept = template(controller.app(), "shop:app", "prod", Settings(), rich.ARCHIVE)
    ask = Ask("s3:DeleteObject", f"{PAYLOADS}/a.json")
    assert not Judge(kept).allows("PlaceALFuncRole", ask)


# Names

ODD = (
    *("Task", "task", "TASK", "A", "a", "0", "Z" * 32, "z" * 32, "default", "prod", "AWS", "Ref", "null"),
    *("Stage", "StageTable", "AsyncLambda", "AsyncLambdaDLQ", "AsyncLambdaDelay", "AsyncLambdaPayloadBucket"),
    *("Queue", "AALQueue", "AALQueueL1", "AALQueueL1Age", "AALFunc", "AALFuncRole", "AALFuncManagedSQS"),
    *("AALFuncManagedSQSL1", "AALFuncExtra0", "AALFuncExtra0L1", "AL", "L1", "Log", "ALog", "Task0", "ATask0Route"),
)
"""What ends with, begins with, or differs by its case alone from what we call things."""


def shape(ids: list[str]) -> Counter[str]:
    """How many of each kind there are in a stack of these tasks, among them an API and a schedule."""
    controller = AsyncLambdaController(lane_count=2)
    for number, id in enumerate(ids):
        if number % 3 == 1:
            controller.api_task(id, path=f"/{number}", method="get")(rich.nothing)
        elif number % 3 == 2:
            controller.scheduled_task(id, "rate(1 day)")(rich.nothing)
        else:
            controller.async_task(id)(rich.nothing)
    core = controller.app()
    settings = rich.settings(core, {"managed_queue_extras": [{"Type": "AWS::SNS::Topic"}] * 2})
    found = template(core, "shop:app", "prod", settings, rich.ARCHIVE)["Resources"]
    return Counter(one["Type"] for one in found.values())


@pytest.mark.parametrize("turn", range(3))
def test_no_two_things_get_one_name_whatever_the_tasks_are_called(turn: int) -> None:
    ids = [*ODD[turn:], *ODD[:turn]]
    assert shape(ids) == shape([f"Plain{number}" for number in range(len(ids))])
