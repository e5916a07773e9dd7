"""Large payloads in async-lambda's bucket, against moto in this process."""

import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.aws.ministack import unique

from ebbtide.contrib.async_lambda import spill
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.contrib.async_lambda.writing import BUCKET
from ebbtide.errors import EnvelopeError, PayloadGone, StorageError

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name=REGION)


@pytest.fixture(scope="module")
def made(s3: Any) -> str:
    name = unique("payloads")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


@pytest.fixture
def bucket(made: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for variable in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv(BUCKET, made)
    return made


def test_a_payload_is_under_a_key_of_the_day_and_read_from_there(bucket: str) -> None:
    days = {time.strftime("%Y/%m/%d", time.gmtime())}
    key = spill.spill('{"a":"\\u00e9"}')
    days.add(time.strftime("%Y/%m/%d", time.gmtime()))
    found = re.fullmatch(r"(\d{4}/\d\d/\d\d)/[0-9a-f]{32}\.json", key)
    assert found
    assert found[1] in days
    assert spill.fetch(key) == '{"a":"\\u00e9"}'


def test_two_payloads_have_two_keys(bucket: str) -> None:
    assert spill.spill("1") != spill.spill("1")


def test_what_somebody_else_wrote_is_read_as_it_stands(bucket: str, s3: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k/1.json", Body='{"a": "é😀"}'.encode())
    assert spill.fetch("k/1.json") == '{"a": "é😀"}'


def test_a_payload_that_is_gone_says_where_it_was(bucket: str) -> None:
    with pytest.raises(PayloadGone, match=rf"no longer in the bucket {bucket}, at '2026/01/01/x.json'"):
        spill.fetch("2026/01/01/x.json")


def test_a_payload_that_is_no_text_is_no_payload(bucket: str, s3: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k.json", Body=b"ab\xff")
    with pytest.raises(EnvelopeError, match=r"'k\.json' is not UTF-8 at byte 2"):
        spill.fetch("k.json")


def test_a_deleted_payload_is_gone_and_may_be_deleted_again(bucket: str) -> None:
    key = spill.spill("1")
    spill.delete(key)
    spill.delete(key)
    with pytest.raises(PayloadGone):
        spill.fetch(key)


def test_a_bucket_that_is_not_there_is_told_with_its_name(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = unique("other")
    monkeypatch.setenv(BUCKET, other)
    with pytest.raises(StorageError, match=f"payload bucket {other}: NoSuchBucket") as caught:
        spill.fetch("k.json")
    assert not isinstance(caught.value, EnvelopeError)
    with pytest.raises(StorageError, match="NoSuchBucket"):
        spill.spill("1")


def test_a_payload_that_cannot_be_deleted_is_a_warning_and_no_error(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUCKET, unique("other"))
    with pytest.warns(AsyncLambdaWarning, match="stays until the bucket's lifecycle removes it"):
        spill.delete("k.json")


def test_without_the_bucket_s_name_the_error_says_which_variable_it_stands_in(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BUCKET)
    with pytest.raises(StorageError, match=f"set {BUCKET} to that bucket's name"):
        spill.fetch("k.json")
