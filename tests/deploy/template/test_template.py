"""The template of a stage: what stands in it, and that SAM, cfn-lint and MiniStack take it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.template import rich
from tests.deploy.template.examples import Example, examples
from tests.deploy.template.goldens import FOLDER, as_text
from tests.deploy.template.translated import translated

from ebbtide.app import App
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.checks import findings
from ebbtide.deploy.settings import FunctionSettings, Settings
from ebbtide.deploy.template import template
from ebbtide.errors import DeclarationError
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.trigger import Asked, Json, Route, Target, Trigger
from ebbtide.triggers.table_stream import TableStream

BY_NAME = pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)


def made(app: App, settings: Settings | None = None, artefacts: Artefacts = rich.ZIPPED) -> dict[str, Any]:
    return template(app, "shop:app", "prod", settings or Settings(), artefacts)


def properties(app: App, id: str, settings: Settings | None = None) -> Any:
    return made(app, settings)["Resources"][id]["Properties"]


def shop(*queues: Queue) -> App:
    app = App("shop", queues=queues)
    for queue in queues:
        app.task(queue=queue.name, name=f"of_{queue.name}")(_work)
    return app


def _work() -> None: ...


@BY_NAME
def test_it_is_as_it_was(example: Example) -> None:
    golden = FOLDER / f"{example.name}.json"
    assert golden.is_file(), "write it: python -m tests.deploy.template.goldens"
    assert as_text(example.template()) == golden.read_text("utf-8"), (
        "if it is meant: python -m tests.deploy.template.goldens"
    )


@BY_NAME
def test_sam_translates_it_and_attaches_nothing(example: Example) -> None:
    after = translated(example.template())
    assert "ManagedPolicyArns" not in json.dumps(after)
    assert "AWSLambda" not in json.dumps(after)
    ours = {id: made["Type"] for id, made in example.template()["Resources"].items()}
    added = [
        id for id, made in after["Resources"].items() if id not in ours and made["Type"] != "AWS::Lambda::LayerVersion"
    ]
    assert added == []


def test_a_role_has_managed_policies_only_where_the_settings_name_them() -> None:
    arn = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
    tracing = Settings(queues={"mail": FunctionSettings(managed_policies=[arn])})
    app = shop(Queue("mail"), Queue("web"))
    assert properties(app, "MailRole", tracing)["ManagedPolicyArns"] == [arn]
    assert "ManagedPolicyArns" not in properties(app, "WebRole", tracing)


def test_it_is_plain_json_and_the_same_each_time() -> None:
    one = made(rich.app(), rich.settings())
    assert json.loads(json.dumps(one)) == one
    assert json.dumps(one) == json.dumps(made(rich.app(), rich.settings()))


def test_one_function_a_queue_one_queue_a_lane_one_dead_letter_queue_a_kind() -> None:
    resources = made(rich.app())["Resources"]

    def named(kind: str, name: str) -> list[str]:
        return [one["Properties"][name] for one in resources.values() if one["Type"] == kind]

    assert named("AWS::Serverless::Function", "FunctionName") == [
        f"shop-prod-{name}" for name in ("images", "mail", "web", "bulk", "default")
    ]
    assert named("AWS::SQS::Queue", "QueueName") == [
        "shop-prod-dead-letters",
        "shop-prod-dead-letters.fifo",
        "shop-prod-images",
        "shop-prod-images-lane1",
        "shop-prod-images-lane2",
        "shop-prod-mail.fifo",
        "shop-prod-web",
        "shop-prod-bulk",
        "shop-prod-default",
    ]


def test_a_stage_without_a_fifo_queue_has_no_fifo_dead_letters_and_an_idle_default_queue_is_left_out() -> None:
    resources = made(shop(Queue("mail")))["Resources"]
    assert "StageDeadLettersFifo" not in resources
    assert "DefaultQueue" not in resources


@pytest.mark.parametrize(
    ("queue", "timeout", "batch", "visibility"),
    [
        (Queue("mail", timeout=30), 62, 10, 372),
        (Queue("mail", timeout=0.2), 3, 10, 18),
        (Queue("mail", timeout=449), 900, 10, 5400),
        (Queue("mail", timeout=450), 900, 1, 5400),
        (Queue("mail", timeout=900), 900, 1, 5400),
        (Queue("mail", timeout=30, visibility=4000), 62, 10, 4000),
    ],
)
def test_a_function_has_room_for_two_tasks_and_a_loan_lasts_six_functions(
    queue: Queue, timeout: int, batch: int, visibility: int
) -> None:
    assert properties(shop(queue), "MailFunction")["Timeout"] == timeout
    assert properties(shop(queue), "MailQueueMapping")["BatchSize"] == batch
    assert properties(shop(queue), "MailQueue")["VisibilityTimeout"] == visibility


@pytest.mark.parametrize(
    ("queue", "receives"),
    [
        (Queue("mail"), 354),  # three days of a visibility of 732 s
        (Queue("mail", timeout=3), 1000),  # SQS's most
        (Queue("mail", timeout=400, fifo=True), 70),  # every attempt of the nine before it in its batch
        (Queue("mail", attempts=50, visibility=20_000), 70),  # else SQS would forget it before it gives it up
    ],
)
def test_sqs_gives_no_message_up_while_its_function_is_throttled(queue: Queue, receives: int) -> None:
    assert properties(shop(queue), "MailQueue")["RedrivePolicy"]["maxReceiveCount"] == receives


def test_sqs_gives_a_message_up_only_after_any_of_our_attempts() -> None:
    app = shop(Queue("mail", attempts=7, visibility=43_200))
    assert properties(app, "MailQueue")["RedrivePolicy"]["maxReceiveCount"] == 27
    app.task(queue="mail", name="patient", retry=RetryPolicy(attempts=990))(_work)
    assert properties(app, "MailQueue")["RedrivePolicy"]["maxReceiveCount"] == 1000


def test_each_lane_has_its_own_concurrency_and_a_batch_its_window() -> None:
    app = shop(Queue("mail", lanes=2, concurrency=[5, None], batch=50, batch_window=3, timeout=5))
    assert properties(app, "MailQueueMapping")["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert "ScalingConfig" not in properties(app, "MailLane1QueueMapping")
    assert properties(app, "MailQueueMapping")["MaximumBatchingWindowInSeconds"] == 3
    assert "MaximumBatchingWindowInSeconds" not in properties(shop(Queue("mail")), "MailQueueMapping")


def test_our_tags_win_over_the_users() -> None:
    said = FunctionSettings(tags={"team": "mail", "framework": "mine", "application": "theirs"})
    tags = properties(shop(Queue("mail")), "MailFunction", Settings(everywhere=said))["Tags"]
    assert tags == {"team": "mail", "application": "shop", "environment": "prod", "framework": "ebbtide"}


def test_what_is_passed_through_lies_over_ours_and_destroys_nothing() -> None:
    said = FunctionSettings(
        properties={"MemorySize": 3008, "Environment": {"Variables": {"X": "1"}}}, queue_properties={"DelaySeconds": 5}
    )
    settings = Settings(
        everywhere=said, resources={"MailQueueAge": {"Properties": {"Threshold": 9}}, "Mine": {"Type": "T"}}
    )
    app = shop(Queue("mail"))
    function = properties(app, "MailFunction", settings)
    assert (function["MemorySize"], function["Environment"]["Variables"]["X"]) == (3008, "1")
    assert function["Environment"]["Variables"]["EBBTIDE_QUEUE"] == "mail"
    assert properties(app, "MailQueue", settings)["DelaySeconds"] == 5
    assert properties(app, "MailQueueAge", settings)["Threshold"] == 9
    assert properties(app, "MailQueueAge", settings)["Period"] == 300
    assert made(app, settings)["Resources"]["Mine"] == {"Type": "T"}


def test_a_secret_travels_as_a_reference_and_its_function_alone_may_read_it() -> None:
    resources = made(rich.app(), rich.settings())["Resources"]
    variables = resources["WebFunction"]["Properties"]["Environment"]["Variables"]
    assert json.loads(variables["EBBTIDE_SECRETS"]) == rich.settings().everywhere.secrets
    assert "DATABASE_PASSWORD" not in variables
    statements = resources["WebRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    read = {one["Sid"]: one["Resource"] for one in statements if one.get("Sid") in ("Parameters", "Secrets")}
    here = "${AWS::Region}:${AWS::AccountId}"
    assert read == {
        "Parameters": [{"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{here}:parameter/shop/database"}],
        "Secrets": [{"Fn::Sub": f"arn:${{AWS::Partition}}:secretsmanager:{here}:secret:shop/stripe-??????"}],
    }


def test_a_route_that_nobody_spoke_about_is_closed() -> None:
    class Silent(Trigger):
        def check(self, task: str, parameters: Any) -> None: ...

        def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
            return [], {}

        def asks(self, target: Target) -> Asked:
            return Asked(route=Route("GET", "/x", None))

    app = App("shop")
    app.task(Silent())(_work)
    assert properties(app, _route(app))["AuthorizationType"] == "AWS_IAM"


def _route(app: App) -> str:
    (id,) = (id for id, one in made(app)["Resources"].items() if one["Type"] == "AWS::ApiGatewayV2::Route")
    return str(id)


def test_an_asynchronous_route_brings_the_one_where_its_result_will_be() -> None:
    resources = made(rich.app(), rich.settings())["Resources"]
    results = resources["StageApiResults"]["Properties"]
    assert (results["RouteKey"], results["AuthorizationType"]) == ("GET /results/{id}", "JWT")
    open_to_all = rich.settings()._replace(api=rich.settings().api._replace(results="public"))
    assert properties(rich.app(), "StageApiResults", open_to_all)["AuthorizationType"] == "NONE"


class Shared(Trigger):
    """Asks for one bucket, whoever it belongs to."""

    def __init__(self, prefix: str, size: int = 1) -> None:
        self.prefix, self.size = prefix, size

    def check(self, task: str, parameters: Any) -> None: ...

    def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
        return [], {}

    def asks(self, target: Target) -> Asked:
        bucket: Json = {"Type": "Custom::Bucket", "Properties": {"Rules": [self.prefix], "Size": self.size}}
        return Asked({"BucketUploads": bucket})


def test_two_triggers_that_ask_for_one_resource_share_it() -> None:
    app = App("shop")
    app.task(Shared("a/"), name="one")(_work)
    app.task(Shared("b/"), Shared("a/"), name="two")(_work)
    assert properties(app, "BucketUploads") == {"Rules": ["a/", "b/"], "Size": 1}
    assert made(app)["Resources"]["BucketUploads"]["Metadata"] == {"Ebbtide": {"tasks": ["one", "two"]}}


def test_two_triggers_that_cannot_share_a_resource_are_refused_by_name() -> None:
    app = App("shop")
    app.task(Shared("a/"), name="one")(_work)
    app.task(Shared("b/", size=2), name="two")(_work)
    with pytest.raises(DeclarationError, match=r"task 'two' shares .* BucketUploads .* Properties.Size is 1 .* and 2"):
        made(app)


def test_an_image_takes_the_place_of_both_archives() -> None:
    resources = made(rich.app(), artefacts=rich.IMAGE)["Resources"]
    function = resources["WebFunction"]["Properties"]
    assert function["PackageType"] == "Image"
    assert not {"CodeUri", "Handler", "Runtime", "Layers"} & set(function)
    assert "StageDependencies" not in resources


def test_without_dependencies_there_is_no_layer() -> None:
    bare = Artefacts(Path("code.zip"), None, "x86_64", "python3.13")
    resources = made(shop(Queue("mail")), artefacts=bare)["Resources"]
    assert "StageDependencies" not in resources
    assert "Layers" not in resources["MailFunction"]["Properties"]
    assert resources["MailFunction"]["Properties"]["Architectures"] == ["x86_64"]


def test_a_stage_has_room_for_sixty_queues() -> None:
    app = shop(*(Queue(f"queue{number}") for number in range(60)))
    assert 400 < len(made(app)["Resources"]) <= 500


def test_a_function_is_told_the_names_of_the_tables_whose_streams_it_reads() -> None:
    app = App("shop", queues=[Queue("other")])

    @app.task(TableStream("Orders"))
    def changed(event: str) -> None: ...

    @app.task(queue="other")
    def more() -> None: ...

    told = {name: properties(app, name)["Environment"]["Variables"] for name in ("DefaultFunction", "OtherFunction")}
    assert told["DefaultFunction"]["EBBTIDE_TABLE_Orders"] == {"Ref": "Orders"}
    assert "EBBTIDE_TABLE_Orders" not in told["OtherFunction"]


# Queues of other systems, and dead letters that a task takes


def sent_to(app: App) -> tuple[list[Any], list[Any]]:
    """Where the function of queue `mail`, and the scheduler, may send."""
    resources = made(app)["Resources"]
    found = []
    for role in ("MailRole", "StageScheduler"):
        statements = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        found.append(next(said["Resource"] for said in statements if said["Sid"] == "Send"))
    return found[0], found[1]


def test_nothing_is_made_for_a_queue_that_another_system_runs_but_the_right_to_send_to_it() -> None:
    without, app = made(shop(Queue("mail"))), shop(Queue("mail"), Queue("theirs", runner="elsewhere", lanes=2))
    assert made(app)["Resources"].keys() == without["Resources"].keys()
    assert made(app)["Outputs"] == without["Outputs"]
    arn = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:shop-prod-theirs"
    for sent in sent_to(app):
        assert sent[-2:] == [{"Fn::Sub": arn}, {"Fn::Sub": f"{arn}-lane1"}]


def test_no_fifo_dead_letters_are_made_for_a_fifo_queue_that_another_system_runs() -> None:
    app = shop(Queue("mail"), Queue("theirs", runner="elsewhere", fifo=True))
    assert "StageDeadLettersFifo" not in made(app)["Resources"]


def target(app: App, id: str) -> Any:
    return properties(app, id)["RedrivePolicy"]["deadLetterTargetArn"]


def test_what_sqs_gives_up_goes_to_the_queue_of_the_task_that_takes_the_dead_letters() -> None:
    app = shop(Queue("mail", dead_letters="of_late", lanes=2), Queue("late", lanes=2))
    assert target(app, "MailQueue") == target(app, "MailLane1Queue") == {"Fn::GetAtt": ["LateQueue", "Arn"]}
    assert target(app, "LateQueue") == {"Fn::GetAtt": ["StageDeadLetters", "Arn"]}
    app = shop(Queue("mail", dead_letters="of_theirs"), Queue("theirs", runner="elsewhere"))
    assert target(app, "MailQueue")["Fn::Sub"].endswith(":shop-prod-theirs")


@pytest.mark.parametrize(
    ("queues", "wrong"),
    [
        ([Queue("mail", dead_letters="of_lat"), Queue("late")], "no such task. Did you mean 'of_late'?"),
        ([Queue("mail", dead_letters="of_late", fifo=True), Queue("late")], "can go to a FIFO queue only"),
        ([Queue("mail", dead_letters="of_mail")], "they would come back, mail > mail"),
    ],
)
def test_dead_letters_that_nobody_can_take_are_refused(queues: list[Queue], wrong: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        made(shop(*queues))
    assert wrong in str(refused.value)


@pytest.mark.parametrize(
    "queues",
    [
        (Queue("mail", dead_letters="of_late"), Queue("late"), Queue("theirs", runner="elsewhere", fifo=True)),
        (Queue("mail", dead_letters="of_theirs", fifo=True), Queue("theirs", runner="elsewhere", fifo=True)),
    ],
)
def test_the_checks_and_promises_hold_for_both(queues: tuple[Queue, ...]) -> None:
    assert findings(shop(*queues), "prod", Settings()) == []


def test_a_function_whose_invocations_hold_one_record_has_time_for_one() -> None:
    app = shop(Queue("mail", timeout=70, batch=1), Queue("late", timeout=70), Queue("long", timeout=900, batch=1))
    assert [properties(app, f"{name}Function")["Timeout"] for name in ("Mail", "Late", "Long")] == [72, 142, 900]
    assert [properties(app, f"{name}Queue")["VisibilityTimeout"] for name in ("Mail", "Late")] == [432, 852]


def test_an_invocation_of_tasks_that_gather_holds_a_batch_however_long_they_take() -> None:
    app = App("shop", queues=[Queue("mail", timeout=600, batch=7), Queue("late", timeout=600, batch=7)])

    @app.task(queue="mail", gathers=True)
    def note(numbers: list[int]) -> None: ...

    app.task(queue="late", name="of_late")(_work)
    assert properties(app, "MailQueueMapping")["BatchSize"] == 7
    assert properties(app, "LateQueueMapping")["BatchSize"] == 1
