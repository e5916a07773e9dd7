"""The `context` of an event where no Lambda made one, with the same names: for tasks that our runners run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

LONGEST = 900.0
"""Seconds a Lambda function may run."""


class LambdaContext:
    """What a Lambda function is told of its invocation; there the environment's values, else what they would be.

    function_name: such as "project-name-Task". aws_request_id: of the message, here. deadline: when the task is ended,
    in seconds since 1970; None: in 900 s from now. memory: MB. now: the clock, in seconds since 1970.
    """

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    identity: None = None
    client_context: None = None
    tenant_id: None = None

    def __init__(
        self,
        function_name: str,
        aws_request_id: str = "",
        deadline: float | None = None,
        memory: int = 128,
        environment: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        told = os.environ if environment is None else environment
        name = told.get("AWS_LAMBDA_FUNCTION_NAME") or function_name
        region = told.get("AWS_REGION") or told.get("AWS_DEFAULT_REGION") or "us-east-1"
        account = told.get("ASYNC_LAMBDA_ACCOUNT_ID") or "000000000000"
        self.function_name = name
        self.function_version = told.get("AWS_LAMBDA_FUNCTION_VERSION") or "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
        self.memory_limit_in_mb = told.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or str(memory)  # text, as on Lambda
        self.aws_request_id = aws_request_id
        self.log_group_name = told.get("AWS_LAMBDA_LOG_GROUP_NAME") or f"/aws/lambda/{name}"
        self.log_stream_name = told.get("AWS_LAMBDA_LOG_STREAM_NAME") or "local"
        self._now = now
        self._deadline = now() + LONGEST if deadline is None else deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the task is ended; 0 when its time is over."""
        return max(0, int((self._deadline - self._now()) * 1000))
