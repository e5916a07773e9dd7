"""What an app's routes answer, served by a real web process beside a real worker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.web.served import Served, served, until
from tests.web.serving import serving

from ebbtide import App, Http, Message
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import StorageError, StorageFull

SOURCE = '''
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from ebbtide import App, Delivery, Http, Queue, Retry, RetryPolicy
from ebbtide.triggers.http import Body, Header
from ebbtide.triggers.http_response import Response

def seen(message, call_next):
    with Path("seen").open("a") as file:
        file.write(f"{message.task} {message.lineage.depth}\\\\n")
    return call_next(message)

queues = [Queue("mute", results=0), Queue("quick", timeout=0.5)]
app = App("shop", queues=queues, broker="sqlite:///shop.db", middleware=[seen])

@dataclass
class Order:
    item: str
    count: int = 1

@app.task(Http("POST", "/orders/{year}"))
def order(year: int, order: Annotated[Order, Body()], token: Annotated[str, Header("X-Token")] = "") -> Order:
    """Take an order.

    All of it.
    """
    return Order(f"{order.item} {year} {token}", order.count)

@app.task(Http("GET", "/hello"), Http("GET", "/hello/{name}"))
async def hello(name: str = "you") -> str:
    return f"hello {name}"

@app.task(Http("GET", "/files/{path+}"))
def file(path: str) -> bytes:
    return path.encode()

@app.task(Http("GET", "/files/about"))
def about() -> str:
    return "about"

@app.task(Http("DELETE", "/files/{name}"))
def remove(name: str) -> None: ...

@app.task(Http("GET", "/answer"))
def answer(status: int = 201, header: str = "X-A", value: str = "b", text: bool = False) -> Response:
    return Response(status, {header: value}, b"bytes" if text else {"a": [1]})

@app.task(Http("GET", "/fails"))
def fails(how: str) -> Any:
    if how == "retry":
        raise Retry(after=7)
    if how == "exit":
        raise SystemExit(3)
    if how == "value":
        return object()
    raise ValueError("/etc/secret")

@app.task(Http("GET", "/muted"), queue="mute")
def muted() -> str:
    return "loud"

@app.task(Http("GET", "/nested"))
def nested() -> str:
    return hello.enqueue("nobody").id

@app.task(Http("GET", "/context"), takes_context=True)
def context(delivery: Delivery, more: int = 1) -> list[int]:
    return [delivery.attempt, more, round(delivery.deadline - time.time())]

@app.task(Http("GET", "/headers"), takes_context=True)
def headers(delivery: Delivery) -> dict[str, str]:
    return delivery.message.headers

@app.task(Http("POST", "/jobs", asynchronous=True), retry=RetryPolicy(attempts=1))
def job(number: int) -> int:
    if number < 0:
        raise ValueError("/etc/secret")
    with Path("ran").open("a") as file:
        file.write(f"{number}\\\\n")
    return 2 * number

@app.task(Http("POST", "/mute-jobs", asynchronous=True), queue="mute")
def mute_job() -> None: ...

@app.task(Http("POST", "/long"), queue="quick", retry=RetryPolicy(attempts=1))
def long() -> None:
    time.sleep(1)

@app.task(Http("POST", "/once"), retry=RetryPolicy(attempts=1))
def once(number: int) -> Response:
    if number < 0:
        raise ValueError("no")
    with Path("ran").open("a") as file:
        file.write(f"{number}\\\\n")
    return Response(201, {"X-Number": str(number)}, number)
'''.replace("\\\\n", "\\n")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SOURCE)
    with served(folder, "shop:app", "-p", "1") as made:
        yield made


def ran(shop: Served, number: int) -> int:
    return (shop.folder / "ran").read_text().split().count(str(number))


def test_a_call_is_answered_with_its_value_as_json(shop: Served) -> None:
    reply = shop.send_json("POST", "/orders/2027", {"item": "tea", "count": 2}, X_Token="t")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == {"item": "tea 2027 t", "count": 2}


def test_it_runs_within_the_apps_middleware_and_begins_a_chain_of_its_own(shop: Served) -> None:
    id = shop.request("GET", "/nested").json
    assert shop.request("GET", f"/results/{id}?wait=20").json["return_value"] == "hello nobody"
    seen = (shop.folder / "seen").read_text().splitlines()
    assert {"nested 0", "hello 1"} <= set(seen)


def test_a_task_may_have_several_routes_and_the_most_specific_one_wins(shop: Served) -> None:
    assert shop.request("GET", "/hello").json == "hello you"
    assert shop.request("GET", "/hello/a%2Fb").json == "hello a/b"
    assert shop.request("GET", "/files/about").json == "about"
    assert shop.request("GET", "/files/about/b%20c").body == b"about/b c"


def test_bytes_nothing_and_a_response_are_answered_as_they_are(shop: Served) -> None:
    reply = shop.request("GET", "/files/x")
    assert (reply.headers["content-type"], reply.body) == ("application/octet-stream", b"x")
    assert shop.request("DELETE", "/files/x")[0::2] == (204, b"")
    reply = shop.request("GET", "/answer")
    assert (reply.status, reply.headers["x-a"], reply.json) == (201, "b", {"a": [1]})
    assert shop.request("GET", "/answer?text=true&header=Content-Type&value=text/x").headers["content-type"] == "text/x"
    assert shop.request("GET", "/answer?status=204").body == b""


@pytest.mark.parametrize(
    "query",
    [
        "status=99",
        "status=600",
        "status=100",
        "header=a%20b",
        "value=a%0Ab",
        "header=Content-Length",
        "value=%E2%82%AC",
    ],
)
def test_a_response_that_cannot_be_sent_is_a_500_and_told_in_the_log(shop: Served, query: str) -> None:
    assert shop.request("GET", f"/answer?{query}").problem["status"] == 500
    assert "answer " in shop.said


@pytest.mark.parametrize("how", ["raise", "exit", "value"])
def test_a_failure_is_a_500_that_tells_nothing_and_the_log_tells_all(shop: Served, how: str) -> None:
    reply = shop.request("GET", f"/fails?how={how}")
    assert reply.problem == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the task failed",
        "errors": [],
    }
    assert re.search(
        {"raise": "ValueError: /etc/secret", "exit": "SystemExit: 3", "value": "CallRefused"}[how], shop.said
    )
    assert shop.request("GET", "/hello").status == 200


def test_a_retry_is_a_503_that_says_when(shop: Served) -> None:
    reply = shop.request("GET", "/fails?how=retry")
    assert (reply.problem["status"], reply.headers["retry-after"]) == (503, "7")


def test_the_trace_of_a_request_goes_on_in_its_task(shop: Served) -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "x=1"}
    assert shop.request("GET", "/headers", None, trace).json == trace
    assert shop.request("GET", "/headers", None, {"traceparent": "nonsense"}).json == {}


def test_a_value_is_answered_also_where_the_queue_keeps_no_results(shop: Served) -> None:
    assert shop.request("GET", "/muted").json == "loud"


def test_a_task_with_context_is_given_its_only_attempt_and_its_deadline(shop: Served) -> None:
    assert shop.request("GET", "/context?more=2").json == [1, 2, 60]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/hello/", 404),
        ("GET", "/hello/a/b", 404),
        ("GET", "/orders/x", 405),
        ("PUT", "/files/x", 405),
        ("POST", "/health", 405),
        ("GET", "/hello?naem=x", 422),
        ("POST", "/orders/x", 422),
        ("GET", "/files/%FF", 400),
        ("GET", "/health?x=1", 422),
        ("GET", "/results/none", 404),
        ("GET", "/results/none?wait=31", 422),
        ("GET", "/results/none?wait=x", 422),
        ("GET", "/results/none?wiat=1", 422),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_a_problem_of_the_one_shape(
    shop: Served, method: str, path: str, status: int
) -> None:
    reply = shop.request(method, path)
    assert reply.problem["status"] == reply.status == status
    if status == 405:
        listed = {"/orders/x": "POST", "/files/x": "DELETE, GET, HEAD", "/health": "GET, HEAD"}
        assert reply.headers["allow"] == listed[path]


def test_an_asynchronous_call_is_accepted_and_its_result_can_be_waited_for(shop: Served) -> None:
    reply = shop.send_json("POST", "/jobs", {"number": 7})
    assert reply.status == 202
    assert reply.json == {"id": reply.json["id"], "status": "READY", "result": f"/results/{reply.json['id']}"}
    assert reply.headers["location"] == reply.json["result"]
    assert reply.headers["retry-after"] == "1"
    result = shop.request("GET", f"{reply.json['result']}?wait=20").json
    assert (result["status"], result["return_value"], result["errors"]) == ("SUCCESSFUL", 14, [])
    assert (result["task"], result["attempts"]) == ("job", 1)


def test_a_failed_result_names_the_class_of_its_errors_alone(shop: Served) -> None:
    reply = shop.send_json("POST", "/jobs", {"number": -1})
    result = shop.request("GET", f"{reply.json['result']}?wait=20").json
    assert result["status"] == "FAILED"
    assert result["errors"] == [{"attempt": 1, "exception_class": "builtins.ValueError"}]


def test_where_no_results_are_kept_there_is_no_address_of_one(shop: Served) -> None:
    reply = shop.send_json("POST", "/mute-jobs", {})
    assert (reply.status, reply.json["result"], reply.headers.get("location")) == (202, None, None)
    assert shop.request("GET", "/muted", None, {"Idempotency-Key": "k"}).status == 422


@pytest.mark.parametrize(("path", "status"), [("/jobs", 202), ("/once", 201)])
def test_requests_under_one_key_are_one_call_with_one_answer(shop: Served, path: str, status: int) -> None:
    number = status

    def post(_: int) -> Any:
        return shop.send_json("POST", path, {"number": number}, Idempotency_Key=f"key{path}")

    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(post, range(8)))
    assert {reply.status for reply in replies} == {status}
    assert len({(reply.body, reply.headers.get("x-number"), reply.headers.get("location")) for reply in replies}) == 1
    if status == 202:
        shop.request("GET", f"{replies[0].json['result']}?wait=20")
    assert ran(shop, number) == 1
    other = shop.send_json("POST", path, {"number": number + 1}, Idempotency_Key=f"key{path}")
    (fault,) = other.problem["errors"]
    assert (other.status, fault["in"], fault["parameter"]) == (422, "header", "Idempotency-Key")


def test_a_keyed_call_that_fails_or_takes_long_says_so(shop: Served) -> None:
    assert (
        shop.send_json("POST", "/once", {"number": -1}, Idempotency_Key="fails").problem["detail"] == "the task failed"
    )
    reply = shop.send_json("POST", "/long", {}, Idempotency_Key="long")
    assert reply.status in (202, 504)  # whichever ends first: the wait for the result, or the call by its time limit


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256])
def test_a_key_that_is_none_is_refused(shop: Served, key: str) -> None:
    assert shop.send_json("POST", "/jobs", {"number": 1}, Idempotency_Key=key).problem["status"] == 400


def test_health_tells_queues_and_workers(shop: Served) -> None:
    reply = shop.ready().request("GET", "/health")  # a test before may have cost a worker
    told = reply.json
    assert (reply.status, told["status"], told["app"], told["workers"]) == (200, "ok", "shop", 1)
    assert set(told["queues"]) == {"default", "mute", "quick"}
    assert set(told["queues"]["default"]) == {"ready", "running", "delayed", "dead", "oldest"}


def test_openapi_describes_every_route(shop: Served) -> None:
    told = shop.request("GET", "/openapi.json").json
    assert told["openapi"] == "3.1.0"
    assert told["info"]["title"] == "shop"
    order = told["paths"]["/orders/{year}"]["post"]
    assert (order["operationId"], order["summary"]) == ("order", "Take an order.")
    assert order["description"] == "Take an order.\n\nAll of it."
    assert [(p["name"], p["in"], p["required"]) for p in order["parameters"]] == [
        ("year", "path", True),
        ("x-token", "header", False),
        ("Idempotency-Key", "header", False),
    ]
    assert order["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
    }
    assert {"200", "202", "4XX", "5XX"} == set(order["responses"])
    assert told["components"]["schemas"]["Order"]["required"] == ["item"]
    assert set(told["paths"]["/jobs"]["post"]["responses"]) == {"202", "4XX", "5XX"}
    assert "/files/{path}" in told["paths"]
    names = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)
    assert {"hello", "hello_get_hello_name", "health", "result"} <= set(names)
    for schema in told["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator({**schema, "components": told["components"]})


def test_each_request_is_told_in_one_line_with_verbose(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SOURCE)
    with served(tmp_path, "shop:app", "-p", "1", "-v") as made:
        made.request("GET", "/hello/a%0Ab?name=secret")
        until(lambda: "GET /hello/a" in made.said)
        lines = [line for line in made.said.splitlines() if "/hello" in line and "serves" not in line]
    assert len(lines) == 1
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    GET /hello/a%0Ab 422 in \d+ ms", lines[0])


def test_as_json_a_request_is_one_line_of_facts(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SOURCE)
    with served(tmp_path, "shop:app", "-p", "1", "-v", "--log-format", "json") as made:
        made.request("GET", "/hello")
        until(lambda: '"/hello"' in made.said)
        (told,) = [json.loads(line) for line in made.said.splitlines() if '"path": "/hello"' in line]
    assert (told["event"], told["level"]) == ("request", "INFO")
    assert {"method": "GET", "path": "/hello", "status": 200}.items() <= told["extra"].items()


class Full(MemoryBroker):
    """A broker whose disk is full."""

    def send(self, messages: Sequence[Message]) -> list[str]:
        raise StorageFull("/secret/queue.db: the disk is full")


class Broken(MemoryBroker):
    """A broker whose file cannot be read, and whose workers are counted."""

    def depth(self, queue: str) -> Any:
        raise StorageError("/secret/queue.db: not a database")


class Deserted(MemoryBroker):
    """A broker nobody receives from."""

    def workers(self) -> int:
        return 0


def test_a_queue_that_cannot_be_written_is_a_503_and_told_to_the_log_alone() -> None:
    app = App("full", broker=Full)

    @app.task(Http("POST", "/jobs", asynchronous=True))
    def job() -> None: ...

    with serving(app) as site:
        reply = site.request("POST", "/jobs")
        assert (reply.problem["status"], reply.headers["retry-after"]) == (503, "5")
        assert b"secret" not in reply.body
        assert site.troubles == ["/secret/queue.db: the disk is full"]


@pytest.mark.parametrize(
    ("broker", "reason"),
    [(Broken, "the queue cannot be read or written at present"), (Deserted, "no worker process lives")],
)
def test_health_is_a_503_with_the_reason(broker: type[MemoryBroker], reason: str) -> None:
    with serving(App("ill", broker=broker)) as site:
        reply = site.request("GET", "/health")
        assert (reply.problem["status"], reply.problem["detail"]) == (503, reason)
        assert b"secret" not in reply.body


def test_a_call_larger_than_the_apps_payload_is_a_413() -> None:
    app = App("small", broker="memory://", max_payload=1000)

    @app.task(Http("POST", "/jobs", asynchronous=True))
    def job(content: bytes) -> None: ...

    with serving(app) as site:
        assert site.request("POST", "/jobs", b"x" * 2000).problem["status"] == 413
