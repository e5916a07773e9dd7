"""The app: the registry of tasks and queues, and the place where broker and results meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from tests.fakes import memory_app, message, run_ready

from ebbtide.app import App, Send, SendMiddleware
from ebbtide.broker import Broker
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import DeclarationError, PayloadError, UnknownTask
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.result import Record, Report, ResultStore, Status, fold
from ebbtide.retry import RetryPolicy
from ebbtide.trigger import Trigger


class Never(Trigger):
    """A trigger that fires never and takes tasks with one parameter only."""

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        if len(parameters) != 1:
            raise DeclarationError(f"task {task!r}: one parameter, not {sorted(parameters)}")

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        return [], {}


class Shelf(ResultStore):
    """Records beside a broker, in a dictionary."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.saved: list[list[Report]] = []

    def save(self, reports: Sequence[Report]) -> None:
        self.saved.append(list(reports))
        for report in reports:
            self.records[report.id] = fold(self.records.get(report.id), report)

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        return {id: self.records[id] for id in ids if id in self.records}

    def wait(self, id: str, timeout: float | None) -> Record | None:
        return self.records.get(id)

    def purge(self) -> int:
        return 0


class Deaf(Broker):
    """A broker that keeps no records and takes everything."""

    def send(self, messages: Any) -> list[str]:
        return [message.id for message in messages]

    def receive(self, queues: Any, limit: int, wait: float = 0.0) -> list[Any]:
        return []

    def ack(self, settled: Any) -> int:
        return 0

    retry = bury = ack

    def extend(self, deliveries: Any, seconds: float) -> int:
        return 0

    def depth(self, queue: str) -> list[Any]:
        return []

    def close(self) -> None:
        return None


def test_declaring_an_app_and_its_tasks_touches_no_broker() -> None:
    def never() -> Broker:
        raise AssertionError("the broker was made")

    app = App("t", broker=never)

    @app.task
    def work() -> None: ...

    assert list(app.tasks) == ["work"]
    app.close()


def test_the_broker_is_made_once_at_the_first_use() -> None:
    made: list[Broker] = []

    def make() -> Broker:
        made.append(MemoryBroker())
        return made[-1]

    app = App("t", broker=make)
    barrier = Barrier(4)
    seen: list[Broker] = []

    def use() -> None:
        barrier.wait()
        seen.append(app.broker)

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert seen == made * 4


def test_the_class_of_a_broker_is_a_factory() -> None:
    app = App("t", broker=MemoryBroker)
    assert isinstance(app.broker, MemoryBroker)
    assert app.results is app.broker


def test_a_closed_app_connects_anew() -> None:
    app = App("t", broker=MemoryBroker)
    before = app.broker
    app.close()
    app.close()
    assert app.broker is not before


def test_a_url_names_the_broker(tmp_path: Path) -> None:
    app = App("t", broker=f"sqlite:///{tmp_path}/queue.db")
    app.submit([message()])
    app.close()
    assert (tmp_path / "queue.db").exists()


def test_without_a_broker_that_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_BROKER", "memory://")
    assert isinstance(App("t").broker, MemoryBroker)


def test_a_broker_that_keeps_no_results_needs_a_store() -> None:
    with pytest.raises(DeclarationError, match=r"App\('t'\): Deaf keeps no results; give results="):
        _ = App("t", broker=Deaf).broker


def test_a_store_of_its_own_gets_a_record_at_the_enqueue_and_one_for_each_attempt() -> None:
    shelf = Shelf()
    app = App("t", broker=MemoryBroker, results=lambda: shelf)

    @app.task(retry=RetryPolicy(attempts=2, base=0))
    def fail() -> None:
        raise OSError

    result = fail.enqueue()
    run_ready(app)
    assert [[(r.status, r.attempt) for r in reports] for reports in shelf.saved] == [
        [(Status.READY, 0)],
        [(Status.READY, 1)],
        [(Status.FAILED, 2)],
    ]
    assert result.status is Status.FAILED
    assert result.errors[0].exception_class == "builtins.OSError"


