"""X4: every template keeps twenty promises: of the examples, and of apps drawn at random with hostile names.

T1 names carry app and stage; every reference leads somewhere; within 500 resources and 200 outputs
T2 no managed policy, and nothing that lets SAM attach one
T3 no action by a wildcard
T4 no resource by a wildcard, but where IAM knows none
T5 a function receives from its own queues alone
T6 a function and the scheduler send to this stage's queues alone
T7 of the table, its own queue's ledger, and keys, results and storm counters
T8 of the bucket, the prefixes of big bodies
T9 one role can be passed on, to the scheduler alone
T10 roles are taken on by Lambda, and by the scheduler for this stage's schedules
T11 queues are encrypted, refuse whoever comes without TLS, and let no service in without its source
T12 every queue has dead letters of its kind, kept for 14 days
T13 a loan lasts six times the function's time limit, and twelve hours at most
T14 every mapping reports failures one by one, and is one that Lambda takes
T15 buckets are encrypted, private, their owner's alone, cleaned up, and refuse whoever comes without TLS
T16 tables are encrypted; the stage's own costs nothing idle and forgets
T17 every function has a role and a log group of its own, which forgets; AWS does not stop its chains
T18 alarms on dead letters and on the age of what waits in every lane
T19 tags say application, environment and framework, and say the truth
T20 no route is open that nobody called public, and functions are called by this API alone

They are asked of the template as written, and of some again after SAM's own translation. A fault "T7" plants a breach
of that promise into every template.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.bar.row import Draw, Figure, Miss, Row
from tests.deploy.template import rich
from tests.deploy.template.examples import Example, examples
from tests.deploy.template.translated import translated

from ebbtide.app import App
from ebbtide.deploy.checks import findings
from ebbtide.deploy.checks.promise import Stage
from ebbtide.deploy.checks.safe import PROMISES, broken
from ebbtide.deploy.checks.view import View
from ebbtide.deploy.settings import FunctionSettings, Settings
from ebbtide.deploy.template import template
from ebbtide.deploy.template.api import public_routes
from ebbtide.deploy.template.plan import Plan
from ebbtide.errors import DeclarationError
from ebbtide.physical import Place
from ebbtide.queue import Queue
from ebbtide.trigger import Trigger
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.http import Http
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.topic import Topic

Json = dict[str, Any]

# Drawing apps

_PIECES = ("queue", "Queue", "lane1", "task0", "stage", "Stage", "a", "A", "x", "role", "bucket", "dead-letters", "0")
HOSTILE = (
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,39}", fullmatch=True)
    | st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map(lambda pieces: "q" + "-".join(pieces)[:39])
    | st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map(lambda pieces: "_".join(["q", *pieces])[:40])
)
TRIGGERS: st.SearchStrategy[Trigger] = (
    st.sampled_from(["rate(5 minutes)", "cron(0 9 ? * MON-FRI *)"]).map(Schedule)
    | st.builds(
        Http,
        st.sampled_from(["GET", "POST"]),
        st.from_regex(r"/[a-z]{1,6}", fullmatch=True),
        asynchronous=st.booleans(),
        authorization=st.sampled_from(["public", "iam", "users"]),
    )
    | st.builds(Bucket, st.sampled_from(["uploads", "raw-data", "queue"]), prefix=st.sampled_from(["", "in/"]))
    | st.sampled_from(["orders", "paid"]).map(Topic)
)
QUEUES = st.builds(
    Queue,
    HOSTILE,
    timeout=st.sampled_from([0.5, 10, 60, 449, 450, 900]),
    lanes=st.integers(1, 3),
    concurrency=st.none() | st.integers(2, 1000),
    attempts=st.integers(1, 2000),
    fifo=st.booleans(),
    memory=st.sampled_from([128, 10_240]),
)


def _any(given: Any) -> Any:
    return given


_FUNCTIONS = st.fixed_dictionaries(  # builds() would invent the others, too
    {
        "tags": st.dictionaries(st.sampled_from(["application", "framework", "team"]), st.text(max_size=5)),
        "secrets": st.sampled_from([{}, {"KEY": "ssm:/a/b"}]),
        "vpc": st.sampled_from([{}, {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}]),
        "metrics": st.booleans(),
    }
).map(lambda given: FunctionSettings()._replace(**_any(given)))
SETTINGS = st.fixed_dictionaries(
    {
        "api": st.just(rich.settings().api),
        "alarms": st.none() | st.just(rich.settings().alarms),
        "everywhere": _FUNCTIONS,
    }
).map(lambda given: Settings()._replace(**_any(given)))
TASKS = st.lists(st.tuples(HOSTILE, st.integers(0, 3), st.lists(TRIGGERS, max_size=2)), min_size=1, max_size=5)


def drawn(name: str, queues: list[Queue], tasks: list[tuple[str, int, list[Trigger]]]) -> App:
    """The app of these parts; what an app refuses is left out."""
    app = App(name, queues={queue.name: queue for queue in queues}.values())
    for task, queue, triggers in tasks:
        with suppress(DeclarationError):
            app.task(*triggers, name=task, queue=queues[queue % len(queues)].name)(_work)
    return app


def _work(key: str = "", message: str = "") -> None: ...


# Planting breaches


def _of(made: Json, *kinds: str) -> list[Json]:
    return [one["Properties"] for one in made["Resources"].values() if one["Type"] in kinds]


def _allow(made: Json, action: str, resource: Any, **more: Any) -> None:
    for function in _of(made, "AWS::Serverless::Function"):
        role = made["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
        statement = {"Effect": "Allow", "Action": [action], "Resource": resource, **more}
        role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


def _set(kind: str, name: str, value: Any) -> Callable[[Json], None]:
    def plant(made: Json) -> None:
        for properties in _of(made, kind):
            properties[name] = value

    return plant


def _open_route(made: Json) -> None:
    route = {"ApiId": "a", "RouteKey": "GET /planted", "AuthorizationType": "NONE"}
    made["Resources"]["Planted"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}


def _stolen_tag(made: Json) -> None:
    for function in _of(made, "AWS::Serverless::Function"):
        function["Tags"]["framework"] = "mine"


ANOTHER = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:other"}
FAULTS: dict[str, Callable[[Json], None]] = {
    "T1": _set("AWS::SQS::Queue", "QueueName", "mine"),
    "T2": _set("AWS::IAM::Role", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    "T3": lambda made: _allow(made, "s3:Get*", "arn:aws:s3:::x/y"),
    "T4": lambda made: _allow(made, "sqs:ListQueues", "*"),
    "T5": lambda made: _allow(made, "sqs:ReceiveMessage", ANOTHER),
    "T6": lambda made: _allow(made, "sqs:SendMessage", ANOTHER),
    "T7": lambda made: _allow(made, "dynamodb:UpdateItem", {"Fn::GetAtt": ["StageTable", "Arn"]}),
    "T8": lambda made: _allow(made, "s3:GetObject", {"Fn::Sub": "${StageBucket.Arn}/*"}),
    "T9": lambda made: _allow(made, "iam:PassRole", {"Fn::GetAtt": ["StageScheduler", "Arn"]}),
    "T10": _set("AWS::IAM::Role", "AssumeRolePolicyDocument", {"Statement": [{"Principal": {"AWS": "*"}}]}),
    "T11": _set("AWS::SQS::QueuePolicy", "PolicyDocument", {"Statement": []}),
    "T12": _set("AWS::SQS::Queue", "RedrivePolicy", None),
    "T13": _set("AWS::SQS::Queue", "VisibilityTimeout", 5),
    "T14": _set("AWS::Lambda::EventSourceMapping", "FunctionResponseTypes", []),
    "T15": _set("AWS::S3::Bucket", "PublicAccessBlockConfiguration", {}),
    "T16": _set("AWS::DynamoDB::Table", "SSESpecification", {}),
    "T17": _set("AWS::Logs::LogGroup", "RetentionInDays", None),
    "T18": _set("AWS::CloudWatch::Alarm", "MetricName", "Other"),
    "T19": _stolen_tag,
    "T20": _open_route,
}


# Judging


class Court:
    """Judges templates, a breach planted first if the row is told to."""

    def __init__(self, fault: str | None, every: int) -> None:
        self.fault, self.every = fault, every
        self.judged = self.translations = self.refused = 0
        self.misses: list[str] = []

    def judge(self, example: Example) -> None:
        made = template(example.app, example.target, "prod", example.settings, example.artefacts)
        self.judged += 1
        if self.fault:
            made = copy.deepcopy(made)
            FAULTS[self.fault](made)
        public = public_routes(
            Plan(example.app, example.target, Place(example.app.name, "prod"), example.settings, example.artefacts)
        )
        forms = {"as written": made}
        if self.judged % self.every == 0:
            self.translations += 1
            forms["translated"] = translated(made)
        for form, one in forms.items():
            stage = Stage(View(one), Place(example.app.name, "prod"), public)
            self.misses += [f"{example.name}, {form}: {number}: {id} {what}" for number, (id, what) in broken(stage)]


def run(draw: Draw) -> Iterator[Figure | Miss]:
    court = Court(draw.fault, draw.sizes["translate_every"])
    for example in examples():
        court.judge(example)
    of_examples = court.judged
    quiet = settings(
        max_examples=draw.sizes["apps"],
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(draw.seed)
    @quiet
    @given(HOSTILE, st.lists(QUEUES, min_size=1, max_size=4), TASKS, SETTINGS)
    def drawn_apps(name: str, queues: list[Queue], tasks: list[Any], said: Settings) -> None:
        app = drawn(name, queues, tasks)
        court.refused += any(finding.error for finding in findings(app, "prod", said))
        with suppress(DeclarationError):
            court.judge(Example(repr(name), "shop:app", app, said))

    drawn_apps()
    yield Figure("templates of examples", of_examples)
    yield Figure("templates of apps drawn at random", court.judged - of_examples)
    yield Figure("of these refused by the checks", court.refused)
    yield Figure("judged once more after SAM's translation", court.translations)
    yield Figure("promises", len(PROMISES))
    yield from map(Miss, court.misses)
    if court.judged - of_examples < 0.8 * draw.sizes["apps"]:
        yield Miss(f"only {court.judged - of_examples} apps made a template")


ROW = Row(
    "X4",
    "every template keeps twenty promises",
    run,
    quick={"apps": 40, "translate_every": 25},
    full={"apps": 500, "translate_every": 1},
    faults=tuple(FAULTS),
)

if __name__ == "__main__":
    ROW.main()
