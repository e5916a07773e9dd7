"""An app that names its things otherwise, as the doors to other frameworks do: its place travels everywhere."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.template import rich
from tests.deploy.template.translated import translated

from ebbtide.app import App
from ebbtide.deploy.checks import findings
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.physical import Kind, Place, stage_name
from ebbtide.queue import Queue


class OldPlace(Place):
    """Names that a stack had before."""

    __slots__ = ()

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.prefix, f"{self.app}-")

    def queue(self, queue: Queue, lane: int = 0) -> str:
        return f"{self.app}-{queue.name}" + (f"-L{lane}" if lane else "")

    def function(self, queue: Queue) -> str:
        return f"{self.app}-{queue.name}"

    def logical(self, kind: Kind, queue: Queue | None = None, lane: int = 0, fifo: bool = False) -> str | None:
        if queue is None:
            return None if fifo else "OldLetters"
        end = {"queue": "Old", "function": "Does", "role": "DoesRole", "mapping": "Takes", "dead-letters": ""}[kind]
        return f"{queue.name}{end}" + (f"L{lane}" if lane else "")


class OldApp(App):
    def place(self, stage: str) -> Place:
        return OldPlace(self.name, stage_name(stage))


def old() -> App:
    app = OldApp("shop", queues=[Queue("Mail", lanes=2)])

    @app.task(queue="Mail")
    def mail() -> None: ...

    return app


def made() -> dict[str, Any]:
    return template(old(), "shop:app", "prod", Settings(), rich.ZIPPED)


def test_what_a_place_says_is_what_the_template_is_made_of() -> None:
    resources = made()["Resources"]
    assert {id for id in resources if "Mail" in id and not id.endswith(("Policy", "Age", "Log"))} == {
        *("MailOld", "MailOldL1", "MailDoes", "MailDoesRole", "MailTakes", "MailTakesL1"),
    }
    assert resources["MailTakesL1"]["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["MailOldL1", "Arn"]}
    assert resources["MailTakesL1"]["Properties"]["FunctionName"] == {"Ref": "MailDoes"}
    assert resources["MailDoes"]["Properties"]["FunctionName"] == "shop-Mail"
    assert resources["MailOldL1"]["Properties"]["QueueName"] == "shop-Mail-L1"
    assert resources["MailOld"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] == "OldLetters"
    assert "StageDeadLetters" not in json.dumps(made())


def test_every_promise_is_kept_under_other_names() -> None:
    assert findings(old(), "prod", Settings()) == []
    translated(made())


def test_a_name_that_the_place_does_not_account_for_is_a_fault() -> None:
    class Forgetful(OldPlace):
        @property
        def marks(self) -> tuple[str, ...]:
            return (self.prefix,)

    app = old()
    app.place = lambda stage: Forgetful(app.name, stage)  # type: ignore[method-assign]
    assert {one.message.split(":")[0] for one in findings(app, "prod", Settings())} == {"T1"}
