"""An app of async-lambda's with one of everything, and its `.async_lambda/config.json`, as settings and a template."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.contrib.async_lambda.config.shop import write
from tests.deploy.template.rich import ACCOUNT, REGION

from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.settings import settings_of
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template

Json = dict[str, Any]

ARCHIVE = Artefacts(Path("deployment.zip"), None, "x86_64", "python3.13")
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders/stream/2027-01-01T00:00:00.000"
ALARMS = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
LENGTH = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["$QUEUEID", "QueueName"]}}],
    "Statistic": "Maximum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 100,
    "ComparisonOperator": "GreaterThanThreshold",
}
CONFIG: Json = {
    "environment_variables": {"MODE": "prod"},
    "policies": [
        {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/a.b"}
    ],
    "layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:fonts:3"],
    "subnet_ids": ["subnet-0123456789abcdef0"],
    "security_group_ids": ["sg-0123456789abcdef0"],
    "tags": {"team": "photos", "framework": "mine"},
    "logging_config": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
    "managed_queue_extras": [
        {"Type": "AWS::CloudWatch::Alarm", "Properties": LENGTH},
        {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": {"Fn::Sub": "ALARM(${$EXTRA0})"}}},
    ],
    "queue_age_alarm": {"threshold": 600, "alarm_actions": [ALARMS], "ok_actions": [ALARMS]},
    "stages": {
        "prod": {
            "domain_name": "api.shop.example",
            "tls_version": "TLS_1_2",
            "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
            "auto_create_acm_certificate": True,
            "method_settings": [{"ResourcePath": "/orders/{id}", "HttpMethod": "GET", "ThrottlingBurstLimit": 3}],
        }
    },
    "tasks": {"Place": {"environment_variables": {"OWN": "1"}, "tags": {"team": "till"}}},
}


def app() -> DoorApp:
    """A task of each of the seven kinds, lanes, dead letters, an external task, payloads that are removed."""
    config.name, config.runtime = "shop", "python3.13"
    made = AsyncLambdaController(lane_count=2, delete_s3_payloads=True)
    made.async_task("Letters", is_dlq_task=True, lane_count=1)(nothing)
    made.set_dlq_task_id("Letters")
    made.async_task("Place", max_receive_count=3, maximum_concurrency=[10, 2], timeout=30, memory=1024)(nothing)
    made.async_task("Long", timeout=900, ephemeral_storage=2048)(nothing)
    made.async_batch_task("Count")(nothing)
    made.scheduled_task("Tick", schedule_expression="cron(0 9 ? * MON-FRI *)")(nothing)
    made.api_task("Show", path="/orders/{id}", method="get", timeout=20)(nothing)
    made.api_task("Rest", path="/{proxy+}", method="ANY", timeout=20)(nothing)
    made.dynamodb_task("Changed", stream_arn=STREAM, batch_size=10)(nothing)
    made.sqs_task("Sold", queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:till", maximum_concurrency=5)(nothing)
    made.pure_task("Pure")(nothing)
    made.add_external_task("till-Book")
    core = made.app()
    config.reset()
    return core


def nothing(event: Any) -> None: ...


def settings(core: DoorApp, said: Json = CONFIG) -> Settings:
    """What the file says of prod."""
    with TemporaryDirectory(prefix="shop-") as folder:
        return settings_of(core, "prod", write(Path(folder), said))


def made(said: Json = CONFIG) -> Json:
    """The template."""
    core = app()
    return template(core, "shop:app", "prod", settings(core, said), ARCHIVE)
