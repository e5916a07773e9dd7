"""`from ebbtide.contrib.async_lambda.env import is_cloud`: what the environment says, by async-lambda's names for it.

In a deployed function the template has set what is read here; elsewhere what is missing is a KeyError with its name.
"""

from __future__ import annotations

import os

from ebbtide.contrib.async_lambda.globals import (
    config,
    disable_force_sync_mode,
    enable_force_sync_mode,
    is_build_mode,
)
from ebbtide.contrib.async_lambda.writing import BUCKET

__all__ = [
    "disable_force_sync_mode",
    "enable_force_sync_mode",
    "get_aws_account_id",
    "get_aws_region",
    "get_current_task_id",
    "get_force_sync_mode",
    "get_payload_bucket",
    "is_build_mode",
    "is_cloud",
]


def is_cloud() -> bool:
    """Whether this is a Lambda function."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def get_force_sync_mode() -> bool:
    """Whether every `async_invoke` runs its task here and now."""
    return config.force_sync


def get_current_task_id() -> str:
    """The id of the task whose function this is. Raises KeyError elsewhere."""
    return os.environ["ASYNC_LAMBDA_TASK_ID"]


def get_payload_bucket() -> str:
    """The name of the bucket for large payloads. Raises KeyError elsewhere."""
    return os.environ[BUCKET]


def get_aws_region() -> str:
    """The region, from AWS_REGION or AWS_DEFAULT_REGION. Raises KeyError."""
    return os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"]


def get_aws_account_id() -> str:
    """The account's number, in a function. Raises KeyError elsewhere: nobody is asked for it."""
    return os.environ["ASYNC_LAMBDA_ACCOUNT_ID"]
