"""The functions of a template: one for each queue, with its role, its log group, and a mapping from each lane."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ebbtide.deploy.settings import FunctionSettings
from ebbtide.deploy.settings.merge import merge
from ebbtide.deploy.template.ids import dead_letters_id, function_id, mapping_id, queue_id, role_id
from ebbtide.deploy.template.logical import logical
from ebbtide.deploy.template.permissions import statements
from ebbtide.deploy.template.plan import (
    DEPENDENCIES,
    GOES,
    Json,
    Plan,
    arn,
    batch_size,
    function_timeout,
    policy,
    resource,
)
from ebbtide.queue import Queue

HANDLER = "ebbtide.on_lambda.entry.handler"


def functions(plan: Plan, asked: Mapping[str, Sequence[Json]], told: Mapping[str, Json]) -> dict[str, Json]:
    """All functions and what belongs to them, and the layer they share. asked: statements by queue; told: variables
    that triggers ask for, by queue."""
    made = _layer(plan)
    for queue in plan.on_lambda:
        made |= _function(plan, queue, asked.get(queue.name, ()), told.get(queue.name, {}))
    return made


def _function(plan: Plan, queue: Queue, asked: Sequence[Json], told: Json) -> dict[str, Json]:
    about, said = {"queue": queue.name}, plan.of(queue)
    function, role, log = function_id(plan.place, queue), role_id(plan.place, queue), f"{logical(queue.name)}Log"
    made = {
        log: resource(
            "AWS::Logs::LogGroup",
            {
                "LogGroupName": plan.place.log_group(queue),
                "RetentionInDays": said.log_retention,
                **plan.with_key("KmsKeyId"),
                "Tags": plan.tag_list(said.tags),
            },
            about,
            **GOES,
        ),
        role: resource("AWS::IAM::Role", _role(plan, said, statements(plan, queue, log, asked)), about),
        function: resource(
            "AWS::Serverless::Function",
            merge(_properties(plan, queue, said, role, log, told), dict(said.properties)),
            about,
        ),
    }
    image = plan.artefacts.image
    if image and not image.uri:  # where `sam build` finds what to make it of
        context = {"Dockerfile": image.dockerfile, "DockerContext": image.folder.as_posix(), "DockerTag": image.tag}
        made[function]["Metadata"] |= context
    return made | {mapping_id(plan.place, queue, lane): _mapping(plan, queue, lane) for lane in range(queue.lanes)}


def _role(plan: Plan, said: FunctionSettings, may: Sequence[Json]) -> Json:
    lambda_assumes = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "AssumeRolePolicyDocument": policy([lambda_assumes]),
        "Policies": [{"PolicyName": "tasks", "PolicyDocument": policy(may)}],
        **({"ManagedPolicyArns": list(said.managed_policies)} if said.managed_policies else {}),
        "Tags": plan.tag_list(said.tags),
    }


def _properties(plan: Plan, queue: Queue, said: FunctionSettings, role: str, log: str, told: Json) -> Json:
    vpc = {
        "SubnetIds": list(said.vpc.get("subnets", ())),
        "SecurityGroupIds": list(said.vpc.get("security_groups", ())),
    }
    return {
        "FunctionName": plan.place.function(queue),
        "Description": f"Ebbtide: queue {queue.name} of {plan.place.app}, stage {plan.place.stage}",
        **_code(plan, said),
        "Architectures": [plan.artefacts.architecture],
        "MemorySize": queue.memory,
        "Timeout": function_timeout(plan.app, queue),
        "Role": arn(role),
        "LoggingConfig": {"LogGroup": {"Ref": log}},
        "Environment": {"Variables": {**_environment(plan, queue, said), **told}},
        **plan.with_key("KmsKeyArn"),
        # For whoever calls the function asynchronously; what comes by a queue is set aside with its reason, by us.
        "DeadLetterQueue": {"Type": "SQS", "TargetArn": arn(dead_letters_id(plan.place, fifo=False))},
        # AWS would stop a chain of tasks after about 16 without a word; ours stops loops, and names their path.
        "RecursiveLoop": "Allow",
        **({"VpcConfig": vpc} if said.vpc else {}),
        "Tags": plan.tags(said.tags),
    }


def _code(plan: Plan, said: FunctionSettings) -> Json:
    made = plan.artefacts
    if made.image and made.image.uri:  # whoever made it may have had another handler in mind
        return {"PackageType": "Image", "ImageUri": made.image.uri, "ImageConfig": {"Command": [HANDLER]}}
    if made.image:
        return {"PackageType": "Image", "ImageUri": f"{plan.place.prefix.lower()}:{made.image.tag}"}
    layers = [*([{"Ref": DEPENDENCIES}] if made.dependencies else []), *said.layers]
    return {
        "CodeUri": made.code.as_posix(),
        "Handler": HANDLER,
        "Runtime": made.runtime,
        **({"Layers": layers} if layers else {}),
    }


def _environment(plan: Plan, queue: Queue, said: FunctionSettings) -> Json:
    ours = {
        "EBBTIDE_TARGET": plan.target,
        "EBBTIDE_QUEUE": queue.name,
        "EBBTIDE_STAGE": plan.place.stage,
        "EBBTIDE_BROKER": f"sqs://{plan.place.stage}?mapped=1",
        "EBBTIDE_LOG": said.log_level,
        **({"EBBTIDE_METRICS": "1"} if said.metrics else {}),
        **({"EBBTIDE_SECRETS": json.dumps(dict(said.secrets), sort_keys=True)} if said.secrets else {}),
    }
    return {**said.environment, **ours}


def _layer(plan: Plan) -> dict[str, Json]:
    made = plan.artefacts
    if made.image or not made.dependencies:
        return {}
    properties = {
        "LayerName": f"{plan.place.prefix}-dependencies",
        "ContentUri": made.dependencies.as_posix(),
        "CompatibleRuntimes": [made.runtime],
        "CompatibleArchitectures": [made.architecture],
        "RetentionPolicy": "Delete",
    }
    return {DEPENDENCIES: resource("AWS::Serverless::LayerVersion", properties)}


def _mapping(plan: Plan, queue: Queue, lane: int) -> Json:
    limit = queue.limit(lane)
    properties: Json = {
        "EventSourceArn": arn(queue_id(plan.place, queue, lane)),
        "FunctionName": {"Ref": function_id(plan.place, queue)},
        "BatchSize": batch_size(plan.app, queue),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "Enabled": True,
    }
    if queue.batch_window:
        properties["MaximumBatchingWindowInSeconds"] = round(queue.batch_window)
    if limit is not None:
        properties["ScalingConfig"] = {"MaximumConcurrency": limit}
    return resource("AWS::Lambda::EventSourceMapping", properties, {"queue": queue.name})
