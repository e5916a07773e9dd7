"""Clients of AWS: one for each service and process, made when first needed, and errors in words of our own."""

import multiprocessing
import os
import subprocess
import sys
from threading import Thread
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from ebbtide.brokers.sqs.clients import Client, Clients, account_of
from ebbtide.brokers.sqs.faults import explained
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.errors import StorageError

NOWHERE = "http://127.0.0.1:9"
"""The port of the discard service, where nobody listens."""


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Clients("eu-west-1", NOWHERE, where="stage 'prod' of app 'shop'", cure="Deploy it")


def test_a_client_is_made_once_by_whichever_thread_comes_first(clients: Clients) -> None:
    got: list[Client] = []
    threads = [Thread(target=lambda: got.append(clients.sqs)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1
    assert clients.dynamodb is not clients.sqs


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_its_own_and_leaves_its_parents_alone(clients: Clients) -> None:
    before = clients.sqs
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()

    def child() -> None:
        mine = clients.sqs
        answer.put((mine is before, mine is clients.sqs))

    process = context.Process(target=child)
    process.start()
    process.join(60)
    assert answer.get() == (False, True)
    assert clients.sqs is before


def test_after_closing_new_ones_are_made(clients: Clients) -> None:
    before = clients.sqs
    clients.close()
    clients.close()
    assert clients.sqs is not before


def test_a_bucket_is_asked_for_by_path_where_an_endpoint_is_given(clients: Clients, monkeypatch: Any) -> None:
    def url(of: Clients) -> str:
        return str(of.s3.generate_presigned_url(ClientMethod="get_object", Params={"Bucket": "bucket", "Key": "k"}))

    assert url(clients).startswith(f"{NOWHERE}/bucket/k?")
    assert url(Clients("eu-west-1")).startswith("https://bucket.s3.")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:7")
    assert url(Clients("eu-west-1")).startswith("http://127.0.0.1:7/bucket/k?")


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_is_the_environments_unless_one_is_given(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "ap-south-1")
    assert Clients().region == "ap-south-1"
    assert clients.region == "eu-west-1"
    assert (Clients("cn-north-1").partition, clients.partition) == ("aws-cn", "aws")


def test_importing_the_broker_loads_nothing_of_aws() -> None:
    program = "import sys, ebbtide.connect.stage; print([m for m in sys.modules if m.startswith(('boto', 'urllib3'))])"
    assert run(program) == "[]"


def test_without_the_library_the_cure_is_named() -> None:
    program = (
        "import sys; sys.modules['botocore'] = None\n"
        "from ebbtide.brokers.sqs import Clients\n"
        "from ebbtide.errors import StorageError\n"
        "try: Clients('eu-west-1').sqs\n"
        "except StorageError as error: print(error)"
    )
    assert run(program) == "AWS's library for Python is not installed: pip install 'ebbtide[aws]'"


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


# Errors


def test_where_nobody_answers_it_is_said_what_was_asked_of_whom_and_what_to_check(clients: Clients) -> None:
    with pytest.raises(StorageError) as error:
        clients.sqs.get_queue_url(QueueName="a")
    assert str(error.value) == (
        "get_queue_url for stage 'prod' of app 'shop': EndpointConnectionError: "
        f'Could not connect to the endpoint URL: "{NOWHERE}/". '
        "AWS cannot be reached: check the network, the region and the endpoint"
    )
    assert error.value.code == "EndpointConnectionError"
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_without_credentials_it_is_said_how_to_log_in(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(StorageError, match="aws sso login"):
        clients.sqs.get_queue_url(QueueName="a")


def test_without_a_region_it_is_said_where_to_name_one(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    with pytest.raises(StorageError, match=r"\?region=eu-west-1"):
        _ = Clients().sqs


def test_a_profile_that_is_not_there_is_named(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "wrok")
    with pytest.raises(StorageError, match=r"wrok.*aws configure list-profiles"):
        _ = clients.sqs


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("AccessDenied", "The credentials in use may not do this"),
        ("AWS.SimpleQueueService.NonExistentQueue", "Deploy it"),
        ("ResourceNotFoundException", "Deploy it"),
        ("NoSuchBucket", "Deploy it"),
        ("ExpiredToken", "Log in again"),
        ("UnrecognizedClientException", "Log in again"),
        ("ThrottlingException", "AWS throttles"),
    ],
)
def test_each_refusal_has_its_cure(code: str, cure: str) -> None:
    refusal = ClientError({"Error": {"Code": code, "Message": "No.\n  Really\x1b."}}, "Do")
    with pytest.raises(StorageError) as error, explained("do_it", "stage 'prod'", "Deploy it"):
        raise refusal
    assert str(error.value).startswith(f"do_it for stage 'prod': {code}: No. Really")
    assert cure in str(error.value)
    assert error.value.code == code
    assert str(error.value).isprintable()


def test_a_refusal_that_is_not_known_is_told_as_it_is() -> None:
    with pytest.raises(StorageError) as error, explained("do_it"):
        raise ClientError({"Error": {"Code": "Odd", "Message": "No"}}, "Do")
    assert str(error.value) == "do_it: Odd: No"


def test_every_error_of_the_library_becomes_one_of_ours() -> None:
    kinds = [
        kind
        for kind in vars(botocore.exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == "botocore.exceptions"
    ]
    assert len(kinds) > 100
    for kind in kinds:
        with pytest.raises(StorageError), explained("do_it"):
            raise kind.__new__(kind)


def test_an_error_of_nobody_at_aws_passes() -> None:
    with pytest.raises(KeyError), explained("do_it"):
        raise KeyError("ours")


def test_an_operation_that_does_not_exist_is_an_attribute_error(clients: Clients) -> None:
    with pytest.raises(AttributeError, match="send_massage"):
        clients.sqs.send_massage(QueueUrl="a")


@pytest.mark.parametrize("url", ["https://sqs.eu-west-1.amazonaws.com/123456789012/q", "http://l:1/123456789012/q/"])
def test_the_account_stands_in_a_queues_url(url: str) -> None:
    assert account_of(url) == "123456789012"


def test_a_missing_queue_of_a_real_server_has_its_code(aws: Server) -> None:
    with pytest.raises(StorageError, match="Deploy it") as error:
        Clients(cure="Deploy it").sqs.get_queue_url(QueueName="nowhere")
    assert error.value.code in ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
