"""`ebbtide deploy` and `ebbtide destroy`: what they show, ask and refuse. Of stacks themselves, tests/deploy/stack."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import Result
from tests.aws.ministack import unique
from tests.cli.conftest import Shop

from ebbtide.deploy.rehearsal.server import Server


class Stage:
    """A stage nobody else has, deployed from a folder as `ebbtide build` might have written it."""

    def __init__(self, shop: Shop, server: Server) -> None:
        self.shop, self.server = shop, server
        self.name = unique("s")
        self.folder = shop.folder / "built"
        self.folder.mkdir()
        self.template(Mail=self.queue("mail"))

    def queue(self, name: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"shop-{self.name}-{name}"}}

    def template(self, **resources: dict[str, Any]) -> None:
        document = {"Resources": resources, "Outputs": {"MailUrl": {"Value": {"Ref": next(iter(resources))}}}}
        (self.folder / "template.json").write_text(json.dumps(document))

    def run(self, command: str, *words: str) -> Result:
        built = ("--built", str(self.folder)) if command == "deploy" else ()
        return self.shop.call(command, "SHOP", "--stage", self.name, *built, *words)

    def queues(self) -> list[str]:
        found = boto3.client("sqs", endpoint_url=self.server.endpoint).list_queues(QueueNamePrefix=f"shop-{self.name}")
        return [url.rpartition("/")[2].removeprefix(f"shop-{self.name}-") for url in found.get("QueueUrls", [])]

    def typed(self, text: bytes, *words: str) -> tuple[int, str]:
        """Exit code and what was shown to somebody who sits at a terminal and types this."""
        here, there = pty.openpty()
        os.write(here, text)
        command = [sys.executable, "-m", "ebbtide.cli", words[0], self.shop.module, "--stage", self.name, *words[1:]]
        done = subprocess.run(
            command, cwd=self.shop.folder, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        os.close(here)
        os.close(there)
        return done.returncode, done.stdout


@pytest.fixture
def stage(shop: Shop, aws: Server) -> Stage:
    return Stage(shop, aws)


def test_a_deployment_shows_what_it_adds_and_what_came_of_it(stage: Stage) -> None:
    done = stage.run("deploy", "--yes")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"  + queue  shop-{stage.name}-mail"
    assert lines[1] == f"shop-{stage.name} in us-east-1, account 000000000000: 1 to add"
    assert lines[2] == "deployed: 1 resource"
    assert lines[3].split() == ["MailUrl", f"{stage.server.endpoint}/000000000000/shop-{stage.name}-mail"]
    assert f"  created queue shop-{stage.name}-mail" in done.stderr
    again = stage.run("deploy", "--yes")
    assert (again.exit_code, again.stdout.splitlines()[-1].rpartition(": ")[2]) == (0, "nothing to do")


def test_a_plan_shows_the_same_and_changes_nothing(stage: Stage) -> None:
    done = stage.run("deploy", "--plan")
    assert done.exit_code == 3
    assert "1 to add" in done.stdout
    assert stage.queues() == []
    assert stage.run("deploy", "--yes").exit_code == 0
    assert stage.run("deploy", "--plan").exit_code == 0


def test_nobody_to_ask_means_nothing_is_changed(stage: Stage) -> None:
    done = stage.run("deploy")
    assert done.exit_code == 2
    assert "standard input is no terminal; add --yes." in done.stderr
    assert stage.queues() == []


def test_a_loss_of_data_is_told_and_needs_more_than_yes(stage: Stage) -> None:
    assert stage.run("deploy", "--yes").exit_code == 0
    stage.template(Mail=stage.queue("post"), More=stage.queue("more"))
    done = stage.run("deploy", "--yes")
    assert done.exit_code == 2
    assert "queue shop-" in done.stderr
    assert "add --accept-data-loss." in done.stderr
    assert f"! queue  shop-{stage.name}-mail: REPLACE, and lose the messages in it" in done.stdout
    assert "1 to add, 1 to REPLACE" in done.stdout
    assert stage.queues() == ["mail"]
    assert stage.run("deploy", "--yes", "--accept-data-loss").exit_code == 0
    assert sorted(stage.queues()) == ["more", "post"]


def test_at_a_terminal_it_asks_and_a_loss_is_agreed_to_by_the_stages_name(stage: Stage) -> None:
    built = ("--built", str(stage.folder))
    code, said = stage.typed(b"n\n", "deploy", *built)
    assert (code, stage.queues()) == (1, [])
    assert "nothing was changed" in said
    assert stage.typed(b"y\n", "deploy", *built)[0] == 0
    assert stage.queues() == ["mail"]
    stage.template(Other=stage.queue("other"))
    assert stage.typed(f"{stage.name}\n".encode(), "deploy", *built)[0] == 0
    assert stage.queues() == ["other"]


def test_a_failure_ends_with_its_cause(stage: Stage) -> None:
    waits = {"Handle": {"Ref": "Handle"}, "Timeout": "1"}
    stage.template(
        Mail=stage.queue("mail"),
        Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"},
        Wait={"Type": "AWS::CloudFormation::WaitCondition", "Properties": waits},
    )
    done = stage.run("deploy", "--yes")
    assert done.exit_code == 1
    assert "  failed cloudformation wait condition Wait: " in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: deploying shop-{stage.name} failed and was taken back: cloudformation wait cond")
    assert stage.queues() == []


def test_the_answer_as_json(stage: Stage) -> None:
    (change,) = json.loads(stage.run("deploy", "--plan", "--json").stdout)["changes"]
    assert (change["action"], change["type"], change["loses"]) == ("add", "AWS::SQS::Queue", None)
    assert json.loads(stage.run("deploy", "--yes", "--json").stdout)["outputs"].keys() == {"MailUrl"}
    said = json.loads(stage.run("destroy", "--yes", "--json").stdout)
    assert said["status"] == "removed"


def test_destroying_tells_what_is_lost_and_asks_for_the_stages_name(stage: Stage) -> None:
    assert stage.run("deploy", "--yes").exit_code == 0
    refused = stage.run("destroy")
    assert refused.exit_code == 2
    assert f"  - queue shop-{stage.name}-mail, with the messages in it" in refused.stdout
    assert "add --yes." in refused.stderr
    assert stage.typed(b"prod\n", "destroy")[0] == 1
    assert stage.queues() == ["mail"]
    code, said = stage.typed(f"{stage.name}\n".encode(), "destroy")
    assert code == 0
    assert f"removed shop-{stage.name}: 1 resource" in said
    assert stage.queues() == []
    again = stage.run("destroy", "--yes")
    assert (again.exit_code, again.stdout.splitlines()[-1].rpartition(": ")[2]) == (0, "nothing to do")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--stage", "Prod"), "'Prod' is no name for a stage"),
        (("--stage", "dev", "--region", "eu-wets-1"), "there is no AWS region 'eu-wets-1'"),
        (("--stage", "dev", "--built", "nowhere"), "Directory 'nowhere' does not exist"),
        (("--stage", "dev", "-P", "Name"), "'Name' is no NAME=VALUE"),
        ((), "Missing option '--stage'"),
    ],
)
def test_what_cannot_be_is_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    (tmp_path / "template.json").write_text("{}")
    built = () if "nowhere" in words else ("--built", str(tmp_path))
    done = shop.call("deploy", "SHOP", *built, *words)
    assert done.exit_code != 0
    assert told in done.stderr


def test_a_stack_that_is_busy_is_left_alone(stage: Stage) -> None:
    waits = {"Handle": {"Ref": "Handle"}, "Timeout": "20"}
    resources = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waits},
    }
    boto3.client("cloudformation", endpoint_url=stage.server.endpoint).create_stack(
        StackName=f"shop-{stage.name}",
        TemplateBody=json.dumps({"Resources": resources}),
        Tags=[{"Key": "framework", "Value": "ebbtide"}],
    )
    for command in ("deploy", "destroy"):
        done = stage.run(command, "--yes")
        assert done.exit_code == 1
        assert "is being changed by somebody else just now (CREATE_IN_PROGRESS)" in done.stderr
