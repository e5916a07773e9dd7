"""What AWS answers when it will not, as one line with the cure."""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from ebbtide.deploy.rehearsal.server import Server
from ebbtide.deploy.stack.account import account
from ebbtide.deploy.stack.trouble import DeployError, explained, told


def refused(code: str, message: str = "why") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "there are no AWS credentials; run 'aws sso login'"),
        (PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), "there are no AWS credentials"),
        (UnauthorizedSSOTokenError(), "sign-in is not valid any more"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "sign-in is not valid any more"),
        (ProfileNotFound(profile="nobody"), "aws configure list-profiles"),
        (EndpointConnectionError(endpoint_url="https://x"), "Is the region's name right, and is there a network?"),
        (refused("ExpiredToken"), "have expired; run 'aws sso login'"),
        (refused("ExpiredTokenException"), "have expired"),
        (refused("InvalidClientTokenId"), "AWS does not know these credentials (why)"),
        (refused("SignatureDoesNotMatch"), "AWS does not know these credentials"),
        (refused("AccessDenied"), "may not do that (DescribeStacks): why. Ask for that permission"),
        (refused("Throttling"), "too busy for this account just now"),
        (refused("ValidationError"), "why (DescribeStacks: ValidationError)"),
        (ParamValidationError(report="bad"), "bad"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_says_what_failed_and_what_to_do(error: Exception, said: str) -> None:
    text = explained("reading the stack shop-prod", error)
    assert text.startswith("reading the stack shop-prod: ")
    assert said in text
    assert "\n" not in text


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(KeyError), told("counting"):
        raise KeyError("a")


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without a word about AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def test_without_a_region_the_options_are_named(nobody: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeployError, match="no AWS region is named; give --region, or write region"):
        account()


@pytest.mark.parametrize("name", ["eu-wets-1", "nowhere", "EU-WEST-1"])
def test_a_mistyped_region_is_told_before_anything_is_asked(nobody: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(DeployError, match=f"there is no AWS region '{name}'"):
        account(name)


def test_without_credentials_the_ways_to_them_are_named(nobody: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeployError, match="asking AWS who this is: there are no AWS credentials"):
        account("eu-west-1")


def test_an_unknown_profile_is_named(nobody: pytest.MonkeyPatch) -> None:
    nobody.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(DeployError, match=r"profile \(nobody\) could not be found"):
        account("eu-west-1")


def test_an_address_nobody_listens_at_is_named(aws: Server) -> None:
    with pytest.raises(DeployError, match="AWS cannot be reached"):
        account("us-east-1", "http://127.0.0.1:1")


def test_the_account_is_whose_credentials_they_are(aws: Server) -> None:
    found = account()
    assert (found.id, found.region, found.endpoint) == ("000000000000", "us-east-1", aws.endpoint)
    client: Any = found.client("sqs")
    assert client is found.client("sqs")
