"""API tasks: what their routes may be, which event they are handed, and what their answers become."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.template.rich import ZIPPED
from tests.on_lambda.stage import Context, Stage
from tests.web.serving import Serving, serving

from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.contrib.async_lambda.answer import answer_of
from ebbtide.contrib.async_lambda.request import Request
from ebbtide.deploy.settings.values import Settings
from ebbtide.deploy.template import template
from ebbtide.errors import DeclarationError
from ebbtide.physical import Place
from ebbtide.queue import Queue
from ebbtide.trigger import Target
from ebbtide.triggers.http import Http
from ebbtide.triggers.http_response import Response
from ebbtide.web.openapi import document
from ebbtide.web.routes import by_specificity, find, routes_of

SAMPLES = Path(__file__).parents[2] / "events"


Function = Callable[[dict[str, Any]], Any]


def api(app: App, task: str, path: str, method: str, function: Function = lambda event: event) -> None:
    """Declare an API task as the controller does; by default it answers with its event."""

    def run(value: Any) -> Response:
        return answer_of(function(value))

    app.task(Request(path, method), name=task, queue=Queue(task, timeout=30, results=0))(run)


def new_app() -> App:
    return App("t", broker=MemoryBroker)


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return read


# ── what a route may be ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["get", "Post", "PUT", "patch", "delete", "HEAD", "options", "any"])
@pytest.mark.parametrize("path", ["/", "/test", "/x/{id}", "/{proxy+}", "/x/{user-id}/y.z", "/health", "/results/{id}"])
def test_every_method_in_any_case_and_every_path_of_a_rest_api_is_taken(path: str, method: str) -> None:
    request = Request(path, method)
    target = Target("T0", Place("t", "prod"), "Q", "F", False, "T", "S", "G", "D")
    route = request.asks(target).route
    assert route is not None
    assert (route.method, route.path, route.authorization) == (method.upper(), path, "public")


@pytest.mark.parametrize(
    ("path", "method", "said"),
    [
        ("test", "get", r"api_task\(path='test', method='GET'\): a path begins with a slash: '/test'"),
        ("/test/", "get", "no slash at the end; write '/test'"),
        ("/a//b", "get", "write '/a/b'"),
        ("/x/{id}.json", "get", r"'\{id\}.json' must be a parameter by itself"),
        ("/{proxy+}/x", "get", "must be the last"),
        ("/a b", "get", "'a b' must be"),
        ("/{a}/{a}", "get", "stands twice"),
        ("/{a b}", "get", "must hold the name of a parameter"),
        (None, "get", "a path begins with a slash"),
        ("/test", "gett", "Did you mean 'GET'"),
        ("/test", 7, "a task is started by one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, ANY"),
        ("/test", None, "a task is started by one of"),
    ],
)
def test_what_api_gateway_refuses_is_refused_where_it_is_declared(path: Any, method: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        Request(path, method)


def test_two_tasks_may_share_a_path_and_not_a_method_of_it() -> None:
    app = new_app()
    api(app, "One", "/x/{id}", "get")
    api(app, "Rest", "/x/{id}", "any")
    with pytest.raises(DeclarationError, match="GET /x/"):
        api(app, "Two", "/x/{other}", "GET")


@pytest.mark.parametrize(
    ("method", "path", "task"),
    [
        ("GET", "/x", "Get"),
        ("DELETE", "/x", "Any"),
        ("HEAD", "/x", "Any"),
        ("GET", "/y", "OnlyGet"),
        ("HEAD", "/y", "Greedy"),
        ("OPTIONS", "/y", "Options"),
        ("POST", "/y", "Greedy"),
        ("GET", "/health", "Greedy"),
        ("GET", "/openapi.json", "Greedy"),
        ("GET", "/results/1", "Result"),
        ("GET", "/x/1", "Greedy"),
    ],
)
def test_the_most_specific_route_wins_and_none_of_the_servers_own_pages(method: str, path: str, task: str) -> None:
    app = new_app()
    for name, route, verb in [
        ("Greedy", "/{proxy+}", "any"),
        ("Any", "/x", "any"),
        ("Get", "/x", "get"),
        ("OnlyGet", "/y", "get"),
        ("Options", "/y", "options"),
        ("Result", "/results/{id}", "get"),
    ]:
        api(app, name, route, verb)
    found = find(by_specificity(routes_of(app)), method, path).route
    assert found is not None
    assert found.task.name == task


def test_the_servers_pages_stay_where_no_route_of_the_app_is() -> None:
    app = new_app()
    api(app, "Post", "/health", "post")
    routes = by_specificity(routes_of(app))
    assert find(routes, "GET", "/health").own == "health"
    with pytest.raises(Exception, match="this path takes GET, HEAD, POST"):
        find(routes, "PUT", "/health")


# ── on this machine's server ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    app = new_app()
    api(app, "Health", "/health", "GET", lambda event: "I am fine")
    api(app, "Echo", "/echo/{id}", "any")
    cookies = {"statusCode": 201, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "body": "<p>"}
    api(app, "Cookies", "/cookies", "get", lambda event: {**cookies, "headers": {"Content-Type": "text/html"}})
    api(app, "Bad", "/bad", "get", lambda event: {"statusCode": "teapot"})
    api(app, "Broken", "/broken", "get", lambda event: {"statusCode": 200, "headers": {"X": "a\r\nb"}})
    with serving(app) as made:
        yield made


def test_an_app_has_its_own_health_page(served: Serving) -> None:
    reply = served.request("GET", "/health")
    assert (reply.status, reply.body) == (200, b"I am fine")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_request_is_handed_over_as_a_rest_api_does_it(served: Serving) -> None:
    reply = served.request(
        "POST", "/echo/a%20b?x=1&x=2&y=%C3%A9", b"a=1", Cookie="c=1; d=2", User_Agent="me/1", Idempotency_Key="mine"
    )
    event = reply.json
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event.pop("multiValueHeaders") == {name: [value] for name, value in headers.items()}
    assert event == {
        "resource": "/echo/{id}",
        "path": "/echo/a%20b",
        "httpMethod": "POST",
        "queryStringParameters": {"x": "2", "y": "é"},
        "multiValueQueryStringParameters": {"x": ["1", "2"], "y": ["é"]},
        "pathParameters": {"id": "a b"},
        "stageVariables": None,
        "body": "a=1",
        "isBase64Encoded": False,
    }
    assert (headers["cookie"], headers["idempotency-key"]) == ("c=1; d=2", "mine")
    assert (context["httpMethod"], context["path"], context["stage"]) == ("POST", "/echo/a%20b", "$default")
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "me/1"}
    assert len(context["requestId"]) == 36


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT"])
def test_a_body_comes_with_any_method_and_may_be_anything(served: Serving, method: str) -> None:
    event = served.request(method, "/echo/1", b"{not json", Content_Type="application/json").json
    assert (event["httpMethod"], event["body"], event["isBase64Encoded"]) == (method, "{not json", False)


def test_bytes_that_are_no_text_come_in_base64(served: Serving) -> None:
    event = served.request("POST", "/echo/1", b"\x1f\x8b\xff", Content_Encoding="gzip").json
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x1f\x8b\xff", True)


def test_no_query_and_no_body_are_null(served: Serving) -> None:
    event = served.request("GET", "/echo/1").json
    for name in ("queryStringParameters", "multiValueQueryStringParameters", "body"):
        assert event[name] is None


def test_a_head_is_answered_without_a_body(served: Serving) -> None:
    reply = served.request("HEAD", "/echo/1")
    assert (reply.status, reply.body) == (200, b"")


def test_each_cookie_is_a_header_of_its_own(served: Serving) -> None:
    answer = served.raw(b"GET /cookies HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").decode()
    assert answer.startswith("HTTP/1.1 201 ")
    assert [line for line in answer.split("\r\n") if "cookie" in line] == ["set-cookie: a=1", "set-cookie: b=2"]
    assert "content-type: text/html" in answer
    assert answer.endswith("\r\n\r\n<p>")


@pytest.mark.parametrize(
    ("path", "told"),
    [("/bad", "statusCode='teapot' must be a number from 200 to 599"), ("/broken", "cannot be sent")],
)
def test_an_answer_that_cannot_be_sent_is_a_500_and_told_in_the_log(
    served: Serving, caplog: pytest.LogCaptureFixture, path: str, told: str
) -> None:
    with caplog.at_level(logging.ERROR, "tests.web"):
        reply = served.request("GET", path)
    assert (reply.status, reply.problem["detail"]) == (500, "the task failed")
    assert told in caplog.text


# ── in a function ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stage() -> Stage:
    return Stage(Queue(timeout=30))


def ask(stage: Stage, event: dict[str, Any]) -> Any:
    return stage.function(event, Context())


def test_an_event_of_format_2_is_handed_over_as_a_rest_api_does_it(stage: Stage) -> None:
    api(stage.app, "Mine", "/my/path", "POST")
    answer = ask(stage, sample("http_2"))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    event = json.loads(answer["body"])
    assert event["httpMethod"] == "POST"
    assert event["resource"] == event["path"] == "/my/path"
    assert event["headers"] == {"header1": "value1", "header2": "value1,value2", "cookie": "cookie1; cookie2"}
    assert event["multiValueQueryStringParameters"] == {"parameter1": ["value1", "value2"], "parameter2": ["value"]}
    assert event["stageVariables"] == {"stageVariable1": "value1", "stageVariable2": "value2"}
    assert event["body"] == "Hello from Lambda"
    context = event["requestContext"]
    assert context["identity"] == {"sourceIp": "192.0.2.1", "userAgent": "agent"}
    assert context["authorizer"]["claims"] == {"claim1": "value1", "claim2": "value2"}
    assert (context["requestId"], context["requestTimeEpoch"]) == ("id", 1583348638390)


def test_nulls_of_format_2_are_the_nulls_of_a_rest_api(stage: Stage) -> None:
    api(stage.app, "Report", "/reports/{year}", "any")
    event = json.loads(ask(stage, {**sample("http_2_null"), "routeKey": "ANY /reports/{year}"})["body"])
    assert event["pathParameters"] == {"year": "2026"}
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert event["body"] is None
    assert (event["path"], event["requestContext"]["path"]) == ("/reports/2026", "/prod/reports/2026")


@pytest.mark.parametrize(
    ("came", "body", "is_base64"),
    [(b"a=1&b=\xc3\xa9", "a=1&b=é", False), (b"\x1f\x8b\xff", "H4v/", True), (b"", None, False)],
)
def test_text_that_an_http_api_put_into_base64_as_it_does_forms_is_text_again(
    stage: Stage, came: bytes, body: str | None, is_base64: bool
) -> None:
    api(stage.app, "Form", "/my/path", "post")
    encoded = {"body": base64.b64encode(came).decode(), "isBase64Encoded": True}
    event = json.loads(ask(stage, {**sample("http_2"), **encoded})["body"])
    assert (event["body"], event["isBase64Encoded"]) == (body, is_base64)


@pytest.mark.parametrize(("name", "path"), [("http_1", "/my/path"), ("http_1_rest", "/reports/{year}")])
def test_an_event_of_format_1_keeps_all_it_has(stage: Stage, name: str, path: str) -> None:
    api(stage.app, "Task", path, "GET")
    came = sample(name)
    event = json.loads(ask(stage, came)["body"])
    context = event.pop("requestContext")
    expected = came.pop("requestContext")
    assert {member: event[member] for member in came} == came
    assert {member: context[member] for member in expected} == expected


def test_the_health_page_of_an_app_is_its_own_in_a_function_too(stage: Stage) -> None:
    api(stage.app, "Health", "/health", "get", lambda event: {"statusCode": 503, "body": "ill"})
    event = sample("http_2_null")
    event["requestContext"]["http"] |= {"path": "/health"}
    answer = ask(stage, {**event, "routeKey": "GET /health", "rawPath": "/health", "pathParameters": None})
    assert (answer["statusCode"], answer["body"]) == (503, "ill")


def test_a_body_comes_with_a_delete_in_a_function_too(stage: Stage) -> None:
    api(stage.app, "Drop", "/my/path", "delete", lambda event: event["body"])
    event = sample("http_2")
    event["requestContext"]["http"] |= {"method": "DELETE"}
    assert ask(stage, event)["body"] == "Hello from Lambda"


@pytest.mark.parametrize("name", ["http_1", "http_2"])
def test_cookies_are_told_to_aws_in_the_words_of_each_format(stage: Stage, name: str) -> None:
    told = {"statusCode": 200, "headers": {"X-One": "1"}, "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]}}
    api(stage.app, "Task", "/my/path", "any", lambda event: told)
    answer = ask(stage, sample(name))
    assert answer["headers"] == {"x-one": "1"}
    cookies = answer["cookies"] if name == "http_2" else answer["multiValueHeaders"]["set-cookie"]
    assert cookies == ["a=1", "b=2"]


def test_an_answer_in_bytes_goes_to_aws_in_base64(stage: Stage) -> None:
    api(stage.app, "Image", "/my/path", "any", lambda event: b"\x89PNG")
    answer = ask(stage, sample("http_2"))
    assert (base64.b64decode(answer["body"]), answer["isBase64Encoded"]) == (b"\x89PNG", True)


# ── what is told of them ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_document_describes_what_is_known_of_each_route() -> None:
    app = new_app()
    api(app, "Any", "/x/{id}", "any")
    api(app, "Get", "/x/{id}", "get")
    api(app, "Health", "/health", "get")
    app.task(Http("GET", "/typed"), name="typed")(lambda: None)
    told = json.loads(json.dumps(document(app, routes_of(app))))
    (name,) = [parameter["name"] for parameter in told["paths"]["/x/{id}"]["get"]["parameters"]]
    assert name == "id"
    assert set(told["paths"]["/x/{id}"]) == {"get", "post", "put", "patch", "delete", "head", "options"}
    assert told["paths"]["/x/{id}"]["get"]["operationId"] == "Get"
    assert "requestBody" in told["paths"]["/x/{id}"]["post"]
    assert told["paths"]["/health"]["get"]["operationId"] == "Health"
    assert told["paths"]["/results/{id}"]["get"]["operationId"] == "result"
    ids = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


def test_the_template_has_each_route_open_to_anybody() -> None:
    app = new_app()
    api(app, "Any", "/x", "any")
    made = template(app, "t:app", "prod", Settings(), ZIPPED)
    routes = {
        made["Properties"]["RouteKey"]: made["Properties"]["AuthorizationType"]
        for made in made["Resources"].values()
        if made["Type"] == "AWS::ApiGatewayV2::Route"
    }
    assert routes == {"ANY /x": "NONE"}
