"""What all simulated clients of boto3 have in common: botocore's own names, parameter checks and exceptions.

A client is made from botocore's model of its service. A call of an operation the model does not have is an
AttributeError, as with boto3; wrong parameters are botocore's ParamValidationError; a refusal is a ClientError of the
class that `client.exceptions` names. An operation that is in the model and not simulated says so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ParamValidationError, ReadTimeoutError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from tests.aws.simulator.account import REGION, Account

Answer = dict[str, Any]


@functools.cache
def model(service: str) -> ServiceModel:
    """botocore's description of a service."""
    return botocore.session.Session().get_service_model(service)


@functools.cache
def exceptions(service: str) -> Any:
    """The exception classes a client of this service raises."""
    return ClientExceptionsFactory().create_client_exceptions(model(service))


@functools.cache
def operations(service: str) -> dict[str, str]:
    """Operations by the name of the client's method."""
    return {xform_name(name): name for name in model(service).operation_names}


class Client:
    """A client of one service of one account. An operation is a method `_<name>` that takes the parameters."""

    service = ""
    legacy_prefix = ""
    """What stands before the codes of errors of services that once spoke another protocol."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.exceptions = exceptions(self.service)
        self.meta = SimpleNamespace(region_name=REGION, partition="aws", service_model=model(self.service))
        self.calls: list[tuple[str, Answer]] = []
        """Every call that was made: the operation and its parameters."""

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        if name.startswith("_") or name not in operations(self.service):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(self._call, operations(self.service)[name], name)

    def close(self) -> None:
        """As boto3's clients have it."""

    def _call(self, operation: str, method: str, /, **given: Any) -> Answer:
        self.account.timeline.check()
        shape = model(self.service).operation_model(operation).input_shape
        report = ParamValidator().validate(given, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self.calls.append((operation, given))
        simulated = getattr(self, f"_{method}", None)
        if simulated is None:
            raise NotImplementedError(f"{self.service} {operation} is not simulated")
        faults, chance = self.account.faults, self.account.random.random
        if faults.throttled and chance() < faults.throttled:
            raise self.refusal(operation, "RequestThrottled", "Rate exceeded", status=503)
        answer: Answer = simulated(**given)
        if faults.unanswered and chance() < faults.unanswered:
            raise ReadTimeoutError(endpoint_url=f"https://{self.service}.simulated/")
        return {**answer, "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}

    def refusal(self, operation: str, name: str, message: str, status: int = 400) -> Exception:
        """The exception botocore raises for this answer; `name` is the class's, as in `client.exceptions`."""
        code = f"{self.legacy_prefix}{LEGACY_CODES.get(name, name)}" if name in LEGACY_CODES else name
        error = {"Message": message, "Code": code, "QueryErrorCode": name, "Type": "Sender"}
        answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0}}
        made: Exception = self.exceptions.from_code(name)(answer, operation)
        return made


LEGACY_CODES = {
    "QueueDoesNotExist": "NonExistentQueue",
    "QueueDeletedRecently": "QueueDeletedRecently",
    "TooManyEntriesInBatchRequest": "TooManyEntriesInBatchRequest",
    "EmptyBatchRequest": "EmptyBatchRequest",
    "BatchEntryIdsNotDistinct": "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "BatchRequestTooLong",
    "InvalidBatchEntryId": "InvalidBatchEntryId",
    "MessageNotInflight": "MessageNotInflight",
    "PurgeQueueInProgress": "PurgeQueueInProgress",
    "UnsupportedOperation": "UnsupportedOperation",
}
"""The codes SQS had with its query protocol, which botocore still shows as `Code`."""