def test_a_store_of_its_own_is_spared_the_queues_that_keep_nothing() -> None:
    shelf = Shelf()
    app = App("t", broker=MemoryBroker, results=lambda: shelf, queues=[Queue(results=0)])

    @app.task
    def work() -> None: ...

    work.enqueue()
    run_ready(app)
    assert shelf.records == {}


# Declarations


def test_a_task_has_the_name_of_its_function_or_the_one_given() -> None:
    app = memory_app()

    @app.task
    def receipt() -> None: ...

    @app.task(name="shop.refund")
    def refund() -> None: ...

    assert list(app.tasks) == ["receipt", "shop.refund"]
    assert app.task_named("shop.refund") is refund


def test_a_task_runs_on_the_default_queue_or_the_one_named_or_the_one_given() -> None:
    app = memory_app(Queue("images", timeout=5))

    @app.task()
    def one() -> None: ...

    @app.task(queue="images")
    def two() -> None: ...

    @app.task(queue=Queue("films"))
    def three() -> None: ...

    assert [task.queue.name for task in (one, two, three)] == ["default", "images", "films"]
    assert two.queue.timeout == 5
    assert list(app.queues) == ["images", "default", "films"]


def test_a_tasks_attempts_are_its_queues_unless_it_has_a_policy() -> None:
    app = memory_app(Queue(attempts=2))

    @app.task
    def one() -> None: ...

    @app.task(retry=RetryPolicy(attempts=7))
    def two() -> None: ...

    assert (one.retry.attempts, two.retry.attempts) == (2, 7)


def test_two_tasks_of_one_name_are_refused_with_both_places() -> None:
    app = memory_app()

    @app.task
    def work() -> None: ...

    with pytest.raises(
        DeclarationError, match=r"two tasks are named 'work': .*test_app.py:\d+ and .*test_app.py:\d+; give"
    ):

        @app.task(name="work")
        def other() -> None: ...

    assert app.task_named("work") is work


def test_an_unknown_queue_is_refused_with_the_nearest_and_the_cure() -> None:
    app = memory_app(Queue("images"))
    with pytest.raises(
        DeclarationError, match=r"no queue 'imags'. Did you mean 'images'\? Declare it: App\('t', queues="
    ):

        @app.task(queue="imags")
        def work() -> None: ...

    assert not app.tasks


def test_one_queue_declared_in_two_ways_is_refused() -> None:
    with pytest.raises(DeclarationError, match="queue 'a' is declared twice, differently"):
        memory_app(Queue("a"), Queue("a", timeout=5))
    assert list(memory_app(Queue("a"), Queue("a")).queues) == ["a", "default"]


@pytest.mark.parametrize("given", [5, "images", Queue("images"), None])
def test_what_is_no_trigger_is_refused_as_one(given: Any) -> None:
    with pytest.raises(DeclarationError, match="is no trigger; options go by keyword"):

        @memory_app().task(given, name="work")
        def work() -> None: ...


class Callable_:
    def __call__(self) -> None: ...


@pytest.mark.parametrize("given", [len, Callable_, Callable_(), staticmethod(len)])
def test_a_task_is_made_of_a_function_only(given: Any) -> None:
    with pytest.raises(DeclarationError, match="goes on a function, not on"):
        memory_app().task(given)
    with pytest.raises(DeclarationError, match="goes on a function, not on"):
        memory_app().task()(given)


def test_a_lambda_needs_a_name() -> None:
    app = memory_app()
    with pytest.raises(DeclarationError, match="'<lambda>' is no task name"):
        app.task(lambda: None)
    assert app.task(name="nothing")(lambda: None).name == "nothing"


def test_a_task_that_takes_its_context_has_a_parameter_for_it() -> None:
    with pytest.raises(DeclarationError, match="takes_context=True needs a first parameter"):

        @memory_app().task(takes_context=True)  # type: ignore[arg-type]
        def work() -> None: ...


def test_a_trigger_judges_the_parameters_of_its_task() -> None:
    app = memory_app()
    trigger = Never()

    @app.task(trigger)
    def work(event: str) -> None: ...

    assert work.triggers == (trigger,)
    with pytest.raises(DeclarationError, match=r"task 'other': one parameter, not \['a', 'b'\]"):

        @app.task(trigger)
        def other(a: int, b: int) -> None: ...

    assert list(app.tasks) == ["work"]


