"""Traces and metrics, by the SDK's exporters in memory, and by a real worker process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.fakes import Clock, memory_app, receive, run_ready

from ebbtide.app import App
from ebbtide.contrib.opentelemetry import instrument
from ebbtide.errors import DeclarationError, Retry
from ebbtide.message import Message
from ebbtide.outcome import Failed, Succeeded
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy

QUEUES = (Queue("mail", lanes=2),)


class Seen:
    """An instrumented app, and what it exported."""

    def __init__(self) -> None:
        self.spans_of = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans_of))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])
        self.clock = Clock()
        self.app = memory_app(*QUEUES, clock=self.clock)

    def instrument(self, **options: Any) -> None:
        instrument(self.app, tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self, kind: SpanKind | None = None) -> list[ReadableSpan]:
        """In the order they began."""
        found = sorted(self.spans_of.get_finished_spans(), key=lambda span: span.start_time or 0)
        return [span for span in found if kind in (None, span.kind)]

    def points(self, name: str) -> list[tuple[Mapping[str, Any], Any]]:
        """Attributes and value of each point of a metric."""
        data = self._reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [(dict(p.attributes or {}), p) for m in metrics if m.name == name for p in m.data.data_points]


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    made.instrument()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def trace_of(span: ReadableSpan) -> int:
    assert span.context
    return int(span.context.trace_id)


def about(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def is_child(span: ReadableSpan, of: ReadableSpan) -> bool:
    return (
        span.parent is not None
        and of.context is not None
        and (span.parent.span_id, span.parent.trace_id) == (of.context.span_id, of.context.trace_id)
    )


def test_an_enqueue_is_a_producer_span_and_its_task_a_consumer_span_below_it(seen: Seen) -> None:
    @seen.app.task(queue="mail")
    def greet(name: str) -> str:
        return name

    id = greet.using(lane=1).enqueue("Ada").id
    run_ready(seen.app)
    sent, processed = seen.spans()
    assert (sent.name, sent.kind, processed.name, processed.kind) == (
        *("send mail", SpanKind.PRODUCER),
        *("process mail", SpanKind.CONSUMER),
    )
    assert is_child(processed, sent)
    same = {"messaging.system": "ebbtide", "messaging.destination.name": "mail", "ebbtide.task": "greet"}
    assert about(sent) == {
        **same,
        **{"messaging.operation.name": "send", "messaging.operation.type": "send", "messaging.message.id": id},
    }
    assert about(processed) == {
        **same,
        **{"messaging.operation.name": "process", "messaging.operation.type": "process"},
        **{"messaging.message.id": id, "messaging.message.conversation_id": id},
        **{"messaging.destination.partition.id": "1", "ebbtide.attempt": 1, "ebbtide.status": "succeeded"},
    }
    assert processed.status.status_code is StatusCode.UNSET


def test_an_enqueue_within_a_span_joins_its_trace(seen: Seen) -> None:
    @seen.app.task
    def work() -> None: ...

    with seen.tracers.get_tracer("web").start_as_current_span("GET /"):
        work.enqueue()
    run_ready(seen.app)
    outer, sent, processed = seen.spans()
    assert is_child(sent, outer)
    assert is_child(processed, sent)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_a_task_enqueues_joins_its_trace(seen: Seen, kind: str) -> None:
    @seen.app.task
    def last() -> None: ...

    def first() -> None:
        last.enqueue()

    async def afirst() -> None:
        await last.aenqueue()

    seen.app.task(first if kind == "def" else afirst).enqueue()
    run_ready(seen.app)
    spans = seen.spans()
    assert [span.kind for span in spans] == [SpanKind.PRODUCER, SpanKind.CONSUMER] * 2
    assert all(is_child(span, above) for above, span in pairwise(spans))


def test_within_a_task_its_span_is_the_current_one(seen: Seen) -> None:
    found: list[int] = []

    @seen.app.task
    async def work() -> None:
        found.append(trace.get_current_span().get_span_context().span_id)

    work.enqueue()
    run_ready(seen.app)
    (processed,) = seen.spans(SpanKind.CONSUMER)
    assert processed.context
    assert found == [processed.context.span_id]


def test_the_many_of_one_batch_are_children_of_one_span(seen: Seen) -> None:
    @seen.app.task
    def work(number: int) -> None: ...

    work.enqueue_many([(number,) for number in range(3)])
    run_ready(seen.app)
    (sent,) = seen.spans(SpanKind.PRODUCER)
    processed = seen.spans(SpanKind.CONSUMER)
    assert about(sent)["messaging.batch.message_count"] == 3
    assert len(processed) == 3
    assert all(is_child(span, sent) for span in processed)
    work.enqueue_many([])
    assert len(seen.spans(SpanKind.PRODUCER)) == 1


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_every_attempt_is_a_span_with_its_number_error_and_status(seen: Seen, kind: str) -> None:
    def fail() -> None:
        raise ValueError("no")

    async def afail() -> None:
        raise ValueError("no")

    task = seen.app.task(retry=RetryPolicy(attempts=2, base=0))(fail if kind == "def" else afail)
    task.enqueue()
    run_ready(seen.app)
    (sent,) = seen.spans(SpanKind.PRODUCER)
    first, second = seen.spans(SpanKind.CONSUMER)
    assert is_child(first, sent)
    assert is_child(second, sent)
    assert [about(span)["ebbtide.attempt"] for span in (first, second)] == [1, 2]
    assert [about(span)["ebbtide.status"] for span in (first, second)] == ["retried", "failed"]
    for span in (first, second):
        assert (span.status.status_code, about(span)["error.type"]) == (StatusCode.ERROR, "builtins.ValueError")
        (event,) = span.events
        assert (event.attributes or {})["exception.message"] == "no"


def test_asking_to_run_again_is_no_fault(seen: Seen) -> None:
    @seen.app.task
    def wait() -> None:
        raise Retry(after=10)

    wait.enqueue()
    run_ready(seen.app)
    (processed,) = seen.spans(SpanKind.CONSUMER)
    assert (processed.status.status_code, len(processed.events)) == (StatusCode.UNSET, 0)
    assert about(processed)["ebbtide.status"] == "retried"


def test_the_tasks_own_error_comes_through_even_one_that_cannot_be_shown(seen: Seen) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    @seen.app.task(retry=RetryPolicy(attempts=1))
    def work() -> None:
        raise Mute

    work.enqueue()
    (outcome,) = run_ready(seen.app)
    assert isinstance(outcome, Failed)
    assert outcome.error.exception_class.endswith("Mute")
    assert seen.spans(SpanKind.CONSUMER)[0].status.status_code is StatusCode.ERROR


def test_an_enqueue_that_is_refused_is_an_error_of_its_span(seen: Seen) -> None:
    @seen.app.task
    def work(number: int) -> None: ...

    work.using(key="k").enqueue(1)
    with pytest.raises(Exception, match="key 'k' is held"):
        work.using(key="k").enqueue(2)
    _, refused = seen.spans(SpanKind.PRODUCER)
    assert refused.status.status_code is StatusCode.ERROR


def test_own_headers_are_kept_and_a_context_they_bring_is_joined(seen: Seen) -> None:
    @seen.app.task
    def work() -> None: ...

    above = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    work.using(headers={"tenant": "acme", "traceparent": above, "tracestate": "vendor=1"}).enqueue()
    (delivery,) = receive(seen.app)
    headers = delivery.message.headers
    assert (headers["tenant"], headers["tracestate"]) == ("acme", "vendor=1")
    assert headers["traceparent"] != above
    (sent,) = seen.spans()
    assert trace_of(sent) == 0x4BF92F3577B34DA6A3CE929D0E0E4736


def test_a_message_without_a_context_begins_a_trace(seen: Seen) -> None:
    @seen.app.task
    def work() -> None: ...

    seen.app.broker.send([work.message()])
    assert isinstance(run_ready(seen.app)[0], Succeeded)
    (processed,) = seen.spans()
    assert processed.parent is None


def test_attempts_are_counted_by_status_and_measured(seen: Seen) -> None:
    @seen.app.task(retry=RetryPolicy(attempts=2, base=0))
    def work(number: int) -> None:
        if number == 1:
            raise ValueError

    work.enqueue_many([(0,), (1,), (2,)])
    seen.clock.forward(4)
    run_ready(seen.app)
    counted = {a["ebbtide.status"]: p.value for a, p in seen.points("ebbtide.task.attempts")}
    assert counted == {"succeeded": 2, "retried": 1, "failed": 1}
    assert sum(p.count for _, p in seen.points("messaging.process.duration")) == 4
    ((waited, point),) = seen.points("ebbtide.task.wait")
    assert (waited["ebbtide.task"], point.count, point.sum) == ("work", 3, 12.0)
    ((_, sent),) = seen.points("messaging.client.sent.messages")
    assert sent.value == 3


def test_the_depth_of_queues_is_reported_where_it_is_asked_for() -> None:
    seen = Seen()
    seen.instrument(depth=True)

    @seen.app.task(queue="mail")
    def greet() -> None: ...

    greet.enqueue()
    greet.using(delay=60).enqueue()
    found = {
        (a["messaging.destination.name"], a["ebbtide.state"]): p.value for a, p in seen.points("ebbtide.queue.depth")
    }
    assert {place: number for place, number in found.items() if number} == {
        ("mail", "ready"): 1,
        ("mail", "delayed"): 1,
    }
    assert len(found) == 8


def test_an_app_is_instrumented_once(seen: Seen) -> None:
    with pytest.raises(DeclarationError, match="app 't' is instrumented already"):
        seen.instrument()


def test_without_an_sdk_nothing_is_changed() -> None:
    app = memory_app()
    instrument(app)

    @app.task
    def work(number: int) -> int:
        return number

    sent = work.enqueue(1)
    (delivery,) = receive(app)
    assert delivery.message.headers == {}
    app.broker.extend([delivery], 0)
    assert isinstance(run_ready(app)[0], Succeeded)
    assert sent.get(0) == 1


def test_the_apps_own_middleware_stands_within() -> None:
    within: list[bool] = []

    def layer(message: Message, call_next: Any) -> Any:
        within.append(trace.get_current_span().get_span_context().is_valid)
        return call_next(message)

    seen = Seen()
    seen.app = App("t", broker="memory://", middleware=[layer])
    seen.instrument()

    @seen.app.task
    def work() -> None: ...

    work.enqueue()
    run_ready(seen.app)
    assert within == [True]


SHOP = """
import json, os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from ebbtide import App
from ebbtide.contrib.opentelemetry import instrument

