"""What every template promises of what it makes, T1 and T11 to T20: closed, encrypted, watched; it fits together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide.deploy.checks.limits import MOST_OUTPUTS, MOST_RESOURCES, at
from ebbtide.deploy.checks.promise import Broken, Stage
from ebbtide.deploy.checks.view import FUNCTIONS, PSEUDO, listed, ref, statements, text
from ebbtide.deploy.template.ids import dead_letters_id
from ebbtide.deploy.template.plan import TABLE

QUEUE, FIFTEEN_DAYS = "AWS::SQS::Queue", 14 * 86_400
NAMED = ("QueueName", "FunctionName", "TableName", "BucketName", "RoleName", "LogGroupName", "TopicName", "LayerName")
PRIVATE = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def names_and_shape(stage: Stage) -> Iterator[Broken]:
    """T1: every name carries app and stage, every reference leads somewhere, and CloudFormation has room for it all."""
    view = stage.view
    carried = {"${aws::stackname}", *(mark.lower().replace("_", "-") for mark in stage.place.marks)}
    for id, made in view.resources.items():
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", id, re.ASCII):
            yield Broken(id, "is no logical id")
        for name in NAMED:
            said = made.get("Properties", {}).get(name)
            if said is not None and ref(said) is None and not any(one in _plain(said) for one in carried):
                yield Broken(id, f"{name} {text(said)!r} does not carry app and stage")
    known = {*view.resources, *view.template.get("Parameters", {}), *(f"AWS::{name}" for name in PSEUDO)}
    for id, to in view.references():
        if to not in known:
            yield Broken(id, f"refers to {to!r}, which is nowhere")
    if len(view.resources) > MOST_RESOURCES or len(view.template.get("Outputs", {})) > MOST_OUTPUTS:
        yield Broken("", f"{len(view.resources)} resources, {len(view.template.get('Outputs', {}))} outputs")


def queues_closed(stage: Stage) -> Iterator[Broken]:
    """T11: every queue is encrypted, and refuses whoever does not come by TLS; nobody else's account may use it."""
    policies = {ref(queue): said for _, said in stage.view.of("AWS::SQS::QueuePolicy") for queue in said["Queues"]}
    for id, said in stage.view.of(QUEUE):
        if said.get("SqsManagedSseEnabled") is not True and not said.get("KmsMasterKeyId"):
            yield Broken(id, "is not encrypted")
        document = policies.get(id, {}).get("PolicyDocument", {})
        if not _only_by_tls(document, "sqs:*"):
            yield Broken(id, "can be used without TLS")
        for allowed in statements(document):
            bound = {key for test in allowed.get("Condition", {}).values() for key in test}
            if allowed["Effect"] == "Allow" and not bound & {"aws:SourceArn", "aws:SourceAccount"}:
                yield Broken(id, f"lets {allowed.get('Principal')} in whatever they come for")


def dead_letters(stage: Stage) -> Iterator[Broken]:
    """T12: what is received too often goes to the dead letters of its kind, which are kept as long as SQS can."""
    for id, said in stage.view.of(QUEUE):
        redrive = said.get("RedrivePolicy")
        if id in _letters(stage):
            if said.get("MessageRetentionPeriod") != FIFTEEN_DAYS:
                yield Broken(id, "does not keep its letters for 14 days")
            continue
        to = ref((redrive or {}).get("deadLetterTargetArn"))  # None for a queue that another system has
        fifo = bool(stage.view.properties(to).get("FifoQueue")) if to else bool(said.get("FifoQueue"))
        if not redrive or fifo != bool(said.get("FifoQueue")):
            yield Broken(id, "has no dead letters of its kind")
        elif not 1 <= redrive.get("maxReceiveCount", 0) <= 1000:
            yield Broken(id, f"gives up after {redrive.get('maxReceiveCount')} receives")


def loans(stage: Stage) -> Iterator[Broken]:
    """T13: messages are on loan for six times their function's time limit, and no longer than SQS allows."""
    for id, said in stage.view.of(*FUNCTIONS):
        for _, mapping in stage.view.mappings(id):
            queue = ref(mapping["EventSourceArn"])
            loan = stage.view.properties(queue).get("VisibilityTimeout", 30)
            if stage.view.kind(queue) == QUEUE and not 6 * said.get("Timeout", 3) <= loan <= 43_200:
                yield Broken(str(queue), f"lends for {loan} s to a function of {said.get('Timeout')} s")


def mappings(stage: Stage) -> Iterator[Broken]:
    """T14: every mapping reports failures one by one, and is one that Lambda takes."""
    for id, said in stage.view.of("AWS::Lambda::EventSourceMapping"):
        fifo = bool(stage.view.properties(ref(said["EventSourceArn"])).get("FifoQueue"))
        window, limit = said.get("MaximumBatchingWindowInSeconds", 0), at(said, "ScalingConfig.MaximumConcurrency")
        if "ReportBatchItemFailures" not in said.get("FunctionResponseTypes", ()):
            yield Broken(id, "fails a batch for one record")
        if fifo and (window or said["BatchSize"] > 10):
            yield Broken(id, "asks for more than a FIFO queue gives")
        streams = "StartingPosition" in said
        if not fifo and not streams and said["BatchSize"] > 10 and window < 1:
            yield Broken(id, "has batches over 10 without a window")
        if limit is not None and not 2 <= limit <= 1000:
            yield Broken(id, f"has concurrency {limit}")


