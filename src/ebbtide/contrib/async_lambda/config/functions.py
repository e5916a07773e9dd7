"""What one function is told: all levels in one, in the words of our settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebbtide.contrib.async_lambda.config.levels import Level, deep, nearest_of
from ebbtide.contrib.async_lambda.config.policies import sorted_out
from ebbtide.contrib.async_lambda.config.tags import tags
from ebbtide.deploy.settings import FunctionSettings
from ebbtide.deploy.settings.kinds import Wrong

Json = dict[str, Any]

_LEVELS = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}
"""Lambda's words for levels, where ours differ."""


def wrong_function(levels: Sequence[Level], said: Mapping[str, Any]) -> Iterator[Wrong]:
    """What Lambda would refuse only while it is deployed. said: all levels in one."""
    if bool(said.get("subnet_ids")) != bool(said.get("security_group_ids")):
        there, missing = ("subnet_ids", "security_group_ids")[:: 1 if said.get("subnet_ids") else -1]
        yield Wrong(nearest_of(levels, there), f"{there} needs {missing}: Lambda takes both or none")
    logging = said.get("logging_config", {})
    if logging.get("LogFormat") != "JSON":
        for name in ("ApplicationLogLevel", "SystemLogLevel"):
            if name in logging:
                path = (*nearest_of(levels, "logging_config"), name)
                yield Wrong(path, f'{name} needs "LogFormat": "JSON": Lambda filters no plain text')
    if said.get("layers") and "image_uri" in said:
        yield Wrong(nearest_of(levels, "layers"), "a container image has no layers; put them into the image")


def function(said: Mapping[str, Any], properties: Mapping[str, Any]) -> FunctionSettings:
    """The settings of one function. properties: of its `AWS::Serverless::Function`, as its task was declared."""
    logging, policies = said.get("logging_config", {}), sorted_out(said.get("policies", ()))
    variables = said.get("environment_variables", {})
    logs = {"LoggingConfig": logging} if logging else {}
    vpc = {"subnets": said.get("subnet_ids", []), "security_groups": said.get("security_group_ids", [])}
    return FunctionSettings(
        environment=variables,
        plain=list(variables),  # async-lambda has no other place for them
        tags=tags(said),
        layers=said.get("layers", []),
        vpc=vpc if any(vpc.values()) else {},
        policies=[*_log(logging), *policies.statements],
        managed_policies=policies.managed,
        properties=deep([properties, logs, said.get("function_properties", {})]),
        queue_properties=said.get("queue_properties", {}),
        log_level=_level(logging.get("ApplicationLogLevel", "INFO")),
    )


def _log(logging: Mapping[str, Any]) -> list[Json]:
    """That the function may write to a log group of the user's choice; Lambda makes it if it is not there."""
    group = logging.get("LogGroup")
    if group is None:
        return []
    arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}"
    return [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [{"Fn::Sub": [f"{arn}{end}", {"Group": group}]} for end in ("", ":*")],
        }
    ]


def _level(name: str) -> str:
    return _LEVELS.get(name, name)