class ToFile(SpanExporter):
    def export(self, spans):
        with open("spans", "a") as file:
            for s in spans:
                above = s.parent.span_id if s.parent else None
                told = [s.name, s.context.trace_id, s.context.span_id, above, os.getpid(), s.attributes["ebbtide.task"]]
                file.write(json.dumps(told) + "\\n")
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ToFile()))
trace.set_tracer_provider(provider)
app = App("shop", broker="sqlite:///shop.db")
instrument(app)

@app.task
async def second() -> None: ...

@app.task
def first() -> None:
    second.enqueue()
"""


def test_a_trace_goes_on_in_a_worker_process(tmp_path: Path) -> None:
    (tmp_path / "traced.py").write_text(SHOP)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ebbtide.cli", *words]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done

    run("enqueue", "traced:app", "first")
    log = run("worker", "traced:app", "-p", "1", "--drain", "--log-format", "json").stderr
    spans = [json.loads(line) for line in (tmp_path / "spans").read_text().splitlines()]
    by_place = {(name, task): (trace_id, id, above, pid) for name, trace_id, id, above, pid, task in spans}
    chain = [by_place[name, task] for task in ("first", "second") for name in ("send default", "process default")]
    assert len({trace_id for trace_id, *_ in chain}) == 1
    assert [above for _, _, above, _ in chain] == [None, *(id for _, id, _, _ in chain[:-1])]
    assert chain[0][3] != chain[1][3] == chain[2][3] == chain[3][3]
    told = [json.loads(line) for line in log.splitlines()]
    assert {event["trace_id"] for event in told if event["event"] == "task"} == {f"{chain[0][0]:032x}"}


MISSING = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import ebbtide
try:
    import ebbtide.contrib.opentelemetry
except ImportError as error:
    print(error)
"""


def test_without_the_extra_the_error_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, timeout=60)
    assert "pip install 'ebbtide[opentelemetry]'" in done.stdout


def test_an_app_without_it_loads_nothing_of_it() -> None:
    script = "import sys, ebbtide, ebbtide.cli.process; print([m for m in sys.modules if 'opentelemetry' in m])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