def buckets(stage: Stage) -> Iterator[Broken]:
    """T15: buckets are encrypted, private, their owner's alone, cleaned up, and refuse whoever comes without TLS."""
    policies = {ref(said["Bucket"]): said["PolicyDocument"] for _, said in stage.view.of("AWS::S3::BucketPolicy")}
    for id, said in stage.view.of("AWS::S3::Bucket"):
        private = said.get("PublicAccessBlockConfiguration", {})
        if not said.get("BucketEncryption") or not all(private.get(name) is True for name in PRIVATE):
            yield Broken(id, "is not encrypted and private")
        if at(said, "OwnershipControls.Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield Broken(id, "lets objects have other owners")
        if not at(said, "LifecycleConfiguration.Rules"):
            yield Broken(id, "is never cleaned up")
        if not _only_by_tls(policies.get(id, {}), "s3:*"):
            yield Broken(id, "can be used without TLS")


def tables(stage: Stage) -> Iterator[Broken]:
    """T16: tables are encrypted; the stage's own costs nothing idle, and forgets."""
    for id, said in stage.view.of("AWS::DynamoDB::Table"):
        if at(said, "SSESpecification.SSEEnabled") is not True:
            yield Broken(id, "is not encrypted")
        if id == TABLE and said.get("BillingMode") != "PAY_PER_REQUEST":
            yield Broken(id, "costs without being used")
        if id == TABLE and at(said, "TimeToLiveSpecification.Enabled") is not True:
            yield Broken(id, "never forgets")


def functions(stage: Stage) -> Iterator[Broken]:
    """T17: every function has a role and a log group of its own, which forgets; and AWS lets long chains run."""
    roles = [ref(said.get("Role")) for _, said in stage.view.of(*FUNCTIONS)]
    for id, said in stage.view.of(*FUNCTIONS):
        log = ref(at(said, "LoggingConfig.LogGroup"))
        if stage.view.kind(log) != "AWS::Logs::LogGroup":
            yield Broken(id, "logs into a group that is none of the stage's")
        if roles.count(ref(said.get("Role"))) != 1 or ref(said.get("Role")) not in stage.view.resources:
            yield Broken(id, "has no role of its own")
        if said.get("RecursiveLoop") != "Allow":
            yield Broken(id, "would be stopped by AWS after 16 hops")
    for id, said in stage.view.of("AWS::Logs::LogGroup"):
        if not said.get("RetentionInDays"):
            yield Broken(id, "keeps its lines for ever")


def alarms(stage: Stage) -> Iterator[Broken]:
    """T18: an alarm on dead letters, and on the age of what waits in every lane."""
    watched = {
        (ref(said["Dimensions"][0]["Value"]), said["MetricName"])
        for _, said in stage.view.of("AWS::CloudWatch::Alarm")
        if said.get("Dimensions")
    }
    for id, _ in stage.view.of(QUEUE):
        metric = "NumberOfMessagesVisible" if id in _letters(stage) else "AgeOfOldestMessage"
        if (id, f"Approximate{metric}") not in watched:
            yield Broken(id, f"nobody is told of its {metric}")


def tags(stage: Stage) -> Iterator[Broken]:
    """T19: what carries tags says application, environment and framework, and says the truth."""
    ours = {"application": stage.place.app, "environment": stage.place.stage, "framework": "ebbtide"}
    for id, made in stage.view.resources.items():
        said = made.get("Properties", {}).get("Tags")
        if said is None:
            continue
        pairs = said if isinstance(said, Mapping) else {tag["Key"]: tag["Value"] for tag in said}
        count = len(said) if isinstance(said, Mapping) else len({tag["Key"] for tag in said})
        if {key: pairs.get(key) for key in ours} != ours or count != len(said):
            yield Broken(id, f"is tagged {said}")


def routes(stage: Stage) -> Iterator[Broken]:
    """T20: no route is open that nobody called public, and a function is called by this API alone."""
    for id, said in stage.view.of("AWS::ApiGatewayV2::Route"):
        kind = said.get("AuthorizationType", "NONE")
        if kind == "NONE" and said["RouteKey"] not in stage.public:
            yield Broken(id, f"{said['RouteKey']} can be called by anybody")
        if kind == "JWT" and stage.view.kind(ref(said.get("AuthorizerId"))) != "AWS::ApiGatewayV2::Authorizer":
            yield Broken(id, f"{said['RouteKey']} names no authorizer")
    for id, said in stage.view.of("AWS::Lambda::Permission"):
        if said["Principal"] == "*" or not said.get("SourceArn"):
            yield Broken(id, f"lets {said['Principal']} call {said['FunctionName']} from anywhere")


def _letters(stage: Stage) -> set[str]:
    return {dead_letters_id(stage.place, fifo) for fifo in (False, True)}


def _only_by_tls(document: Mapping[str, Any], action: str) -> bool:
    return any(
        said["Effect"] == "Deny"
        and said.get("Principal") == "*"
        and said["Action"] == [action]
        and at(said, "Condition.Bool") == {"aws:SecureTransport": "false"}
        for said in statements(document)
    )


def _plain(said: Any) -> str:
    return " ".join(map(text, listed(said))).lower().replace("_", "-")
