"""What a stage is told beside its code, as frozen values: for the whole stage, and for one queue with its function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

Json = dict[str, Any]
_NONE: Mapping[str, Any] = MappingProxyType({})


class FunctionSettings(NamedTuple):
    """For the function of one queue, app, stage, queue and tasks merged.

    environment: plain variables. secrets: variable to reference, `ssm:/shop/key` or `secretsmanager:shop/db#password`.
    plain: variables that are no secrets, whatever they look like.
    layers: ARNs. vpc: `subnets` and `security_groups`, or empty. policies: IAM statements. managed_policies: ARNs of
    policies that the role has besides. properties: of the `AWS::Serverless::Function`; queue_properties: of each of its
    `AWS::SQS::Queue`s. log_retention: days.
    """

    environment: Mapping[str, str] = _NONE
    secrets: Mapping[str, str] = _NONE
    plain: Sequence[str] = ()
    tags: Mapping[str, str] = _NONE
    layers: Sequence[str] = ()
    vpc: Mapping[str, Sequence[str]] = _NONE
    policies: Sequence[Json] = ()
    managed_policies: Sequence[str | Json] = ()
    properties: Mapping[str, Any] = _NONE
    queue_properties: Mapping[str, Any] = _NONE
    log_retention: int = 30
    log_level: str = "INFO"
    metrics: bool = False


class Api(NamedTuple):
    """The stage's HTTP API. cors: `origins`, `methods`, `headers`, `expose`, `max_age` (seconds), `credentials`.
    domain: `name` and `certificate` (ARN). authorizers: by name, `issuer`, `audience` and maybe `header`. results: who
    may read results of asynchronous calls, as a route's authorization; default that of these calls."""

    cors: Mapping[str, Any] = _NONE
    domain: Mapping[str, Any] = _NONE
    authorizers: Mapping[str, Mapping[str, Any]] = _NONE
    results: str | None = None


class Settings(NamedTuple):
    """For the stage.

    region: None is where the credentials point. python: "3.13", None is the building interpreter's. include, exclude:
    patterns of files for the bundle. kms_key: ARN of the key all data is encrypted with, None is AWS's own. alarms: ARN
    of the topic alarms go to. resources: CloudFormation resources by logical id, laid over ours. queues: by queue name;
    see `of`. source: the file, "" if there is none; lines: where what is said stands in it, by path.

    What only other frameworks' files say: only: which names of the import folder go into the bundle, None is all;
    vendor: folders whose contents go to its top; image: the URI of a container image that functions run instead of it.
    """

    region: str | None = None
    architecture: str = "arm64"
    python: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    kms_key: str | None = None
    alarms: str | None = None
    api: Api = Api()
    resources: Mapping[str, Json] = _NONE
    only: Sequence[str] | None = None
    vendor: Sequence[str] = ()
    image: str | None = None
    everywhere: FunctionSettings = FunctionSettings()
    queues: Mapping[str, FunctionSettings] = _NONE
    source: str = ""
    lines: Mapping[tuple[str, ...], int] = MappingProxyType({})

    def of(self, queue: str) -> FunctionSettings:
        """The settings of one queue and its function."""
        return self.queues.get(queue, self.everywhere)


@runtime_checkable
class Configured(Protocol):
    """An app that brings its settings itself, from files of another framework."""

    def settings(self, stage: str, folder: Path) -> Settings:
        """Those of a stage. folder: the project's. Raises DeclarationError with all that is wrong."""