@pytest.mark.parametrize("name", ["", "1", "a.b", "a b"])
def test_an_app_has_a_name_that_aws_can_carry(name: str) -> None:
    with pytest.raises(DeclarationError, match="is no name for an app"):
        App(name)


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    app = memory_app()

    @app.task
    def receipt() -> None: ...

    with pytest.raises(UnknownTask, match=r"app 't' has no task 'recipt'. Did you mean 'receipt'\?"):
        app.task_named("recipt")
    with pytest.raises(LookupError):
        app.task_named("")


def test_the_registry_is_for_reading() -> None:
    app = memory_app()
    with pytest.raises(TypeError):
        app.tasks["a"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        app.queues["a"] = Queue()  # type: ignore[index]


def test_an_app_tells_what_it_has() -> None:
    assert repr(memory_app(Queue("a"))) == "<App t: 0 tasks, 2 queues>"


# Sending


def test_a_message_over_the_limit_is_refused_with_both_sizes_and_stores_nothing() -> None:
    app = memory_app(max_payload=1000)

    @app.task
    def work(text: str) -> None: ...

    with pytest.raises(PayloadError, match=r"task 'work': a message of 1,\d\d\d bytes is over .* of 1,000 bytes"):
        work.enqueue_many([("short",), ("x" * 1000,)])
    assert app.broker.depth("default")[0].pending == 0


def test_a_message_at_the_limit_is_sent() -> None:
    size = len(message(args=["x" * 500]).encode())
    app = memory_app(max_payload=size)
    assert app.submit([message(args=["x" * 500])]) == ["m1"]
    with pytest.raises(PayloadError):
        app.submit([message("m2", args=["x" * 501])])


def test_the_limit_counts_bytes_on_the_wire() -> None:
    app = memory_app(max_payload=1000)
    with pytest.raises(PayloadError):
        app.submit([message(args=["é" * 200])])  # six bytes each, as \u00e9


# Around an enqueue


def test_send_middleware_sees_every_enqueue_the_first_outermost() -> None:
    seen: list[tuple[str, int]] = []

    def layer(name: str) -> SendMiddleware:
        def send(messages: Sequence[Message], send_next: Send) -> list[str]:
            seen.append((name, len(messages)))
            return send_next(messages)

        return send

    app = App("t", broker="memory://", send_middleware=[layer("outer"), layer("inner")])

    @app.task
    def work(number: int) -> None: ...

    one = work.enqueue(1)
    many = work.enqueue_many([(2,), (3,)])
    assert seen == [("outer", 1), ("inner", 1), ("outer", 2), ("inner", 2)]
    assert list(app.results.load([one.id, *(result.id for result in many)])) == [one.id, *(r.id for r in many)]


def test_send_middleware_passes_another_message_on_to_change_one() -> None:
    def tag(messages: Sequence[Message], send_next: Send) -> list[str]:
        return send_next([replace(m, headers={**m.headers, "by": "tag"}) for m in messages])

    app = App("t", broker="memory://", send_middleware=[tag])

    @app.task
    def work() -> None: ...

    work.using(headers={"a": "b"}).enqueue()
    (delivery,) = app.broker.receive(list(app.queues.values()), 1)
    assert delivery.message.headers == {"a": "b", "by": "tag"}


def test_what_send_middleware_makes_of_a_message_is_what_must_not_be_too_large() -> None:
    def swell(messages: Sequence[Message], send_next: Send) -> list[str]:
        return send_next([replace(m, headers={"x": "y" * 2_000}) for m in messages])

    app = App("t", broker="memory://", max_payload=1_000, send_middleware=[swell])

    @app.task
    def work() -> None: ...

    with pytest.raises(PayloadError):
        work.enqueue()


def test_what_send_middleware_raises_comes_to_the_caller_and_nothing_is_stored() -> None:
    def refuse(messages: Sequence[Message], send_next: Send) -> list[str]:
        raise PermissionError("not now")

    app = App("t", broker="memory://", send_middleware=[refuse])

    @app.task
    def work() -> None: ...

    with pytest.raises(PermissionError, match="not now"):
        work.enqueue()
    assert app.broker.depth("default")[0].pending == 0
