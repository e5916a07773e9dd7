"""HTTP requests as AWS hands them over, and the answers it is given."""

import base64
import json
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from tests.on_lambda.stage import Context, Stage

from ebbtide.errors import Retry
from ebbtide.queue import Queue
from ebbtide.result import Report, Status
from ebbtide.triggers.http import Body, Header, Http
from ebbtide.triggers.http_response import Response

EVENTS = Path(__file__).resolve().parents[1] / "events"


def sample(name: str, **changes: Any) -> dict[str, Any]:
    """One of AWS's samples, with some members changed."""
    return {**json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8")), **changes}


def second(method: str, path: str, **changes: Any) -> dict[str, Any]:
    """A request to a function URL: payload format 2.0, to be routed by us."""
    event = sample("function_url", rawPath=path, rawQueryString="", headers={}, body=None, cookies=None)
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return {**event, **changes}


def ask(stage: Stage, event: dict[str, Any], left: float = 600.0) -> Any:
    answer = stage.function(event, Context(left))
    assert isinstance(answer["body"], str)
    return answer


@pytest.fixture
def stage() -> Stage:
    return Stage(Queue(timeout=30))


def test_a_request_with_nulls_in_format_2_is_routed_by_api_gateways_own_key(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/reports/{year}"))
    def report(year: int, pages: int = 1) -> list[int]:
        return [year, pages]

    answer = ask(stage, sample("http_2_null"))
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["body"] == "[2026,1]"
    assert answer["isBase64Encoded"] is False


def test_a_request_with_nulls_in_format_1_is_answered_alike(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/reports/{year}"))
    def report(year: int, pages: int = 1) -> list[int]:
        return [year, pages]

    answer = ask(stage, sample("http_1_rest"))
    assert (answer["statusCode"], answer["body"]) == (200, "[2026,1]")


def test_a_path_parameter_that_is_encoded_reaches_the_task_decoded_from_a_function_url(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/names/{name}"))
    def named(name: str) -> str:
        return name

    assert ask(stage, second("GET", "/names/a%2Fb%20%C3%A9"))["body"] == json.dumps("a/b é")


@pytest.mark.parametrize("name", ["http_2", "function_url"])
def test_a_query_in_format_2_may_name_a_parameter_more_than_once(stage: Stage, name: str) -> None:
    @stage.app.task(Http("POST", "/my/path"))
    def take(text: Annotated[bytes, Body], parameter1: list[str], parameter2: str) -> list[Any]:
        return [text.decode(), parameter1, parameter2]

    event = sample(name)
    answer = ask(stage, event)
    assert json.loads(answer["body"]) == [event["body"], ["value1", "value2"], "value"]


def test_a_query_and_headers_in_format_1_may_come_more_than_once(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/my/path"))
    def take(parameter1: list[str], parameter2: str, header2: Annotated[list[str], Header("header2")]) -> list[Any]:
        return [parameter1, parameter2, header2]

    answer = ask(stage, sample("http_1", body=None))
    assert json.loads(answer["body"]) == [["value1", "value2"], "value", ["value1", "value2"]]


def test_a_query_in_format_1_comes_decoded_and_reaches_the_task_as_it_is(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/my/path"))
    def take(q: str) -> str:
        return q

    odd = "50% of é&=+/ \N{SNOWMAN}"
    event = sample("http_1", body=None, multiValueQueryStringParameters={"q": [odd]}, queryStringParameters={"q": odd})
    assert json.loads(ask(stage, event)["body"]) == odd


def test_a_body_in_base64_is_decoded_and_bytes_are_answered_in_base64(stage: Stage) -> None:
    @stage.app.task(Http("POST", "/turn"))
    def turn(data: Annotated[bytes, Body]) -> bytes:
        return data[::-1]

    body = base64.b64encode(b"\x00\xff\x01").decode()
    answer = ask(stage, second("POST", "/turn", body=body, isBase64Encoded=True))
    assert base64.b64decode(answer["body"]) == b"\x01\xff\x00"
    assert answer["isBase64Encoded"] is True
    assert answer["headers"]["content-type"] == "application/octet-stream"


def cookie() -> Response:
    return Response(201, {"Set-Cookie": "a=1", "X-More": "2"}, {"ok": True})


def test_format_2_has_cookies_apart_from_other_headers(stage: Stage) -> None:
    stage.app.task(Http("GET", "/my/path"))(cookie)
    answer = ask(stage, second("GET", "/my/path"))
    assert (answer["statusCode"], json.loads(answer["body"])) == (201, {"ok": True})
    assert answer["cookies"] == ["a=1"]
    assert answer["headers"] == {"x-more": "2", "content-type": "application/json"}


def test_format_1_has_a_cookie_among_the_headers(stage: Stage) -> None:
    stage.app.task(Http("GET", "/my/path"))(cookie)
    answer = ask(stage, sample("http_1", body=None, queryStringParameters=None, multiValueQueryStringParameters=None))
    assert answer["headers"] == {"set-cookie": "a=1", "x-more": "2", "content-type": "application/json"}
    assert "cookies" not in answer


def test_a_head_has_the_headers_and_no_body(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/my/path"))
    def text() -> str:
        return "there"

    answer = ask(stage, second("HEAD", "/my/path"))
    assert (answer["statusCode"], answer["body"]) == (200, "")


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["headers"]["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer["body"])
    assert found["status"] == answer["statusCode"]
    return found


def test_what_does_not_fit_is_a_problem_document_that_names_every_fault(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/reports/{year}"))
    def report(year: int, pages: int) -> int:
        return year

    found = problem(ask(stage, second("GET", "/reports/soon", rawQueryString="pags=2")))
    assert found["status"] == 422
    assert {fault["parameter"] for fault in found["errors"]} == {"year", "pags", "pages"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("DELETE", "/store", None, 405),
        ("GET", "/%zz", None, 400),
        ("POST", "/store", "x" * 101, 413),
        ("POST", "/store", "no json", 415),
        ("GET", "/results/unknown", None, 404),
        ("GET", "/health", "a body", 400),
    ],
)
def test_a_request_that_cannot_be_is_told_so(
    stage: Stage, method: str, path: str, body: str | None, status: int
) -> None:
    @stage.app.task(Http("POST", "/store", max_body=100))
    def store(name: str) -> None: ...

    assert problem(ask(stage, second(method, path, body=body)))["status"] == status


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("secret"), 500), (Retry(after=7), 503), (SystemExit(1), 500)], ids=repr
)
def test_a_call_that_fails_is_a_problem_that_says_nothing_of_the_cause(
    stage: Stage, error: BaseException, status: int
) -> None:
    @stage.app.task(Http("GET", "/fail"))
    def fail() -> None:
        raise error

    answer = ask(stage, second("GET", "/fail"))
    assert problem(answer)["status"] == status
    assert "secret" not in answer["body"]
    assert stage.broker.retried == stage.broker.buried == []


def test_a_call_past_its_limit_is_504(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/slow"))
    def slow() -> None:
        time.sleep(30)

    assert problem(ask(stage, second("GET", "/slow"), left=2.3))["status"] == 504
    assert problem(ask(stage, second("GET", "/slow"), left=1.0))["status"] == 503


def test_an_async_task_answers_as_well_and_keeps_no_result(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/double"))
    async def double(number: int) -> int:
        return number * 2

    assert ask(stage, second("GET", "/double", rawQueryString="number=4"))["body"] == "8"
    assert stage.broker.records == {}


def test_an_asynchronous_route_answers_202_and_the_result_is_under_its_address(stage: Stage) -> None:
    @stage.app.task(Http("POST", "/later", asynchronous=True))
    def later(number: int) -> int:
        return number

    body = {"body": '{"number": 5}', "headers": {"content-type": "application/json"}}
    answer = ask(stage, second("POST", "/later", **body))
    said = json.loads(answer["body"])
    assert answer["statusCode"] == 202
    assert answer["headers"]["location"] == said["result"] == f"/results/{said['id']}"
    shown = json.loads(ask(stage, second("GET", said["result"]))["body"])
    assert (shown["status"], shown["task"]) == ("READY", "later")


def test_two_requests_under_one_key_are_one_call(stage: Stage) -> None:
    @stage.app.task(Http("POST", "/later", asynchronous=True))
    def later(number: int) -> int:
        return number

    def post(number: int) -> Any:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k1"}
        return ask(stage, second("POST", "/later", body=json.dumps({"number": number}), headers=headers))

    one, two, other = post(1), post(1), post(2)
    assert one["body"] == two["body"]
    assert problem(other)["status"] == 422


def test_a_synchronous_call_under_a_key_is_run_by_the_queue_and_answered_when_that_was(stage: Stage) -> None:
    @stage.app.task(Http("POST", "/pay"))
    def pay(amount: int) -> int:
        return amount

    headers = {"content-type": "application/json", "idempotency-key": "k1"}
    event = second("POST", "/pay", body='{"amount": 3}', headers=headers)
    waiting = ask(stage, event, left=2.2)
    assert waiting["statusCode"] == 202
    id = json.loads(waiting["body"])["id"]
    stage.broker.finish(Report(id, "pay", Status.SUCCESSFUL, 1, 60.0, 0.0, 1.0, 2.0, "3"))
    answer = ask(stage, event)
    assert (answer["statusCode"], answer["body"]) == (200, "3")


def test_storage_that_refuses_is_503_and_its_words_stay_in_the_log(stage: Stage) -> None:
    @stage.app.task(Http("POST", "/later", asynchronous=True))
    def later() -> None: ...

    stage.broker.trouble["send"] = None
    answer = ask(stage, second("POST", "/later"))
    assert problem(answer)["status"] == 503
    assert "planned" not in answer["body"]


def test_health_and_the_openapi_document_are_there(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/double"))
    def double(number: int) -> int:
        return number * 2

    assert json.loads(ask(stage, second("GET", "/health"))["body"])["status"] == "ok"
    assert "/double" in json.loads(ask(stage, second("GET", "/openapi.json"))["body"])["paths"]


def test_an_answer_over_lambdas_limit_is_told_in_the_log_and_not_cut(stage: Stage) -> None:
    @stage.app.task(Http("GET", "/big"))
    def big() -> bytes:
        return bytes(7 * 1024 * 1024)

    assert problem(ask(stage, second("GET", "/big")))["status"] == 500
