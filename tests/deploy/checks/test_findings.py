"""Before anything is written: what AWS would refuse or quietly get wrong, each with its place and its cure."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.deploy.template import rich
from tests.deploy.template.examples import Example, examples

from ebbtide.app import App
from ebbtide.deploy.checks import Finding, findings
from ebbtide.deploy.checks.fargate import PAIRS, sizes
from ebbtide.deploy.settings import Api, FunctionSettings, Settings, settings_of
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.trigger import Asked, Json, Target, Trigger
from ebbtide.triggers.http import Http
from ebbtide.triggers.schedule import Schedule


def shop(*queues: Queue, app: str = "shop") -> App:
    made = App(app, queues=queues)
    for queue in queues:
        made.task(queue=queue.name, name=f"of_{queue.name.replace('-', '_')}")(_work)
    return made


def _work() -> None: ...


def found(app: App, settings: Settings | None = None, stage: str = "prod") -> list[Finding]:
    return findings(app, stage, settings or Settings())


def errors(app: App, settings: Settings | None = None) -> list[Finding]:
    return [finding for finding in found(app, settings) if finding.error]


def warnings(app: App, settings: Settings | None = None) -> list[Finding]:
    return [finding for finding in found(app, settings) if not finding.error]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_every_example_can_be_built(example: Example) -> None:
    assert [finding for finding in found(example.app, example.settings) if finding.error] == []


# Queues


@pytest.mark.parametrize(
    ("queue", "message", "cure"),
    [
        (
            Queue("mail", fifo=True, batch_window=1),
            "a FIFO queue can have no batching window",
            "leave out batch_window",
        ),
        (Queue("mail", fifo=True, batch=11), "batches of 10 at most", "make it 10"),
        (Queue("mail", batch=11), "batch=11 needs a batching window", "batch_window=1"),
        (Queue("mail", batch_window=1.5), "Lambda takes whole seconds", "whole seconds"),
        (Queue("mail", concurrency=1), "concurrency=1 of lane 0: Lambda's mapping takes 2 to 1,000", "fifo=True"),
        (Queue("mail", lanes=2, concurrency=[None, 1]), "concurrency=1 of lane 1", "make it 2 or more"),
        (Queue("mail", concurrency=1001), "takes 2 to 1,000", "1,000 or less"),
        (Queue("mail", visibility=359), "visibility=359 is less than six times timeout=60", "360 or more"),
        (Queue("mail", timeout=901), "longer than the 900 seconds", "900 or less"),
        (Queue("mail", memory=10_241), "memory=10241 MB", "10,240 or less"),
    ],
    ids=lambda given: repr(given)[:60],
)
def test_a_queue_that_lambda_does_not_take_is_refused(queue: Queue, message: str, cure: str) -> None:
    (finding,) = errors(shop(queue))
    assert finding.subject == "queue 'mail'"
    assert message in finding.message
    assert cure in finding.cure


@pytest.mark.parametrize(
    "queue",
    [
        Queue("mail", batch=11, batch_window=1),
        Queue("mail", fifo=True, batch=10),
        Queue("mail", concurrency=2),
        Queue("mail", visibility=360),
        Queue("mail", timeout=900, batch=1),
        Queue("mail", memory=10_240),
    ],
    ids=lambda given: repr(given)[:60],
)
def test_what_stands_just_on_the_right_side_passes(queue: Queue) -> None:
    assert found(shop(queue)) == []


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (Queue("mail", timeout=450, batch=5), "batch=5 becomes 1"),
        (Queue("mail", cpu=2), "cpu=2 has no effect"),
        (Queue("mail", attempts=990), "990 attempts: SQS gives a message up after 1,000 receives"),
    ],
    ids=lambda given: repr(given)[:60],
)
def test_what_works_otherwise_than_it_reads_is_a_warning(queue: Queue, message: str) -> None:
    (finding,) = found(shop(queue))
    assert not finding.error
    assert message in finding.message


def test_attempts_of_one_task_count_too() -> None:
    app = shop(Queue("mail"))
    app.task(queue="mail", name="patient", retry=RetryPolicy(attempts=2000))(_work)
    assert "2,000 attempts" in warnings(app)[0].message


def test_fargate_is_not_there_yet_and_has_only_some_sizes() -> None:
    told = [finding.message for finding in errors(shop(Queue("film", runner="fargate", cpu=1, memory=700)))]
    assert told == [
        "runner='fargate' cannot be deployed yet",
        "memory=700 MB beside cpu=1: Fargate has no such size",
    ]


@pytest.mark.parametrize(
    ("cpu", "memory", "cure"),
    [
        (0.25, 4096, "use 2048"),
        (3, 4096, "0.25, 0.5, 1, 2, 4, 8, 16"),
        (8, 17_000, "use 16384"),
        (None, 700, "use 512"),
    ],
)
def test_a_pair_that_fargate_does_not_have(cpu: float | None, memory: int, cure: str) -> None:
    wrong = sizes(cpu, memory)
    assert wrong
    assert cure in wrong.cure


def test_every_listed_pair_is_one() -> None:
    assert not any(sizes(cpu, memory) for cpu, all_sizes in PAIRS.items() for memory in all_sizes)
    assert sizes(None, 512) is None


# Places


def test_a_finding_names_file_and_line_of_the_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    source = """\
    from ebbtide import App, Http, Queue

    app = App(
        "shop",
        queues=[
            Queue(name="mail", concurrency=1),
        ],
    )

    @app.task(
        Http("GET", "/receipts"),
        queue="mail",
    )
    def receipt() -> None: ...

    other = App("has_underscore", queues=[Queue("quick", timeout=1)])

    @other.task(queue=Queue("slow", timeout=1000))
    def work() -> None: ...
    """
    (tmp_path / "places_of_shop.py").write_text(dedent(source))
    import places_of_shop as shop  # type: ignore[import-not-found]

    at = {finding.subject: (finding.file, finding.line) for finding in found(shop.app)}
    assert at == {"queue 'mail'": ("places_of_shop.py", 6), "task 'receipt'": ("places_of_shop.py", 10)}
    at = {finding.subject: (finding.file, finding.line) for finding in found(shop.other)}
    assert at == {"app 'has_underscore'": ("places_of_shop.py", 16), "queue 'slow'": ("places_of_shop.py", 18)}
    assert str(found(shop.app)[0]).startswith("places_of_shop.py:6: queue 'mail': concurrency=1 of lane 0: ")


def test_all_findings_come_at_once_errors_first() -> None:
    app = shop(Queue("a-queue", concurrency=1), Queue("b-queue", timeout=1000), Queue("c-queue", cpu=1))
    assert [(finding.subject, finding.error) for finding in found(app)] == [
        ("queue 'a-queue'", True),
        ("queue 'b-queue'", True),
        ("queue 'c-queue'", False),
    ]


# Names


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (shop(Queue("mail"), app="a_b"), "CloudFormation takes no underscore"),
        (shop(Queue("mail"), app="a" * 40), "its bucket would be called"),
        (shop(Queue("mail"), app="xn--a"), "S3 keeps that beginning for itself"),
        (shop(Queue("q" * 40), app="a" * 25), "its function would be called"),
        (
            shop(Queue("mail", lanes=2), Queue("mail-lane1")),
            "called 'shop-prod-mail-lane1' on AWS, and so",
        ),
        (shop(Queue("dead-letters")), "and so would the stage's dead letters"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_name_that_aws_does_not_take_or_that_is_taken(app: App, message: str) -> None:
    assert any(message in finding.message for finding in errors(app)), errors(app)


def test_a_shorter_region_leaves_more_room() -> None:
    app = shop(Queue("mail"), app="a" * 32)
    assert "it a name of 30 characters" in errors(app)[0].cure
    assert errors(app, Settings(region="us-east-1")) == []


# Variables and secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEY", "x"),
        ("STRIPE_TOKEN", "abc"),
        ("PASSWORD", "hunter2"),
        ("db_password", "hunter2"),
        ("XX", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("XX", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"),
        ("XX", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"),
        ("XX", "postgres://shop:hunter2@db.example/shop"),
        ("XX", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("XX", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("XX", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ("XX", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x"),
    ],
)
def test_a_secret_in_plain_is_refused_and_never_shown(name: str, value: str) -> None:
    said = FunctionSettings(environment={name: value})
    (finding,) = errors(shop(Queue("mail")), Settings(everywhere=said))
    assert f"{name} looks like a secret" in finding.message
    assert f"[secrets] {name} = 'ssm:" in finding.cure
    assert value not in str(finding).replace(finding.cure, "") or value == "x"
    assert found(shop(Queue("mail")), Settings(everywhere=said._replace(plain=[name]))) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODE", "production"),
        ("CACHE_KEY", ""),
        ("TOKEN", "arn:aws:secretsmanager:eu-west-1:1:secret:x"),
        ("ENDPOINT", "https://api.example.com/v1/things?x=1"),
        ("RELEASE", "2027-01-01T00:00:00Z"),
        ("TENANT", "123e4567-e89b-12d3-a456-426614174000"),
        ("MODULE", "shop.settings.production_environment"),
        ("FEATURES", "search-in-photos,thumbnails,receipts-by-mail"),
        ("BUCKET", "shop-prod-uploads-123456789012-eu-west-1"),
        ("DATABASE", "postgres://db.example:5432/shop"),
        ("MAX_TOKENS", "512"),
        ("KEYS", "a,b"),
    ],
)
def test_what_only_resembles_a_secret_passes(name: str, value: str) -> None:
    settings = Settings(everywhere=FunctionSettings(environment={name: value}))
    assert found(shop(Queue("mail")), settings) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("EBBTIDE_BROKER", "is set by the template itself"),
        ("AWS_REGION", "is set by Lambda"),
        ("_HANDLER", "no name for a variable"),
        ("A-B", "no name for a variable"),
        ("LAMBDA_TASK_ROOT", "is set by Lambda"),
    ],
)
def test_a_variable_that_cannot_be_set_is_refused(name: str, message: str) -> None:
    (finding,) = errors(shop(Queue("mail")), Settings(everywhere=FunctionSettings(environment={name: "1"})))
    assert message in finding.message


def test_the_handlers_own_variables_may_be_set() -> None:
    said = FunctionSettings(environment={"EBBTIDE_THREADS": "4"})
    assert found(shop(Queue("mail")), Settings(everywhere=said)) == []


def test_too_many_variables_are_refused() -> None:
    said = FunctionSettings(environment={f"V{number}": "word " * 20 for number in range(50)})
    (finding,) = errors(shop(Queue("mail")), Settings(everywhere=said))
    assert "Lambda takes 4,096" in finding.message


def test_a_secret_is_told_on_its_line_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "ebbtide.toml").write_text(
        '[environment]\nMODE = "a"\n[queue.mail.stage.prod]\nenvironment.KEY = "b"\n'
    )
    app = shop(Queue("mail"))
    (finding,) = errors(app, settings_of(app, "prod", tmp_path))
    assert (finding.file, finding.line, finding.subject) == ("ebbtide.toml", 4, "queue 'mail'")


# Routes


def web(*routes: Http, timeout: float = 10) -> App:
    app = App("shop", queues=[Queue("web", timeout=timeout)])
    for number, route in enumerate(routes):
        app.task(route, queue="web", name=f"task{number}")(_work)
    return app


def test_a_route_must_say_who_may_call_it() -> None:
    (finding,) = errors(web(Http("GET", "/a")))
    assert finding.subject == "task 'task0'"
    assert finding.message == "GET /a does not say who may call it"
    assert "authorization='public' if anybody may" in finding.cure
    assert found(web(Http("GET", "/a", authorization="public"), Http("GET", "/b", authorization="iam"))) == []


def test_an_authorizer_must_be_one_of_the_settings() -> None:
    app = web(Http("GET", "/a", authorization="user"))
    users = Api(authorizers={"users": {"issuer": "https://x", "audience": ["a"]}})
    (finding,) = errors(app, Settings(api=users))
    assert "no such authorizer. Did you mean 'users'?" in finding.message
    assert found(web(Http("GET", "/a", authorization="users")), Settings(api=users)) == []


def test_who_may_read_results_must_be_clear() -> None:
    app = web(
        Http("POST", "/a", asynchronous=True, authorization="public"),
        Http("POST", "/b", asynchronous=True, authorization="iam"),
    )
    (finding,) = errors(app)
    assert "not said who may read results" in finding.message
    assert found(app, Settings(api=Api(results="iam"))) == []
    assert "no authorizer 'imm'. Did you mean 'iam'?" in errors(app, Settings(api=Api(results="imm")))[0].message


@pytest.mark.parametrize(
    ("api", "message"),
    [
        (Api(authorizers={"iam": {"issuer": "https://x", "audience": ["a"]}}), "cannot be called 'iam'"),
        (Api(cors={"origins": ["*"], "credentials": True}), "takes no credentials from any origin"),
    ],
)
def test_what_api_gateway_would_not_take_or_take_otherwise(api: Api, message: str) -> None:
    (finding,) = errors(web(Http("GET", "/a", authorization="iam")), Settings(api=api))
    assert message in finding.message


def test_a_route_that_waits_longer_than_api_gateway_is_a_warning() -> None:
    (finding,) = found(web(Http("GET", "/a", authorization="iam"), timeout=31))
    assert not finding.error
    assert "API Gateway waits 30 seconds" in finding.message
    assert found(web(Http("GET", "/a", authorization="iam", asynchronous=True), timeout=31)) == []


# What is passed through


def passed(properties: Json, app: App | None = None) -> list[Finding]:
    return errors(
        app or shop(Queue("mail")), Settings(resources={id: {"Properties": said} for id, said in properties.items()})
    )


@pytest.mark.parametrize(
    ("id", "properties", "message"),
    [
        ("MailQueue", {"VisibilityTimeout": 700}, "on loan for 700 seconds, less than six times its function's 122"),
        ("MailFunction", {"Timeout": 901}, "Timeout is 901; AWS takes 1 to 900 seconds"),
        ("MailQueue", {"DelaySeconds": 901}, "DelaySeconds is 901; AWS takes 0 to 900 seconds"),
        ("MailQueue", {"VisibilityTimeout": 43_201}, "AWS takes 0 to 43,200 seconds"),
        ("MailQueue", {"MessageRetentionPeriod": 1_209_601}, "AWS takes 60 to 1,209,600 seconds"),
        ("MailFunction", {"MemorySize": 64}, "AWS takes 128 to 10,240 MB"),
        ("MailFunction", {"EphemeralStorage": {"Size": 100}}, "AWS takes 512 to 10,240 MB"),
        ("MailQueueMapping", {"ScalingConfig": {"MaximumConcurrency": 1}}, "AWS takes 2 to 1,000 invocations"),
    ],
)
def test_a_number_that_aws_refuses_is_found_wherever_it_comes_from(id: str, properties: Json, message: str) -> None:
    told = passed({id: properties})
    assert any(message in finding.message for finding in told), told


def test_a_limit_of_concurrency_and_provisioned_pollers_exclude_each_other() -> None:
    pollers = {"MailQueueMapping": {"ProvisionedPollerConfig": {"MinimumPollers": 2}}}
    assert passed(pollers) == []
    (finding,) = passed(pollers, shop(Queue("mail", concurrency=5)))
    assert "not both" in finding.message


def test_a_schedule_needs_a_fifo_queue_to_take_what_it_sends() -> None:
    app = shop(Queue("mail", fifo=True))
    app.task(Schedule("rate(1 hour)"), queue="mail", name="tick")(_work)
    assert found(app) == []
    (finding,) = passed({"MailQueue": {"ContentBasedDeduplication": False}}, app)
    assert "without content-based deduplication" in finding.message

    class Careless(Trigger):
        def check(self, task: str, parameters: Any) -> None: ...

        def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
            return [], {}

        def asks(self, target: Target) -> Asked:
            to = {"Arn": {"Fn::GetAtt": [target.queue, "Arn"]}}
            return Asked({"Careless": {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": to}}})

    app.task(Careless(), queue="mail", name="careless")(_work)
    (finding,) = errors(app)
    assert (finding.subject, "without a message group" in finding.message) == ("task 'careless'", True)


def test_more_than_500_resources_are_refused() -> None:
    resources, outputs = errors(shop(*(Queue(f"queue{number}") for number in range(80))))
    assert "CloudFormation takes 500; 80 functions and 81 queues" in resources.message
    assert "CloudFormation takes 200" in outputs.message


def test_a_role_whose_policy_is_too_long_is_refused() -> None:
    app = shop(Queue("mail", lanes=100), Queue("other-mail", lanes=10), app="a-rather-long-name-of-an-app")
    told = errors(app)
    assert any("IAM takes 10,240" in finding.message for finding in told), told


def test_a_resource_of_the_users_own_may_be_as_it_likes_and_is_warned_of() -> None:
    open_bucket: Json = {"Mine": {"Type": "AWS::S3::Bucket", "Properties": {}}}
    told = found(shop(Queue("mail")), Settings(resources=open_bucket))
    assert told
    assert not any(finding.error for finding in told)
    assert any("Mine is not encrypted and private (T15)" in finding.message for finding in told)


def test_more_layers_than_a_function_may_have_are_refused() -> None:
    layers = [f"arn:aws:lambda:eu-west-1:123456789012:layer:x:{number}" for number in range(6)]
    many = Settings(queues={"mail": FunctionSettings(layers=layers)})
    assert any("it names 6 layers; AWS takes 5" in told.message for told in errors(shop(Queue("mail")), many))
    few = Settings(queues={"mail": FunctionSettings(layers=layers[:5])})
    assert errors(shop(Queue("mail")), few) == []


def test_a_resource_without_a_type_names_the_nearest_one_there_is() -> None:
    typo: Json = {"MailQueuAge": {"Properties": {"Threshold": 600}}}
    (told,) = found(shop(Queue("mail")), Settings(resources=typo))
    assert told.error
    assert "resource 'MailQueuAge' has no Type" in told.message
    assert "Did you mean 'MailQueueAge'?" in told.message


def test_what_stands_nowhere_is_told_without_a_place() -> None:
    (told,) = found(App("shop"))
    assert str(told) == "app 'shop': it has no tasks; declare one with @app.task"


def test_a_policy_by_a_wildcard_is_warned_of() -> None:
    wide = FunctionSettings(policies=[{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])
    told = warnings(shop(Queue("mail")), Settings(queues={"mail": wide}))
    assert {finding.message.rsplit("(")[-1] for finding in told} == {"T3)", "T4)"}


def test_what_the_settings_pass_through_is_told_on_its_line(tmp_path: Path) -> None:
    text = """
    [queue.mail]
    managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    [[queue.mail.policies]]
    Effect = "Allow"
    Action = "s3:*"
    Resource = "arn:aws:s3:::x/*"
    [queue.mail.queue_properties]
    DelaySeconds = 1000
    [resources.Mine]
    Type = "AWS::S3::Bucket"
    """
    (tmp_path / "ebbtide.toml").write_text(dedent(text))
    app = shop(Queue("mail"))
    told = found(app, settings_of(app, "prod", tmp_path))
    assert ("ebbtide.toml", 9, True) in [(one.file, one.line, one.error) for one in told]
    (tmp_path / "ebbtide.toml").write_text(dedent(text).replace("1000", "10"))
    told = found(app, settings_of(app, "prod", tmp_path))
    assert {(one.line, one.message.rpartition(" (")[2]) for one in told} >= {(3, "T2)"), (4, "T3)"), (10, "T15)")}


def test_a_known_secret_anywhere_in_the_template_is_warned_of() -> None:
    mine: Json = {"Mine": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "ghp_" + "x" * 36}}}
    (finding,) = found(shop(Queue("mail")), Settings(resources=mine))
    assert "looks like a secret" in finding.message
    assert "ghp_x" not in str(finding)


def test_an_app_without_tasks_is_refused() -> None:
    (finding,) = errors(App("shop"))
    assert finding.message == "it has no tasks"


def test_the_richest_app_has_no_finding_at_all() -> None:
    assert found(rich.app(), rich.settings()) == []
