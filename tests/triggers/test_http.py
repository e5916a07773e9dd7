"""The HTTP trigger without a server: what it refuses at declaration, and what it makes of events."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from tests.triggers.reading import target

from ebbtide import App, Http
from ebbtide.errors import DeclarationError, EnvelopeError
from ebbtide.trigger import Route
from ebbtide.triggers.http import Body, Header, Query
from ebbtide.triggers.http_problem import Problem


class Colour(Enum):
    RED = "#ff0000"
    BLUE = 2


@dataclass
class Order:
    item: str
    count: int = 1
    flag: bool = False


Function = Callable[..., Any]


def event(
    method: str = "POST",
    query: str = "",
    body: bytes | str | None = None,
    path: dict[str, str] | None = None,
    **headers: str,
) -> dict[str, Any]:
    """An event of payload format 2.0."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {} if body is None or "content-type" in named else {"content-type": "application/json"}
    made: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/x",
        "rawQueryString": query,
        "headers": {**kind, **named},
        "pathParameters": path or {},
        "requestContext": {"http": {"method": method}},
    }
    if isinstance(body, bytes):
        return {**made, "body": b64encode(body).decode(), "isBase64Encoded": True}
    return made if body is None else {**made, "body": body, "isBase64Encoded": False}


def arguments(function: Function, given: dict[str, Any], route: str = "/x") -> dict[str, Any]:
    """What the function would be called with, by name; read by the trigger and by the task."""
    app = App("a")
    task = app.task(Http(given["requestContext"]["http"]["method"], route), name="work")(function)
    args, kwargs = task.triggers[0].arguments(given)
    json.dumps([args, kwargs])
    unpacked, named = task.signature.unpack(args, kwargs)
    return {**dict(zip(task.signature.parameters, unpacked, strict=False)), **named}


def refusal(function: Function, given: dict[str, Any], route: str = "/x") -> Problem:
    """The problem that these arguments are refused with."""
    with pytest.raises(Problem) as caught:
        arguments(function, given, route)
    return caught.value


