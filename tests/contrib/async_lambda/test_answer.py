"""What an API task's return value is answered with."""

from __future__ import annotations

from typing import Any

import pytest

from ebbtide.contrib.async_lambda.answer import BadAnswer, answer_of
from ebbtide.contrib.async_lambda.response import JSONResponse
from ebbtide.contrib.async_lambda.response import Response as TheirResponse
from ebbtide.signature import Signature
from ebbtide.triggers.http_response import Response

TEXT = {"content-type": "text/plain; charset=utf-8"}
JSON = {"content-type": "application/json"}


class OfTheirOwn:
    def __init__(self, said: Any) -> None:
        self.said = said

    def __async_lambda_response__(self) -> Any:
        return self.said


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("héllo", Response(200, TEXT, "héllo".encode())),
        (b"\x00\xff", Response(200, {"content-type": "application/octet-stream"}, b"\x00\xff")),
        (None, Response(200, {}, None)),
        ({"a": 1}, Response(200, JSON, b'{"a":1}')),
        ([1, None], Response(200, JSON, b"[1,null]")),
        (True, Response(200, JSON, b"true")),
        (TheirResponse(), Response(200, {}, None)),
        (TheirResponse(404, {"X-Why": "no"}, "gone"), Response(404, {"x-why": "no", **JSON}, b"gone")),
        (JSONResponse({"a": 1}, 201), Response(201, JSON, b'{"a": 1}')),
        (OfTheirOwn({"statusCode": 204}), Response(204, {}, None)),
    ],
)
def test_a_value_is_answered_as_what_it_is(value: Any, answer: Response) -> None:
    assert answer_of(value) == answer


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ({"statusCode": 200, "body": "{}"}, Response(200, JSON, b"{}")),
        ({"statusCode": "302", "headers": {"Location": "/x"}}, Response(302, {"location": "/x"})),
        ({"statusCode": 200, "headers": None, "body": None}, Response(200)),
        ({"statusCode": 200, "headers": {"N": 3, "B": True}}, Response(200, {"n": "3", "b": "true"})),
        ({"statusCode": 200, "body": {"a": [1]}}, Response(200, JSON, b'{"a":[1]}')),
        (
            {"statusCode": 200, "headers": {"Content-Type": "image/gif"}, "body": "AP8=\n", "isBase64Encoded": True},
            Response(200, {"content-type": "image/gif"}, b"\x00\xff"),
        ),
    ],
)
def test_an_object_with_a_status_code_is_what_api_gateway_is_told(told: Any, answer: Response) -> None:
    assert answer_of(told) == answer


def test_several_values_of_a_header_are_joined_and_cookies_stay_apart() -> None:
    told = {
        "statusCode": 200,
        "headers": {"Vary": "lost", "X-One": "1"},
        "multiValueHeaders": {"vary": ["Accept", "Origin"], "Set-Cookie": ["a=1; Expires=Thu, 01 Jan", "b=2"]},
        "cookies": ["c=3"],
    }
    answer = answer_of(told)
    assert answer.headers == {"vary": "Accept, Origin", "x-one": "1"}
    assert answer.cookies == ["a=1; Expires=Thu, 01 Jan", "b=2", "c=3"]


def test_headers_that_say_how_an_answer_is_sent_are_left_to_the_server() -> None:
    headers = {"Content-Length": "99", "Connection": "close", "X-Mine": "1"}
    assert answer_of({"statusCode": 200, "headers": headers}).headers == {"x-mine": "1"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"statusCode": "teapot"}, "statusCode='teapot' must be a number from 200 to 599"),
        ({"statusCode": True}, "statusCode=True must be"),
        ({"statusCode": 99}, "statusCode=99 must be"),
        ({"statusCode": None}, "statusCode=None must be"),
        ({"statusCode": 20000000000000000}, "must be a number from 200"),
        ({"statusCode": 200, "headers": ["a"]}, r"headers=\['a'\] must be an object"),
        ({"statusCode": 200, "headers": {"a": None}}, "headers: 'a'=None: a header has a name and a text"),
        ({"statusCode": 200, "multiValueHeaders": {"a": [{}]}}, "multiValueHeaders: 'a'="),
        ({"statusCode": 200, "body": "§", "isBase64Encoded": True}, "the body is not base64"),
        ({"statusCode": 200, "body": {1, 2}}, "a body of set cannot be sent"),
        ({"nan": float("nan")}, "a body of dict cannot be sent"),
        ({"x": object()}, "a body of dict cannot be sent"),
        (OfTheirOwn("text"), "returned no object with statusCode: 'text'"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_the_member_named(value: Any, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        answer_of(value)


def test_an_answer_travels_as_any_return_value_does() -> None:
    answer = Response(201, {"content-type": "a/b"}, b"\x00\xff", ["a=1", "b=2"])

    def task() -> Response:
        return answer

    signature = Signature("task", task)
    text = signature.pack_result(answer)
    assert signature.unpack_result(text) == answer
