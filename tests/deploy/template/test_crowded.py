"""A place with a function for each task: its queues share a policy, and are no outputs, so that more of them fit."""

from __future__ import annotations

from typing import Any

from tests.deploy.template import rich
from tests.deploy.template.translated import translated

from ebbtide.app import App
from ebbtide.deploy.checks import findings
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.physical import Place, stage_name
from ebbtide.queue import Queue
from ebbtide.triggers.topic import Topic


class Crowded(Place):
    __slots__ = ()

    @property
    def crowded(self) -> bool:
        return True


class Shop(App):
    def place(self, stage: str) -> Place:
        return Crowded(self.name, stage_name(stage))


def app() -> App:
    made = Shop("shop", queues=[Queue("mail", lanes=2), Queue("images"), Queue("orders")])
    for queue in ("mail", "images"):
        made.task(queue=queue, name=queue)(_work)
    made.task(Topic("paid"), queue="orders", name="orders")(_work)
    return made


def _work(message: str = "") -> None: ...


def made() -> dict[str, Any]:
    return template(app(), "shop:app", "prod", Settings(), rich.ZIPPED)


def policies() -> dict[str, Any]:
    return {id: one for id, one in made()["Resources"].items() if one["Type"] == "AWS::SQS::QueuePolicy"}


def test_queues_to_which_no_service_sends_share_one_policy_that_refuses_whoever_comes_without_tls() -> None:
    shared = policies()["StageQueuesPolicy"]["Properties"]
    assert shared["Queues"] == [{"Ref": "MailQueue"}, {"Ref": "MailLane1Queue"}, {"Ref": "ImagesQueue"}]
    (statement,) = shared["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Resource"]) == ("Deny", "*", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_a_service_sends_to_has_a_policy_of_its_own_and_so_have_the_dead_letters() -> None:
    assert set(policies()) == {"StageQueuesPolicy", "OrdersQueuePolicy", "StageDeadLettersPolicy"}
    assert [one["Sid"] for one in _statements("OrdersQueuePolicy")][:1] == ["OnlyByTls"]
    assert any(one["Effect"] == "Allow" for one in _statements("OrdersQueuePolicy"))


def _statements(id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policies()[id]["Properties"]["PolicyDocument"]["Statement"]
    return [{"Sid": "", **one} for one in found]


def test_queues_and_functions_are_no_outputs() -> None:
    assert set(made()["Outputs"]) == {"Table", "Bucket", "DeadLettersArn"}


def test_every_promise_is_kept() -> None:
    assert findings(app(), "prod", Settings()) == []
    translated(made())