def faults(function: Function, given: dict[str, Any], route: str = "/x") -> list[tuple[str, str | None, str]]:
    """The faults of a request that can be read but does not fit."""
    problem = refusal(function, given, route)
    assert problem.status == 422
    return [(fault.place, fault.parameter, fault.reason) for fault in problem.faults]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Http("FETCH", "/x"), "one of GET, POST, PUT, PATCH, DELETE."),
        (lambda: Http("POTS", "/x"), "Did you mean 'POST'?"),
        (lambda: Http("post", "/x"), "Write 'POST'."),
        (lambda: Http("HEAD", "/x"), "one of GET"),
        (lambda: Http("GET", "x"), "begins with a slash: '/x'"),
        (lambda: Http("GET", ""), "begins with a slash: '/'"),
        (lambda: Http("GET", "/x/"), "write '/x'"),
        (lambda: Http("GET", "/x//y"), "write '/x/y'"),
        (lambda: Http("GET", "/{a}/{a}"), "{a} stands twice"),
        (lambda: Http("GET", "/{a b}"), "must hold the name of a parameter"),
        (lambda: Http("GET", "/{}"), "must hold the name of a parameter"),
        (lambda: Http("GET", "/{a+}/b"), "must be the last"),
        (lambda: Http("GET", "/a{b}"), "must be a parameter by itself"),
        (lambda: Http("GET", "/a b"), "must be a parameter by itself, as {name}, or letters"),
        (lambda: Http("GET", "/a%20b"), "no %"),
        (lambda: Http("GET", "/a?b=1"), "letters, digits"),
        (lambda: Http("GET", "/../x"), "'..'"),
        (lambda: Http("GET", "/x", max_body=-1), "max_body=-1 must be a number of bytes"),
        (lambda: Http("GET", "/health"), "the server's own; choose another path"),
        (lambda: Http("GET", "/results/{anything}"), "the server's own"),
    ],
)
def test_a_route_that_cannot_be_is_refused_with_the_cure(make: Callable[[], Http], told: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert told in str(caught.value)


def lacks(month: int) -> None: ...


def has_body(body: bytes) -> None: ...


def has_json(order: Annotated[Order, Body()]) -> None: ...


def has_order(order: Order) -> None: ...


def has_two(one: bytes, two: bytes) -> None: ...


def has_list(year: list[int]) -> None: ...


def says_twice(page: int, other: Annotated[int, Query("page")]) -> None: ...


def has_order_header(order: Annotated[Order, Header()]) -> None: ...


@pytest.mark.parametrize(
    ("http", "function", "told"),
    [
        (Http("GET", "/{year}"), lacks, "its route has {year}, its function no such parameter; add 'year'"),
        (Http("GET", "/x"), has_body, "GET has no body for parameter 'body'; use POST, PUT or PATCH"),
        (Http("DELETE", "/x"), has_json, "DELETE has no body for parameter 'order'"),
        (Http("GET", "/x"), has_order, "a Order cannot be written in a query, as parameter 'order' is; send it in the"),
        (Http("POST", "/x"), has_two, "'one' and 'two' would both be the whole body; keep one"),
        (Http("GET", "/{year}"), has_list, "a list cannot be written in a path"),
        (Http("POST", "/x"), says_twice, "'page' and 'other' are both 'page' in the query; rename one"),
        (Http("POST", "/x"), has_order_header, "a Order cannot be written in a header"),
    ],
)
def test_a_function_that_cannot_be_called_by_its_route_is_refused_with_the_cure(
    http: Http, function: Function, told: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        App("a").task(http)(function)
    assert told in str(caught.value)
    assert f"task {function.__name__!r}" in str(caught.value)


def test_two_tasks_cannot_share_a_route_whatever_its_parameters_are_called() -> None:
    app = App("a")

    @app.task(Http("GET", "/x/{one}"))
    def first(one: int) -> None: ...

    with pytest.raises(DeclarationError, match=r"tasks 'first' and 'second' both have GET /x/\{\}; change one"):

        @app.task(Http("GET", "/x/{two}"))
        def second(two: int) -> None: ...

    @app.task(Http("POST", "/x/{one}"))
    def third(one: int) -> None: ...

    assert list(app.tasks) == ["first", "third"]


def test_a_task_cannot_have_a_route_twice() -> None:
    with pytest.raises(DeclarationError, match="task 'work' has GET /x twice; leave one out"):

        @App("a").task(Http("GET", "/x"), Http("GET", "/x"))
        def work() -> None: ...


def test_a_route_is_a_frozen_value() -> None:
    http = Http("GET", "/x")
    assert http == Http("GET", "/x") != Http("GET", "/y")
    assert hash(http) == hash(Http("GET", "/x"))
    assert {Http("GET", "/x"), http} == {http}
    with pytest.raises(AttributeError, match="frozen"):
        http.path = "/z"
    assert repr(Http("POST", "/x", asynchronous=True)) == "Http('POST', '/x', asynchronous=True)"


def test_parameters_come_from_path_query_header_and_body_each_by_its_annotation() -> None:
    def work(
        year: int,
        when: datetime,
        token: Annotated[str, Header("X-Token")],
        page_size: Annotated[int, Header()],
        size: Annotated[int, Query("page-size")],
        order: Order,
        tags: list[str],
    ) -> None: ...

    given = event(
        query="when=2027-01-01T00:00:00Z&page-size=5&tags=a&tags=b",
        body='{"order": {"item": "tea"}}',
        path={"year": "2027"},
        x_token="t",
        page_size="7",
    )
    assert arguments(work, given, "/x/{year}") == {
        "year": 2027,
        "when": datetime(2027, 1, 1, tzinfo=UTC),
        "token": "t",
        "page_size": 7,
        "size": 5,
        "order": Order("tea"),
        "tags": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "-5", -5),
        (float, "1.5", 1.5),
        (float, "2", 2),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (bool, "false", False),
        (str, "5", "5"),
        (str, "true", "true"),
        (str, "", ""),
        (Any, "5", "5"),
        (Decimal, "1.50", Decimal("1.50")),
        (UUID, "0190163d-8694-739b-aea5-966c26f8ad91", UUID("0190163d-8694-739b-aea5-966c26f8ad91")),
        (date, "2027-01-01", date(2027, 1, 1)),
        (timedelta, "PT1.5S", timedelta(seconds=1.5)),
        (timedelta, "90", timedelta(seconds=90)),
        (Colour, "RED", Colour.RED),
        (Colour, "%23ff0000", Colour.RED),
        (Colour, "2", Colour.BLUE),
        (int | str, "5", 5),
        (int | str, "x", "x"),
        (bool | int, "true", True),
        (bool | int, "1", 1),
        (int | None, "5", 5),
        (list[int], "1", [1]),
        (set[str], "a&x=b", {"a", "b"}),
        (tuple[int, ...], "1&x=2", (1, 2)),
        (list[bool] | None, "true&x=false", [True, False]),
        (str, "caf%C3%A9+au%20lait", "café au lait"),
    ],
)
def test_text_becomes_what_the_annotation_says(annotation: Any, text: str, value: Any) -> None:
    def work(x: Any) -> None: ...

    work.__annotations__["x"] = annotation
    got = arguments(work, event("GET", f"x={text}"))["x"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text", "reason"),
    [
        (int, "x", "expected int, got str 'x'"),
        (int, "", "expected int, got str ''"),
        (int, "1.0", "expected int"),
        (int, "true", "expected int"),
        (int, "%2B1", "expected int"),
        (int, "1_000", "expected int"),
        (int, "%D9%A3", "expected int"),  # a digit of another script
        (int, "9" * 4301, "expected int"),
        (bool, "yes", "expected bool"),
        (bool, "1", "expected bool"),
        (float, "NaN", "expected float"),
        (float, "1e999", "expected float"),
        (Decimal, "NaN", "NaN and infinity"),
        (Colour, "GREEN", "its members are RED, BLUE"),
        (list[int], "1&x=b", "[1]: expected int"),
        (int, "1&x=2", "is given 2 times, and is no list"),
    ],
)
def test_text_that_does_not_fit_is_refused_by_name(annotation: Any, text: str, reason: str) -> None:
    def work(x: Any) -> None: ...

    work.__annotations__["x"] = annotation
    ((place, name, told),) = faults(work, event("GET", f"x={text}"))
    assert (place, name) == ("query", "x")
    assert reason in told


