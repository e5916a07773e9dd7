"""What an API task may return."""

from decimal import Decimal
from typing import Any

import pytest

from ebbtide.contrib.async_lambda.response import JSONResponse, Response


def test_a_response_is_what_api_gateway_wants() -> None:
    assert Response().__async_lambda_response__() == {"statusCode": 200, "headers": {}, "body": None}
    made = Response(201, {"X": "y"}, "text")
    assert made.__async_lambda_response__() == {"statusCode": 201, "headers": {"X": "y"}, "body": "text"}


def test_a_response_can_be_changed_before_it_goes() -> None:
    made = Response(body="text")
    made.status_code, made.headers["X"] = 404, "y"
    assert made.__async_lambda_response__() == {"statusCode": 404, "headers": {"X": "y"}, "body": "text"}


@pytest.mark.parametrize(("value", "text"), [({"a": 1}, '{"a": 1}'), (None, "null"), ("s", '"s"'), ([], "[]")])
def test_a_json_response_writes_any_value_and_says_what_it_is(value: Any, text: str) -> None:
    assert JSONResponse(value).__async_lambda_response__() == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": text,
    }


def test_a_json_response_takes_status_headers_and_an_encoder() -> None:
    made = JSONResponse(Decimal("1.5"), 202, {"X": "y"}, encoder=str)
    assert (made.status_code, made.body) == (202, "1.5")
    assert made.headers == {"X": "y", "Content-Type": "application/json"}
    assert isinstance(made, Response)


def test_headers_shared_among_responses_stay_as_they_are() -> None:
    shared = {"X": "y"}
    JSONResponse(1, headers=shared)
    assert shared == {"X": "y"}


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_content_type_of_the_callers_own_is_the_only_one(name: str) -> None:
    assert JSONResponse({}, headers={name: "application/problem+json"}).headers == {name: "application/problem+json"}
