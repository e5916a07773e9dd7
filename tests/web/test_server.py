"""The server's limits: how long it waits, how much it takes, and that whatever it refuses is a problem document."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from tests.web.served import until
from tests.web.serving import Serving, everything, serving

from ebbtide import App, Http, Queue
from ebbtide.runners.loop import ASYNC_MARGIN
from ebbtide.web.body import Bodies
from ebbtide.web.calls import AFTER_OVERRUN, Settings
from ebbtide.web.server import Protocol

GET = b"GET /echo?text=a HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /echo?text=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def make_app() -> App:
    app = App("site", queues=[Queue("short", timeout=0.3)], broker="memory://")

    @app.task(Http("GET", "/echo"))
    def echo(text: str = "") -> str:
        return text

    @app.task(Http("POST", "/size", max_body=100_000))
    async def size(content: bytes) -> int:
        return len(content)

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[Serving]:
    with serving(make_app()) as made:
        yield made


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def problem_of(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    told: dict[str, object] = json.loads(body)
    assert set(told) == {"type", "title", "status", "detail", "errors"}
    assert told["status"] == status_of(answer)
    return told


def test_requests_on_one_connection_are_answered_in_turn_also_if_sent_at_once(site: Serving) -> None:
    answer = site.raw(GET + GET + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b'"a"') == 2
    assert answer.endswith(b'"b"')


def test_a_head_request_is_answered_without_a_body(site: Serving) -> None:
    answer = site.raw(LAST.replace(b"GET", b"HEAD"))
    assert b"content-length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_an_absolute_target_is_understood(site: Serving) -> None:
    assert status_of(site.raw(LAST.replace(b"/echo", b"http://localhost/echo"))) == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: a\r\nBroken\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 200_000, 431),
        (b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /size HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n", 413),
    ],
)
def test_what_is_no_request_of_ours_is_answered_once_and_the_connection_closed(
    site: Serving, data: bytes, status: int
) -> None:
    answer = site.raw(data)
    assert problem_of(answer)["status"] == status
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_is_read_whole_up_to_the_limit(site: Serving) -> None:
    assert site.request("POST", "/size", b"x" * 100_000).json == 100_000


def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(site: Serving) -> None:
    with site.connect() as connection:
        head = (
            b"POST /size HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"ab")
        assert everything(connection).endswith(b"\r\n\r\n2")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_cut_and_its_sender_told_though_it_goes_on_sending(
    site: Serving, chunked: bool
) -> None:
    size, part = 20_000_000, b"x" * 100_000
    how = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    body = (b"%x\r\n%s\r\n" % (len(part), part) if chunked else part) * (size // len(part))
    answer = site.raw(b"POST /size HTTP/1.1\r\nHost: a\r\n" + how + b"\r\n\r\n" + body)
    assert problem_of(answer)["detail"] == "the body is over this route's limit of 100,000 bytes"


def test_a_slow_head_is_answered_408_and_a_silent_connection_closed() -> None:
    class Hasty(Protocol):
        head_seconds = 0.2

    with serving(make_app(), protocol=Hasty) as site:
        with site.connect() as silent:
            assert everything(silent) == b""
        with site.connect() as slow:
            slow.sendall(b"GET /echo HTTP/1.1\r\nHost: a\r\nX: ")
            until(lambda: _sent(slow, b"x") is False, 20)
        answer = site.raw(b"GET /echo HTTP/1.1\r\nHost: a\r\n")
        assert problem_of(answer)["status"] == 408
        with site.connect() as connection:  # the second request on a connection, too
            connection.sendall(GET)
            assert status_of(connection.recv(1000)) == 200
            connection.sendall(b"GET /ec")
            assert status_of(everything(connection)) == 408
        assert status_of(site.raw(LAST)) == 200


def _sent(connection: object, data: bytes) -> bool:
    try:
        connection.sendall(data)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def test_a_slow_body_is_answered_408() -> None:
    with serving(make_app(), bodies=Bodies(seconds=0.2)) as site:
        answer = site.raw(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert problem_of(answer)["detail"] == "the body did not arrive within 0.2 s"


def test_bodies_that_are_too_much_together_are_answered_503_and_their_room_is_given_back() -> None:
    with serving(make_app(), bodies=Bodies(held=150_000)) as site:
        with site.connect() as waiting:
            waiting.sendall(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 90_000)
            until(lambda: site.request("POST", "/size", b"x" * 90_000).status == 503)
            reply = site.request("POST", "/size", b"x" * 90_000)
            assert reply.problem["detail"] == "too many bodies arrive at once"
            assert reply.headers["retry-after"] == "1"
        until(lambda: site.request("POST", "/size", b"x" * 90_000).status == 200)


def test_one_connection_too_many_is_answered_503() -> None:
    class Small(Protocol):
        max_connections = 2

    with serving(make_app(), protocol=Small) as site:
        with site.connect() as one, site.connect() as two:
            for connection in (one, two):  # answered, so both are there
                connection.sendall(GET)
                assert connection.recv(1000)
            assert problem_of(site.raw(LAST))["detail"] == "there are too many connections"
        until(lambda: status_of(site.raw(LAST)) == 200)


def test_more_calls_than_may_run_at_once_are_answered_503() -> None:
    app, held, gate = App("site", broker="memory://"), Event(), Event()

    @app.task(Http("GET", "/wait"))
    def wait() -> None:
        held.set()
        assert gate.wait(30)

    with serving(app, settings=Settings(concurrency=1)) as site, ThreadPoolExecutor(1) as threads:
        first = threads.submit(site.request, "GET", "/wait")
        assert held.wait(30)
        reply = site.request("GET", "/wait")
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        gate.set()
        assert first.result().status == 204


def test_calls_wait_for_a_thread_and_their_time_runs_from_their_start() -> None:
    app = make_app()

    @app.task(Http("GET", "/nap"), queue=Queue("mid", timeout=2))
    def nap() -> str:
        time.sleep(0.8)
        return "done"

    with serving(app, settings=Settings(threads=1)) as site, ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: site.request("GET", "/nap"), range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert site.overran == 0


def test_a_def_that_overruns_is_answered_504_and_its_process_is_to_end() -> None:
    app, gate = make_app(), Event()

    @app.task(Http("GET", "/stuck"), queue="short")
    def stuck() -> None:
        gate.wait(30)

    with serving(app) as site:
        assert site.request("GET", "/stuck").problem["detail"] == "the task ran longer than it may"
        assert site.overran == 1
        assert site.limit.started == [0.3 + AFTER_OVERRUN]
        gate.set()


def test_an_async_def_that_overruns_is_cancelled_and_answered_504() -> None:
    app, cancelled = make_app(), Event()

    @app.task(Http("GET", "/stuck"), queue="short")
    async def stuck() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.set()

    with serving(app) as site:
        assert site.request("GET", "/stuck").status == 504
        assert cancelled.wait(30)
        assert site.overran == 0
        assert site.limit.started == [0.3 + ASYNC_MARGIN]


def test_one_that_blocks_its_loop_holds_up_no_other_page() -> None:
    app, held, gate = make_app(), Event(), Event()

    @app.task(Http("GET", "/block"))
    async def block() -> None:
        held.set()
        gate.wait(30)

    with serving(app) as site, ThreadPoolExecutor(1) as threads:
        blocking = threads.submit(site.request, "GET", "/block")
        assert held.wait(30)
        assert site.request("GET", "/echo?text=a").json == "a"
        gate.set()
        assert blocking.result().status == 204
