"""async-lambda's interface over Ebbtide: such an app changes its import and nothing else.

    from ebbtide.contrib.async_lambda import AsyncLambdaController, ManagedSQSEvent, config_set_name

A controller is translated into tasks, queues and triggers of our core: what runs it, keeps its messages and deploys it
is the same as for any app.
"""

from __future__ import annotations

from ebbtide.contrib.async_lambda.controller import AsyncLambdaController
from ebbtide.contrib.async_lambda.defer import Defer
from ebbtide.contrib.async_lambda.events import (
    APIEvent,
    BaseEvent,
    DynamoDBEvent,
    DynamoDBRecord,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    UnmanagedSQSEvent,
)
from ebbtide.contrib.async_lambda.globals import (
    config_set_default_task_ephemeral_storage,
    config_set_default_task_memory,
    config_set_name,
    config_set_runtime,
    config_set_s3_payload_retention,
    config_set_shared_function_role,
    disable_force_sync_mode,
    enable_force_sync_mode,
    is_build_mode,
)
from ebbtide.contrib.async_lambda.headers import CaseInsensitiveDict
from ebbtide.contrib.async_lambda.middleware import BatchInvokeException
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.contrib.async_lambda.payload import PayloadRefused
from ebbtide.contrib.async_lambda.response import JSONResponse, Response

__all__ = [
    "APIEvent",
    "AsyncLambdaController",
    "AsyncLambdaWarning",
    "BaseEvent",
    "BatchInvokeException",
    "CaseInsensitiveDict",
    "Defer",
    "DynamoDBEvent",
    "DynamoDBRecord",
    "JSONResponse",
    "ManagedSQSBatchEvent",
    "ManagedSQSEvent",
    "PayloadRefused",
    "Response",
    "ScheduledEvent",
    "UnmanagedSQSEvent",
    "config_set_default_task_ephemeral_storage",
    "config_set_default_task_memory",
    "config_set_name",
    "config_set_runtime",
    "config_set_s3_payload_retention",
    "config_set_shared_function_role",
    "disable_force_sync_mode",
    "enable_force_sync_mode",
    "is_build_mode",
]
