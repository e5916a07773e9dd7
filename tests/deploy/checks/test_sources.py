"""What S3 and Lambda would refuse of the things events come from."""

from typing import Any

import pytest

from ebbtide import Bucket, ForeignQueue, TableStream
from ebbtide.deploy.checks.sources import of_sources
from ebbtide.deploy.checks.view import View
from ebbtide.deploy.settings.merge import merge
from ebbtide.physical import Place
from ebbtide.trigger import Target, Trigger


def view(*triggers: Trigger, app: str = "shop", **resources: Any) -> View:
    """A template of what these triggers ask for, each for a task and a queue of its own."""
    made: dict[str, Any] = {f"F{number}": {"Type": "AWS::Serverless::Function"} for number in range(9)} | resources
    for number, trigger in enumerate(triggers):
        words = ("Role", "Group", "DeadLetters")
        to = Target(f"T{number}", Place(app, "prod"), f"Q{number}", f"F{number}", False, f"t{number}", *words)
        for id, resource in trigger.asks(to).resources.items():
            made[id] = merge(made.get(id, {}), resource)
    return View({"Resources": made})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Bucket("a"), Bucket("a")),
        (Bucket("a"), Bucket("a", prefix="in/")),
        (Bucket("a", prefix="in/"), Bucket("a", prefix="in/deep/")),
        (Bucket("a", suffix=".gz"), Bucket("a", suffix=".tar.gz")),
        (Bucket("a", prefix="in/"), Bucket("a", suffix=".csv")),
        (Bucket("a", events=["ObjectCreated:*"]), Bucket("a", events=["ObjectCreated:Put"])),
    ],
)
def test_two_queues_cannot_be_told_of_the_same_objects(one: Bucket, other: Bucket) -> None:
    ((id, _, message, _),) = of_sources(view(one, other))
    assert id == "BucketA"
    assert "sends an object's event to one queue only" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Bucket("a", prefix="in/"), Bucket("a", prefix="out/")),
        (Bucket("a", suffix=".csv"), Bucket("a", suffix=".txt")),
        (Bucket("a", events=["ObjectCreated:Copy"]), Bucket("a", events=["ObjectCreated:Put"])),
        (Bucket("a", events=["ObjectRemoved:*"]), Bucket("a")),
        (Bucket("a"), Bucket("b")),
    ],
)
def test_objects_that_differ_may_go_to_two_queues(one: Bucket, other: Bucket) -> None:
    assert not list(of_sources(view(one, other)))


def test_a_bucket_with_too_long_a_name_is_told() -> None:
    ((_, _, message, _),) = of_sources(view(Bucket("a-name-that-is-rather-long"), app="an-app-with-a-name"))
    assert "83 characters; S3 takes 63" in message


def test_a_queue_without_a_function_reads_no_foreign_queue() -> None:
    made = view(ForeignQueue("erp")).resources
    ((_, _, message, cure),) = of_sources(View({"Resources": {id: one for id, one in made.items() if id != "F0"}}))
    assert "only Lambda reads foreign queues" in message
    assert "runner='lambda'" in cure


def test_a_table_of_the_stages_own_must_be_there_and_have_a_stream() -> None:
    ((_, _, message, _),) = of_sources(view(TableStream("Orders")))
    assert "which is no table of this stage" in message
    table: dict[str, Any] = {"Type": "AWS::DynamoDB::Table", "Properties": {}}
    ((_, _, message, _),) = of_sources(view(TableStream("Orders"), Orders=table))
    assert "which has none" in message
    table["Properties"]["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert not list(of_sources(view(TableStream("Orders"), Orders=table)))
