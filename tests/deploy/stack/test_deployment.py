"""From a folder of artefacts to a stack, as CloudFormation makes it of them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.aws.ministack import unique

from ebbtide.deploy.rehearsal.server import Server
from ebbtide.deploy.stack import execution, upload
from ebbtide.deploy.stack.account import Account, account
from ebbtide.deploy.stack.change_set import discard
from ebbtide.deploy.stack.deployment import Plan, plan, stack_to_remove, store
from ebbtide.deploy.stack.destroy import clear_artefacts, destroy, members
from ebbtide.deploy.stack.state import find
from ebbtide.deploy.stack.trouble import DeployError
from ebbtide.physical import Place

Json = dict[str, Any]


class Stage:
    """A stage of an app nobody else has, and the folder it is deployed from."""

    def __init__(self, folder: Path, here: Account) -> None:
        self.folder, self.here = folder, here
        self.place = Place(unique("shop"), "test")
        self.uploaded: list[str] = []
        self.said: list[str] = []
        self.code("def handler(event, context): ...")

    def code(self, text: str) -> None:
        with zipfile.ZipFile(self.folder / "code.zip", "w") as archive:
            archive.writestr("main.py", text)

    def template(self, **changed: Json | None) -> None:
        """A queue, a bucket and a function, with other resources in place of some; None: without."""
        prefix = self.place.prefix
        trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        resources: dict[str, Json | None] = {
            "Mail": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{prefix}-mail"}},
            "Store": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{prefix}-store"}},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trusted]}},
            },
            "Run": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "FunctionName": f"{prefix}-run",
                    "Runtime": "python3.13",
                    "Handler": "main.handler",
                    "CodeUri": "code.zip",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
        }
        kept = {name: resource for name, resource in {**resources, **changed}.items() if resource}
        template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": kept}
        template["Outputs"] = {"MailUrl": {"Value": {"Ref": "Mail"}}} if "Mail" in kept else {}
        (self.folder / "template.json").write_text(json.dumps(template))

    def plan(self, **parameters: str) -> Plan:
        return plan(self.here, self.place, self.folder, parameters, self.said.append)

    def deploy(self, **parameters: str) -> list[execution.Event]:
        made = self.plan(**parameters)
        assert made.proposed
        store(self.here, made, self.send)
        return list(execution.execute(self.here, made.proposed))

    def outcome(self, events: list[execution.Event]) -> str | None:
        stack = find(self.here, self.place.prefix)
        return execution.outcome(self.here, stack.id if stack else "", events)

    def destroy(self) -> list[execution.Event]:
        stack = stack_to_remove(self.here, self.place)
        assert stack
        return list(destroy(self.here, stack, members(self.here, stack)))

    def send(self, here: Account, bucket: str, piece: upload.Piece) -> None:
        self.uploaded.append(piece.path.name)
        upload.upload(here, bucket, piece, lambda count: None)


@pytest.fixture
def stage(aws: Server, tmp_path: Path) -> Stage:
    made = Stage(tmp_path, account())
    made.template()
    return made


def test_a_first_deployment_makes_all_and_a_second_finds_nothing_to_do(stage: Stage) -> None:
    made = stage.plan()
    assert made.stack is None
    assert made.proposed
    assert {(change.action, change.noun) for change in made.proposed.changes} == {
        ("add", "queue"),
        ("add", "bucket"),
        ("add", "role"),
        ("add", "function"),
    }
    assert stage.uploaded == []
    store(stage.here, made, stage.send)
    events = list(execution.execute(stage.here, made.proposed))
    assert stage.outcome(events) is None
    assert events[-1].ends
    stack = find(stage.here, stage.place.prefix)
    assert stack
    assert stack.outputs["MailUrl"].endswith(f"{stage.place.prefix}-mail")
    assert stage.plan().proposed is None


@pytest.mark.parametrize(("what", "other"), [("stage", "prod"), ("app", "news")])
def test_what_was_built_for_another_stage_or_app_is_not_put_into_this_ones_stack(
    stage: Stage, what: str, other: str
) -> None:
    built = {"app": stage.place.app, "stage": stage.place.stage}
    (stage.folder / "build.json").write_text(json.dumps(built))
    stage.plan()
    (stage.folder / "build.json").write_text(json.dumps({**built, what: other}))
    with pytest.raises(DeployError, match=f"was built for {what} '{other}', not for '{built[what]}'"):
        stage.plan()


def test_what_is_unchanged_is_not_uploaded_again(stage: Stage) -> None:
    stage.deploy()
    assert stage.uploaded == ["code.zip"]
    stage.template(Mail=None)
    stage.deploy()
    assert stage.uploaded == ["code.zip"]
    stage.code("def handler(event, context): return 1")
    stage.deploy()
    assert stage.uploaded == ["code.zip", "code.zip"]


def test_what_would_change_is_told_before_it_does(stage: Stage) -> None:
    stage.deploy()
    new = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": unique("other")}}
    stage.template(Mail=new, Store=None, Topic={"Type": "AWS::SNS::Topic", "Properties": {}})
    made = stage.plan()
    assert made.proposed
    found = {change.logical: change for change in made.proposed.changes}
    assert {name: change.action for name, change in found.items()} == {
        "Mail": "replace",
        "Store": "remove",
        "Topic": "add",
    }
    assert found["Mail"].because == ("QueueName",)
    assert found["Mail"].loses == "the messages in it"
    assert found["Store"].loses == "all its objects"
    assert found["Topic"].loses is None


def test_a_plan_that_is_not_carried_out_leaves_nothing(stage: Stage) -> None:
    made = stage.plan()
    assert made.proposed
    discard(stage.here, made.proposed)
    assert find(stage.here, stage.place.prefix) is None


def test_a_failure_is_told_by_its_first_real_cause_and_taken_back(stage: Stage) -> None:
    stage.deploy()
    waits = {"Handle": {"Ref": "Handle"}, "Timeout": "1"}
    wrong = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waits, "DependsOn": "Early"}
    early = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": unique("early")}}
    stage.template(Wrong=wrong, Early=early, Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"})
    events = stage.deploy()
    assert events[-1].status == "UPDATE_ROLLBACK_COMPLETE"
    cause = stage.outcome(events)
    assert cause
    assert cause.startswith("cloudformation wait condition Wrong: ")
    assert "timed out" in cause
    assert events[-1].physical
    with pytest.raises(
        DeployError, match=r"deploying it failed and was taken back: cloudformation wait condition Wrong: "
    ):
        execution.succeeded(stage.here, events[-1].physical, events, "deploying it")


def test_a_fault_that_is_found_before_anything_is_made_is_told_by_its_resource(stage: Stage) -> None:
    stage.deploy()
    taken = unique("taken")
    stage.here.client("s3").create_bucket(Bucket=taken)
    stage.template(Wrong={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": taken}})
    events = stage.deploy()
    assert events[-1].status == "UPDATE_ROLLBACK_COMPLETE"
    cause = stage.outcome(events)
    assert cause
    assert cause.startswith("Wrong: ")
    assert "exist" in cause


def test_what_a_failed_first_deployment_left_is_cleared_away(stage: Stage) -> None:
    taken = unique("taken")
    stage.here.client("s3").create_bucket(Bucket=taken)
    stage.template(Wrong={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": taken}})
    assert stage.deploy()[-1].status == "ROLLBACK_COMPLETE"
    stage.template()
    assert stage.outcome(stage.deploy()) is None
    assert any("failed first deployment" in line for line in stage.said)


def test_a_strangers_stack_of_the_same_name_is_not_touched(stage: Stage) -> None:
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}})
    stage.here.client("cloudformation").create_stack(StackName=stage.place.prefix, TemplateBody=body)
    for attempt in (stage.plan, stage.destroy):
        with pytest.raises(DeployError, match="not Ebbtide's"):
            attempt()


def test_a_missing_file_is_named(stage: Stage) -> None:
    (stage.folder / "code.zip").unlink()
    with pytest.raises(DeployError, match=r"Run: there is no .*code\.zip"):
        stage.plan()


def test_an_image_that_is_only_here_is_refused_with_the_ways_to_push_it(stage: Stage) -> None:
    image = {"PackageType": "Image", "ImageUri": "shop-dev:0123", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    stage.template(Run={"Type": "AWS::Serverless::Function", "Properties": image})
    with pytest.raises(DeployError, match=r"Run runs the image 'shop-dev:0123', which is only on this machine: .* ECR"):
        stage.plan()


def test_a_folder_without_a_template_is_named(stage: Stage) -> None:
    (stage.folder / "template.json").unlink()
    with pytest.raises(DeployError, match=r"there is no .*template\.json: 'ebbtide build' writes it"):
        stage.plan()


def test_a_parameter_is_kept_until_it_is_given_anew(stage: Stage) -> None:
    name = unique("queue")
    path = stage.folder / "template.json"
    given = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}

    def declare(**more: Json) -> None:
        stage.template(Mail=given, **more)
        path.write_text(json.dumps({**json.loads(path.read_text()), "Parameters": {"Name": {"Type": "String"}}}))

    declare()
    stage.deploy(Name=name)
    declare(Topic={"Type": "AWS::SNS::Topic", "Properties": {}})
    stage.deploy()
    stack = find(stage.here, stage.place.prefix)
    assert stack
    assert stack.outputs["MailUrl"].endswith(name)


def test_a_template_too_long_for_a_request_goes_through_the_bucket(stage: Stage) -> None:
    many = {
        f"Queue{number}": {"Type": "AWS::SQS::Queue", "Metadata": {"Why": "x" * 2_000}, "Properties": {}}
        for number in range(26)
    }
    stage.template(**many)
    assert len((stage.folder / "template.json").read_text()) > upload.INLINE_TEMPLATE
    assert stage.outcome(stage.deploy()) is None
    assert stage.plan().proposed is None


def test_destroying_takes_all_away_with_what_is_in_the_buckets(stage: Stage) -> None:
    stage.deploy()
    s3, store = stage.here.client("s3"), f"{stage.place.prefix}-store"
    s3.put_bucket_versioning(Bucket=store, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=store, Key="a", Body=b"a")
    s3.delete_object(Bucket=store, Key="a")
    assert stage.outcome(stage.destroy()) is None
    clear_artefacts(stage.here, stage.place)
    assert find(stage.here, stage.place.prefix) is None
    assert store not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    bucket = upload.bucket_of(stage.here)
    if bucket in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=stage.place.prefix)


def test_what_the_template_keeps_is_named_and_stays(stage: Stage) -> None:
    name = f"{stage.place.prefix}-store"
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": name}}
    stage.template(Store=kept)
    stage.deploy()
    stack = find(stage.here, stage.place.prefix)
    assert stack
    assert [member.physical for member in members(stage.here, stack) if member.kept] == [name]
    stage.destroy()
    assert name in {bucket["Name"] for bucket in stage.here.client("s3").list_buckets()["Buckets"]}


def _described(stage: Stage) -> Callable[[str], Json]:
    s3, bucket = stage.here.client("s3"), upload.make_bucket(stage.here)
    return lambda what: dict(getattr(s3, f"get_{what}")(Bucket=bucket))


def test_the_artefact_bucket_is_private_encrypted_and_refuses_plain_http(stage: Stage) -> None:
    asked = _described(stage)
    assert set(asked("public_access_block")["PublicAccessBlockConfiguration"].values()) == {True}
    rule = asked("bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(asked("bucket_policy")["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
