"""What apps import from async-lambda's own modules is found in ours of the same name."""

import json
from collections.abc import Callable
from datetime import date
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from ebbtide.contrib import async_lambda
from ebbtide.contrib.async_lambda import AsyncLambdaController, BaseEvent, config, env
from ebbtide.contrib.async_lambda.middleware import MiddlewareFunction, MiddlewareRegistration
from ebbtide.contrib.async_lambda.payload import PayloadRefused
from ebbtide.contrib.async_lambda.payload_encoder import PayloadEncoder


def test_the_settings_of_the_program_are_in_config() -> None:
    for name in config.__all__[1:]:
        assert getattr(config, name) is getattr(async_lambda, name)
    config.config_set_default_task_ephemeral_storage(1024)
    assert config.config.ephemeral_storage == 1024


def test_the_environment_is_in_env(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not env.is_cloud()
    env.enable_force_sync_mode()
    assert env.get_force_sync_mode()
    env.disable_force_sync_mode()
    assert not env.get_force_sync_mode()
    with pytest.raises(KeyError, match="ASYNC_LAMBDA_TASK_ID"):
        env.get_current_task_id()
    for name, value in {
        "AWS_LAMBDA_FUNCTION_NAME": "shop-A",
        "ASYNC_LAMBDA_TASK_ID": "A",
        "ASYNC_LAMBDA_ACCOUNT_ID": "123456789012",
        "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET": "payloads",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert (env.is_cloud(), env.get_current_task_id(), env.get_aws_region()) == (True, "A", "eu-west-1")
    assert (env.get_aws_account_id(), env.get_payload_bucket()) == ("123456789012", "payloads")


def test_the_encoder_of_payloads_goes_with_json() -> None:
    value = {"id": UUID(int=1), "day": date(2027, 1, 2), "n": [1]}
    text = '{"id": "00000000-0000-0000-0000-000000000001", "day": "2027-01-02", "n": [1]}'
    assert json.dumps(value, cls=PayloadEncoder) == text
    with pytest.raises(PayloadRefused, match="set"):
        json.dumps({1}, cls=PayloadEncoder)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("api_response", "Response"),
        ("api_response", "JSONResponse"),
        ("case_insensitive_dict", "CaseInsensitiveDict"),
        ("events.api_event", "APIEvent"),
        ("events.base_event", "BaseEvent"),
        ("events.dynamodb_event", "DynamoDBEvent"),
        ("events.managed_sqs_batch_event", "ManagedSQSBatchEvent"),
        ("events.managed_sqs_event", "ManagedSQSEvent"),
        ("events.scheduled_event", "ScheduledEvent"),
        ("events.unmanaged_sqs_event", "UnmanagedSQSEvent"),
    ],
)
def test_events_and_answers_are_in_models(module: str, name: str) -> None:
    found = import_module(f"ebbtide.contrib.async_lambda.models.{module}")
    assert getattr(found, name) is getattr(async_lambda, name)


def test_the_types_of_middleware_are_in_middleware() -> None:
    def layer(event: BaseEvent, call_next: Callable[[BaseEvent], Any]) -> Any:
        return call_next(event)

    function: MiddlewareFunction[BaseEvent, Any] = layer
    registration: MiddlewareRegistration[BaseEvent, Any] = ([BaseEvent], function)
    app = AsyncLambdaController(middleware=[registration])
    app.pure_task("A")(lambda event: 7)
    assert app.handle_invocation({}, None, "A") == 7
