"""`sqs://` URLs: what they may say, and that nothing is called before it is needed."""

import os
from urllib.parse import quote

import pytest

from ebbtide.app import App
from ebbtide.brokers.sqs import SqsBroker
from ebbtide.connect.brokers import connect
from ebbtide.errors import TargetError
from ebbtide.results.dynamodb import DynamoDbResults

APP = App("shop")


def test_a_stage_is_a_broker_and_its_records() -> None:
    broker, records = connect("sqs://prod", APP)
    assert isinstance(broker, SqsBroker)
    assert isinstance(records, DynamoDbResults)
    assert broker.records is records
    broker.close()


def test_region_endpoint_and_inline_are_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = "http://127.0.0.1:9"
    broker, _ = connect(f"sqs://prod?region=ap-south-1&endpoint={quote(endpoint, safe='')}&inline=1024", APP)
    assert isinstance(broker, SqsBroker)
    assert broker._clients.endpoint == endpoint
    assert broker._clients.region == "ap-south-1"
    assert broker._sender._inline == 1024


@pytest.mark.parametrize(("queue", "mapped"), [("mail", "mail"), (None, "default")])
def test_a_function_knows_the_queue_it_runs(monkeypatch: pytest.MonkeyPatch, queue: str | None, mapped: str) -> None:
    monkeypatch.delenv("EBBTIDE_QUEUE", raising=False)
    if queue:
        monkeypatch.setenv("EBBTIDE_QUEUE", queue)
    broker, _ = connect("sqs://prod?mapped=1", APP)
    assert isinstance(broker, SqsBroker)
    assert broker._mapped == mapped
    other, _ = connect("sqs://prod?mapped=0", APP)
    assert isinstance(other, SqsBroker)
    assert other._mapped is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqs://", "'' is no name for a stage"),
        ("sqs://Prod", "'Prod' is no name for a stage: up to 16 small ASCII letters and digits"),
        ("sqs:///prod", "as in 'sqs://prod'"),
        ("sqs://prod?regoin=eu-west-1", "unknown option 'regoin'. Did you mean 'region'?"),
        ("sqs://prod?region=", "option 'region' has no value"),
        ("sqs://prod?region=a&region=b", "option 'region' stands there twice"),
        ("sqs://prod?mapped=yes", "mapped is 1 in a Lambda function and else 0, not 'yes'"),
        ("sqs://prod?inline=2000000", "inline is a number of bytes from 1,024 to 1,024,000, not '2000000'"),
        ("sqs://prod?inline=1e4", "inline is a number of bytes"),
        ("sqs://prod?endpoint=localhost:4566", "endpoint is an address, as in 'http://127.0.0.1:4566'"),
        ("sqs:/prod", "is no broker we know"),
        ("sqss://prod", "Did you mean 'sqs'?"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_so(url: str, said: str) -> None:
    with pytest.raises(TargetError) as error:
        connect(url, APP)
    assert said in str(error.value)
    assert url in str(error.value)


def test_connecting_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    broker, _ = connect("sqs://prod", APP)
    broker.flush()
    broker.wake()
    broker.close()
    assert broker.workers() is None