def test_every_fault_of_a_request_is_told() -> None:
    def work(year: int, page: int, note: str) -> None: ...

    found = faults(work, event(query="pgae=1", body='{"note": 5, "more": 1}', path={"year": "x"}), "/x/{year}")
    assert found == [
        ("query", "pgae", "is unknown. Did you mean 'page'?"),
        ("body", "more", "is unknown. Known: note, page."),
        ("path", "year", "expected int, got str 'x'"),
        ("body", "page", "is missing; give it as a member of the body's JSON object, or in the query"),
        ("body", "note", "expected str, got int 5"),
    ]


def test_what_is_left_out_takes_the_functions_default() -> None:
    def work(page: int = 3, note: str | None = None) -> None: ...

    assert arguments(work, event()) == {}
    assert arguments(work, event(body="{}")) == {}
    assert arguments(work, event(body='{"note": null}')) == {"note": None}


def test_a_member_and_a_query_parameter_of_one_name_are_one_too_many() -> None:
    def work(page: int) -> None: ...

    assert faults(work, event(query="page=1", body='{"page": 1}')) == [("query", "page", "is given in the body, too")]


def test_a_boolean_is_no_number_wherever_it_stands() -> None:
    def work(order: Order, rates: dict[str, float], either: list[int | bool]) -> None: ...

    good = {"order": {"item": "a", "flag": True}, "rates": {"a": 1}, "either": [True, 1]}
    assert arguments(work, event(body=json.dumps(good)))["either"] == [True, 1]
    bad = {**good, "order": {"item": "a", "count": True}, "rates": {"a": False}}
    assert faults(work, event(body=json.dumps(bad))) == [
        ("body", "order", "['count']: expected a number, got a boolean"),
        ("body", "rates", "['a']: expected a number, got a boolean"),
    ]


def test_one_parameter_of_bytes_is_the_body_as_it_is_and_the_others_are_in_the_query() -> None:
    def work(content: bytes, kind: str = "") -> None: ...

    assert arguments(work, event(query="kind=x", body=b"\xff\x00")) == {"content": b"\xff\x00", "kind": "x"}
    assert arguments(work, event(body="text", content_type="text/plain")) == {"content": b"text"}
    assert arguments(work, event()) == {"content": b""}


def test_one_parameter_may_be_the_whole_json_body() -> None:
    def work(order: Annotated[Order, Body()], dry: bool = False) -> None: ...

    assert arguments(work, event(query="dry=true", body='{"item": "a"}')) == {"order": Order("a"), "dry": True}
    assert faults(work, event(body="[]")) == [("body", "order", "expected Order, got list")]
    assert faults(work, event()) == [("body", "order", "is missing; it is the body, as JSON")]


def test_a_function_that_takes_any_name_is_given_what_nobody_asked_for() -> None:
    def work(page: int, **others: Any) -> None: ...

    given = event(query="a=1&a=2&b=x", body='{"page": 1, "c": [1]}')
    assert arguments(work, given) == {"page": 1, "a": ["1", "2"], "b": "x", "c": [1]}


def test_positional_only_parameters_are_given_by_position() -> None:
    def work(a: int = 1, b: int = 2, /, c: int = 3) -> None: ...

    assert arguments(work, event("GET", "a=5&b=6&c=7")) == {"a": 5, "b": 6, "c": 7}
    assert arguments(work, event("GET", "a=5")) == {"a": 5}
    assert faults(work, event("GET", "b=6")) == [("query", "a", "must be given where 'b' is")]


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        (event(body='{"page": NaN}'), 400, "NaN is not JSON"),
        (event(body='{"page": 1, "page": 2}'), 400, "'page' stands twice"),
        (event(body="{"), 400, "not JSON"),
        (event(body=b"\xff"), 400, "not UTF-8 at byte 0"),
        (event(body="[" * 100_000), 400, "nested too deeply"),
        (event(body="{}", content_type="text/plain"), 415, "must be application/json, not 'text/plain'"),
        (event(body="{}", content_type=""), 415, "Content-Type must say so"),
        (event(body="{}", content_type="application/json; charset=latin-1"), 415, "must be UTF-8, not 'latin-1'"),
        (event(body="{}", content_encoding="gzip"), 415, "uncompressed, not as 'gzip'"),
        (event(body="[]"), 422, "a JSON object is expected, not a list"),
        (event(query="page=%zz"), 400, "not followed by two hexadecimal digits"),
        (event(query="page=%FF"), 400, "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(given: dict[str, Any], status: int, told: str) -> None:
    def work(page: int) -> None: ...

    problem = refusal(work, given)
    assert problem.status == status
    assert told in str(problem)
    assert json.loads(problem.as_json())["status"] == status


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.x+json"])
def test_json_goes_by_several_content_types(kind: str) -> None:
    def work(page: int) -> None: ...

    assert arguments(work, event(body='{"page": 1}', content_type=kind)) == {"page": 1}


def test_an_event_of_another_kind_is_refused() -> None:
    def work() -> None: ...

    task = App("a").task(Http("GET", "/x"))(work)
    with pytest.raises(EnvelopeError, match=r"no HTTP request of payload format 2\.0"):
        task.triggers[0].arguments({"Records": []})


def test_a_name_that_is_defined_after_the_task_is_resolved_with_the_first_request() -> None:
    app = App("a")

    def work(later: Annotated[Later, Body()]) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - it is defined below

    task = app.task(Http("POST", "/x"))(work)
    globals()["Later"] = Order
    try:
        assert task.triggers[0].arguments(event(body='{"item": "a"}')) == ([], {"later": {"item": "a"}})
        with pytest.raises(Problem, match="expected Order"):
            task.triggers[0].arguments(event(body="1"))
    finally:
        del globals()["Later"]


@pytest.mark.parametrize(
    ("path", "segments", "found"),
    [
        ("/", [""], {}),
        ("/a/{b}", ["a", "x/y"], {"b": "x/y"}),
        ("/a/{b}", ["a", ""], None),
        ("/a/{b}", ["a"], None),
        ("/a/{b}", ["a", "b", "c"], None),
        ("/a/{b+}", ["a", "b", "c"], {"b": "b/c"}),
        ("/a/{b+}", ["a"], None),
        ("/{a}/{b+}", ["1", "2", "3"], {"a": "1", "b": "2/3"}),
    ],
)
def test_a_route_matches_its_segments(path: str, segments: list[str], found: dict[str, str] | None) -> None:
    assert Http("GET", path).match(segments) == found


# On AWS


@pytest.mark.parametrize("authorization", [None, "public", "iam", "customers"])
def test_a_route_is_asked_for_with_who_may_call_it(authorization: str | None) -> None:
    app = App("t")

    @app.task(Http("POST", "/reports/{year}", authorization=authorization))
    def report(year: int) -> None: ...

    asked = app.tasks["report"].triggers[0].asks(target("report"))
    assert asked.route == Route("POST", "/reports/{year}", authorization)
    assert not asked.resources


def test_who_may_call_it_is_part_of_a_route() -> None:
    assert Http("GET", "/a", authorization="iam") != Http("GET", "/a")
    assert repr(Http("GET", "/a", authorization="iam")) == "Http('GET', '/a', authorization='iam')"


@pytest.mark.parametrize("wrong", ["", "no spaces", "-x", "x" * 65, 7, True])
def test_who_may_call_it_is_a_name(wrong: Any) -> None:
    with pytest.raises(DeclarationError, match="must be 'public', 'iam', or the name of an authorizer"):
        Http("GET", "/a", authorization=wrong)
