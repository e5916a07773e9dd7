"""One invocation: from a delivery to its outcome, and from the outcome to record and broker."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from tests.fakes import NOON, Clock, memory_app, message, perform, receive, run_ready

from ebbtide.app import App
from ebbtide.broker import Delivery, Permit, current
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import CallRefused, Retry, StorageError
from ebbtide.execute import MAX_MESSAGE, MAX_TRACEBACK, UNREACHED, decide, describe, execute, finish, runs_async, settle
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.retry import RetryPolicy
from ebbtide.trigger import Asked, Target, Trigger


def failing(error: BaseException, retry: RetryPolicy | None = None) -> App:
    app = memory_app()

    @app.task(retry=retry)
    def work() -> None:
        raise error

    work.enqueue()
    return app


def only(app: App) -> Outcome:
    (delivery,) = receive(app)
    return perform(app, delivery)


def dead(app: App) -> list[str]:
    return [str(letter.error) for letter in cast(MemoryBroker, app.broker).dead()]


def delivered(body: bytes, attempt: int = 1) -> Delivery:
    return Delivery(body, "default", 0, "m1:1", attempt)


def test_a_task_that_returns_has_succeeded_and_is_gone() -> None:
    app = memory_app()

    @app.task
    def add(a: int, b: int = 2) -> int:
        return a + b

    result = add.enqueue(1)
    assert only(app) == Succeeded("3", NOON, NOON)
    assert result.get(0) == 3
    assert app.broker.depth("default")[0].pending == 0


def test_an_async_task_is_awaited() -> None:
    app = memory_app()

    @app.task
    async def add(a: int) -> int:
        await asyncio.sleep(0)
        return a + 1

    result = add.enqueue(1)
    assert run_ready(app) == [Succeeded("2", NOON, NOON)]
    assert result.get(0) == 2


def test_only_async_tasks_and_tasks_under_async_middleware_need_a_loop() -> None:
    async def layer(message: Message, call_next: Callable[[Message], Any]) -> Any:
        return await call_next(message)

    for middleware, plain in (((), False), ((layer,), True)):
        app = memory_app(middleware=middleware)

        @app.task
        def work() -> None: ...

        @app.task
        async def awork() -> None: ...

        assert runs_async(app, delivered(message(task="work").encode())) is plain
        assert runs_async(app, delivered(message(task="awork").encode())) is True
        assert runs_async(app, delivered(message(task="gone").encode())) is False
        assert runs_async(app, delivered(b"junk")) is False


# What never starts


def test_a_task_we_do_not_have_is_set_aside_with_the_nearest_name() -> None:
    app = memory_app()

    @app.task
    def receipt() -> None: ...

    app.submit([message(task="recipt")])
    outcome = only(app)
    assert isinstance(outcome, Failed)
    assert dead(app) == ["UnknownTask: app 't' has no task 'recipt'. Did you mean 'receipt'?"]


@pytest.mark.parametrize("body", [b"", b"junk", b"\xff", b'{"v":2}', b"[" * 100_000], ids=range(5))
def test_a_body_that_is_no_message_fails_at_once(body: bytes) -> None:
    app = memory_app()
    outcome = finish(decide(app, delivered(body)))
    assert isinstance(outcome, Failed)
    assert outcome.error.exception_class == "ebbtide.errors.EnvelopeError"
    assert outcome.error.attempt == 1
    assert outcome.error.traceback == ""


def test_settling_a_body_that_is_no_message_is_no_trouble() -> None:
    app = memory_app()
    delivery = delivered(b"junk")
    settle(app, [(delivery, finish(decide(app, delivery)))])


def test_arguments_that_do_not_fit_are_never_retried() -> None:
    app = memory_app()

    @app.task
    def work(a: int) -> None: ...

    app.submit([message("m1", args=["x"]), message("m2", args=[]), message("m3", kwargs={"b": 1})])
    outcomes = run_ready(app)
    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert [error.partition(":")[0] for error in dead(app)] == ["CallRefused"] * 3
    assert "parameter 'a'" in dead(app)[0]


def test_past_its_expiry_a_message_is_set_aside_unrun() -> None:
    clock = Clock()
    app = memory_app(clock=clock)
    ran: list[int] = []

    @app.task
    def work(number: int) -> None:
        ran.append(number)

    work.using(expires=10).enqueue(1)
    work.using(expires=11).enqueue(2)
    clock.forward(10.5)
    run_ready(app)
    assert ran == [2]
    assert dead(app) == ["Expired: it was to start 0.500 s ago at the latest"]


def test_what_is_not_due_yet_goes_back_without_spending_the_attempt() -> None:
    app = memory_app()

    @app.task
    def work() -> None: ...

    early = delivered(message(run_after=NOON + 2000).encode())
    assert finish(decide(app, early)) == NotYet(2000)


def test_going_back_unspent_keeps_the_record_ready_without_an_attempt() -> None:
    clock = Clock()
    app = memory_app(clock=clock)

    @app.task
    def work() -> None: ...

    result = work.enqueue()
    (delivery,) = receive(app)
    settle(app, [(delivery, NotYet(5))])
    assert (result.status, result.attempts, result.errors) == (Status.READY, 0, [])
    assert receive(app) == []
    clock.forward(5)
    assert receive(app)[0].attempt == 1


def test_a_chain_past_the_budget_is_stopped_with_its_path() -> None:
    app = memory_app(depth_budget=3)
    ran: list[int] = []

    @app.task
    def ping() -> None:
        ran.append(1)
        pong.enqueue()

    @app.task
    def pong() -> None:
        ran.append(2)
        ping.enqueue()

    ping.enqueue()
    outcomes = run_ready(app)
    assert ran == [1, 2, 1, 2]
    assert isinstance(outcomes[-1], Failed)
    assert dead(app) == ["LoopDetected: 4 enqueues deep, the app's budget is 3: ... > ping > pong > ping > pong > ping"]


def test_retries_do_not_count_as_depth() -> None:
    app = memory_app(depth_budget=1)

    @app.task(retry=RetryPolicy(attempts=10, base=0))
    def work() -> None:
        raise ValueError

    work.enqueue()
    assert len(run_ready(app)) == 10
    assert dead(app) == ["ValueError"]


def test_a_delivery_past_its_last_attempt_is_set_aside_unrun() -> None:
    ran: list[int] = []
    app = memory_app()

    @app.task(retry=RetryPolicy(attempts=2))
    def work() -> None:
        ran.append(1)

    outcome = finish(decide(app, delivered(message().encode(), attempt=3)))
    assert isinstance(outcome, Failed)
    assert outcome.error.exception_class == "ebbtide.errors.WorkerDied"
    assert "in the last of its 2 attempts" in outcome.error.message
    assert ran == []


# What fails


def test_an_error_is_tried_again_after_the_policys_wait() -> None:
    outcome = only(failing(ValueError("no"), RetryPolicy(base=7)))
    assert isinstance(outcome, TryAgain)
    assert 0 <= outcome.wait <= 7
    assert (outcome.error.exception_class, outcome.error.message, outcome.error.attempt) == (
        "builtins.ValueError",
        "no",
        1,
    )


def test_a_wait_keeps_the_message_away_that_long() -> None:
    clock = Clock()
    app = memory_app(clock=clock)

    @app.task
    def work() -> None:
        raise Retry(after=30)

    work.enqueue()
    run_ready(app)
    clock.forward(29)
    assert receive(app) == []
    clock.forward(1)
    assert receive(app)[0].attempt == 2


def test_the_tasks_own_wait_wins_over_the_policys() -> None:
    assert cast(TryAgain, only(failing(Retry(after=123), RetryPolicy(base=0)))).wait == 123
    assert cast(TryAgain, only(failing(Retry(after=0)))).wait == 0


def test_asking_for_a_retry_spends_attempts() -> None:
    app = failing(Retry("again", after=0), RetryPolicy(attempts=3))
    assert [type(outcome) for outcome in run_ready(app)] == [TryAgain, TryAgain, Failed]
    assert dead(app) == ["Retry: again"]


def test_when_attempts_are_used_up_the_last_error_is_the_reason() -> None:
    app = failing(OSError("no net"), RetryPolicy(attempts=2, base=0))
    assert [type(outcome) for outcome in run_ready(app)] == [TryAgain, Failed]
    assert dead(app) == ["OSError: no net"]


def test_an_error_that_is_never_retried_fails_at_once() -> None:
    assert isinstance(only(failing(ValueError(), RetryPolicy(never=(ValueError,)))), Failed)
    assert isinstance(only(failing(ValueError(), RetryPolicy(only=(OSError,)))), Failed)
    assert isinstance(only(failing(OSError(), RetryPolicy(only=(OSError,)))), TryAgain)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), BaseException("base")])
def test_no_exception_whatever_gets_past(error: BaseException) -> None:
    outcome = only(failing(error))
    assert isinstance(outcome, TryAgain)
    assert outcome.error.exception_class == f"builtins.{type(error).__name__}"


def test_an_async_task_that_is_cancelled_is_tried_again() -> None:
    app = memory_app()

    @app.task
    async def work() -> None:
        raise asyncio.CancelledError

    work.enqueue()
    assert isinstance(only(app), TryAgain)


def test_a_task_that_awaits_without_being_async_fails_like_any_other() -> None:
    app = memory_app()

    async def inner() -> None:
        await asyncio.sleep(0)

    @app.task
    def work() -> Coroutine[Any, Any, None]:
        return inner()

    work.enqueue()
    outcome = only(app)
    assert isinstance(outcome, TryAgain)
    assert "takes `async def`" in outcome.error.message


def test_a_return_value_that_cannot_travel_fails_for_good_by_name() -> None:
    app = memory_app()

    @app.task
    def work() -> Any:
        return {1, 2}

    @app.task
    def typed() -> int:
        return cast(int, "text")

    work.enqueue()
    typed.enqueue()
    assert all(isinstance(outcome, Failed) for outcome in run_ready(app))
    assert sorted(dead(app)) == [
        "CallRefused: task 'typed', return value: expected int, got str 'text'",
        "CallRefused: task 'work', return value: set is not plain JSON; annotate the parameter, e.g. `tags: set[str]`",
    ]


def test_where_no_results_are_kept_any_return_value_will_do() -> None:
    app = memory_app(Queue(results=0))

    @app.task
    def work() -> Any:
        return object()

    work.enqueue()
    assert run_ready(app) == [Succeeded("null", NOON, NOON)]


def test_an_argument_error_of_the_tasks_own_enqueues_is_retried_as_any_error() -> None:
    app = memory_app()

    @app.task
    def inner(a: int) -> None: ...

    @app.task
    def outer() -> None:
        inner.enqueue(cast(int, "x"))

    outer.enqueue()
    outcome = only(app)
    assert isinstance(outcome, TryAgain)
    assert outcome.error.exception_class == "ebbtide.errors.ArgumentError"


# How an error is told


def test_a_traceback_begins_in_the_task() -> None:
    app = memory_app()

    @app.task
    def work() -> None:
        raise ValueError("here")

    work.enqueue()
    told = cast(TryAgain, only(app)).error.traceback
    assert told.startswith("Traceback (most recent call last):")
    assert told.splitlines()[1].endswith("in work")
    assert "ebbtide/execute.py" not in told
    assert told.endswith("ValueError: here\n")


def test_the_cause_of_a_retry_is_kept() -> None:
    app = memory_app()

    @app.task
    def work() -> None:
        try:
            raise OSError("no net")
        except OSError as error:
            raise Retry(after=1) from error

    work.enqueue()
    assert "OSError: no net" in cast(TryAgain, only(app)).error.traceback


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def test_an_error_that_cannot_be_shown_is_told_all_the_same() -> None:
    outcome = cast(TryAgain, only(failing(Unspeakable())))
    assert outcome.error.exception_class.endswith("test_execute.Unspeakable")
    assert "cannot be shown" in outcome.error.message


def test_an_error_is_cut_to_a_size_that_fits_beside_a_message() -> None:
    def deep(level: int) -> None:
        if level:
            deeper(level)
        raise ValueError("x" * 100_000)

    def deeper(level: int) -> None:
        deep(level - 1)

    try:
        deep(200)
    except ValueError as error:
        told = describe(error, 3, error.__traceback__)
    assert len(told.message) == MAX_MESSAGE
    assert len(told.traceback) < MAX_TRACEBACK + 100
    assert told.attempt == 3


# Middleware


def noting(name: str, notes: list[str]) -> Callable[[Message, Callable[[Message], Any]], Any]:
    def layer(message: Message, call_next: Callable[[Message], Any]) -> Any:
        notes.append(f"{name} before")
        value = call_next(message)
        notes.append(f"{name} after")
        return value

    return layer


def anoting(name: str, notes: list[str]) -> Callable[[Message, Callable[[Message], Any]], Any]:
    async def layer(message: Message, call_next: Callable[[Message], Awaitable[Any]]) -> Any:
        notes.append(f"{name} before")
        value = await call_next(message)
        notes.append(f"{name} after")
        return value

    return layer


def test_the_first_middleware_is_the_outermost() -> None:
    notes: list[str] = []
    app = memory_app(middleware=[noting("a", notes), noting("b", notes)])

    @app.task
    def work() -> int:
        notes.append("work")
        return 5

    result = work.enqueue()
    run_ready(app)
    assert notes == ["a before", "b before", "work", "b after", "a after"]
    assert result.get(0) == 5


@pytest.mark.parametrize("is_async", [False, True])
def test_async_middleware_sees_the_end_of_both_kinds_of_task(is_async: bool) -> None:
    notes: list[str] = []
    app = memory_app(middleware=[anoting("a", notes), anoting("b", notes)])

    def work() -> int:
        notes.append("work")
        return 5

    async def awork() -> int:
        await asyncio.sleep(0)
        return work()

    task: Any = app.task(name="work")(awork if is_async else work)
    result = task.enqueue()
    run_ready(app)
    assert notes == ["a before", "b before", "work", "b after", "a after"]
    assert result.get(0) == 5


def test_sync_and_async_middleware_may_be_mixed() -> None:
    notes: list[str] = []
    app = memory_app(middleware=[anoting("a", notes), noting("b", notes), anoting("c", notes)])

    @app.task
    def work() -> None:
        notes.append("work")

    work.enqueue()
    assert [type(outcome) for outcome in run_ready(app)] == [Succeeded]
    # What is sync cannot see the end of what is async inside it.
    assert notes == ["a before", "b before", "b after", "c before", "work", "c after", "a after"]


def test_middleware_may_change_the_message_and_the_value() -> None:
    def shout(message: Message, call_next: Callable[[Message], Any]) -> Any:
        return call_next(replace(message, args=[message.args[0].upper()])) + "!"

    app = memory_app(middleware=[shout])

    @app.task
    def echo(text: str) -> str:
        return text

    result = echo.enqueue("hello")
    run_ready(app)
    assert result.get(0) == "HELLO!"


def test_middleware_may_answer_in_the_tasks_place_or_fail_in_it() -> None:
    def guard(message: Message, call_next: Callable[[Message], Any]) -> Any:
        if message.headers.get("deny"):
            raise PermissionError("denied")
        return 0

    app = memory_app(middleware=[guard])

    @app.task(retry=RetryPolicy(never=(PermissionError,)))
    def work() -> int:
        raise AssertionError("it ran")

    work.enqueue()
    work.using(headers={"deny": "1"}).enqueue()
    succeeded, failed = run_ready(app)
    assert isinstance(succeeded, Succeeded)
    assert isinstance(failed, Failed)
    assert failed.error.message == "denied"


def test_middleware_runs_for_no_message_that_never_starts() -> None:
    notes: list[str] = []
    app = memory_app(middleware=[noting("a", notes)])
    app.submit([message(task="gone")])
    run_ready(app)
    assert notes == []


# Context


def test_a_task_that_takes_its_context_gets_the_delivery_first() -> None:
    clock = Clock()
    app = memory_app(Queue(timeout=20), clock=clock)
    seen: list[tuple[Delivery, int]] = []

    @app.task(takes_context=True, retry=RetryPolicy(base=0))
    def work(delivery: Delivery, number: int) -> None:
        seen.append((delivery, number))
        if delivery.attempt < 3:
            raise ValueError

    id = work.enqueue(7).id
    clock.forward(5)
    run_ready(app)
    assert [(d.attempt, number) for d, number in seen] == [(1, 7), (2, 7), (3, 7)]
    context = seen[0][0]
    assert context.deadline == NOON + 5 + 20
    assert context.message.id == id
    assert context.lineage == Lineage(root=id)
    assert (context.queue, context.lane) == ("default", 0)


def test_an_async_task_may_take_its_context_too() -> None:
    app = memory_app()

    @app.task(takes_context=True)
    async def work(delivery: Delivery) -> int:
        return delivery.attempt

    result = work.enqueue()
    run_ready(app)
    assert result.get(0) == 1


def test_the_current_delivery_is_known_while_the_task_runs_and_not_after() -> None:
    app = memory_app()
    seen: list[Delivery | None] = []

    @app.task
    def work() -> None:
        seen.append(current.get())
        raise ValueError

    id = work.enqueue().id
    run_ready(app)
    assert seen[0] is not None
    assert seen[0].message.id == id
    assert current.get() is None


def test_tasks_that_run_at_once_know_each_its_own_delivery() -> None:
    app = memory_app(Queue(lanes=3))

    @app.task
    def inner() -> None: ...

    @app.task
    async def outer(steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        inner.enqueue()

    for lane in (0, 1, 2):
        outer.using(lane=lane).enqueue(3 - lane)

    async def together() -> list[tuple[Delivery, Outcome]]:
        deliveries = receive(app)
        return list(zip(deliveries, await asyncio.gather(*(decide(app, d) for d in deliveries)), strict=True))

    parents = asyncio.run(together())
    settle(app, parents)
    lanes = {delivery.message.id: delivery.lane for delivery, _ in parents}
    children = receive(app)
    assert len(children) == 3
    assert all(lanes[str(child.lineage.parent)] == child.lane for child in children)


# Settling


def test_one_batch_is_settled_whatever_became_of_each() -> None:
    app = memory_app()

    @app.task(retry=RetryPolicy(never=(OSError,)))
    def work(number: int) -> int:
        if number == 1:
            raise ValueError
        if number == 2:
            raise OSError
        return number

    results = work.enqueue_many([(0,), (1,), (2,)])
    deliveries = receive(app)
    settle(app, [(delivery, finish(decide(app, delivery))) for delivery in deliveries])
    assert [result.status for result in results] == [Status.SUCCESSFUL, Status.READY, Status.FAILED]


def test_an_outcome_settled_twice_changes_nothing_the_second_time() -> None:
    app = memory_app()

    @app.task
    def work() -> int:
        return 1

    result = work.enqueue()
    (delivery,) = receive(app)
    outcome = execute(app, delivery)
    settle(app, [(delivery, Failed(describe(ValueError(), 1), NOON, NOON))])
    assert isinstance(outcome, Succeeded)
    assert result.get(0) == 1
    assert dead(app) == []


def test_a_coroutine_that_never_suspends_is_finished_without_a_loop() -> None:
    async def ready() -> int:
        return 5

    async def waits() -> None:
        await asyncio.sleep(0)

    assert finish(ready()) == 5
    with pytest.raises(RuntimeError, match="takes `async def`"):
        finish(waits())


def test_a_refused_call_is_an_argument_error() -> None:
    assert issubclass(CallRefused, TypeError)


class Permitting(MemoryBroker):
    """Permits what it is told to."""

    permit = Permit.RUN

    def begin(self, delivery: Delivery) -> Permit:
        return self.permit


def permitting(permit: Permit) -> tuple[App, list[int], Clock]:
    clock, runs = Clock(), list[int]()
    broker = Permitting(clock)
    broker.permit = permit
    app = App("t", queues=[Queue("default", timeout=45)], broker=lambda: broker, clock=clock)

    @app.task
    def work() -> None:
        runs.append(1)

    work.enqueue()
    return app, runs, clock


def test_what_was_run_to_its_end_before_is_acknowledged_unrun_and_its_record_left_alone() -> None:
    app, runs, _ = permitting(Permit.DONE)
    assert (only(app), runs) == (Skipped(), [])
    assert app.broker.depth("default")[0].pending == 0


def test_what_another_holder_runs_comes_again_unspent_when_that_must_have_ended() -> None:
    app, runs, clock = permitting(Permit.BUSY)
    assert (only(app), runs) == (NotYet(45.0, "another holder runs it"), [])
    clock.forward(44.9)
    assert receive(app) == []
    clock.forward(0.1)
    assert [delivery.attempt for delivery in receive(app)] == [1]


class Unreachable(Delivery):
    """Its body is kept elsewhere, where nobody answers."""

    @property
    def body(self) -> bytes:
        raise StorageError("no network")


def test_a_body_that_cannot_be_fetched_now_comes_again_unspent() -> None:
    app = failing(ValueError())
    unreachable = object.__new__(Unreachable)
    vars(unreachable).update(vars(delivered(b"")))
    assert not runs_async(app, unreachable)
    assert finish(decide(app, unreachable)) == NotYet(UNREACHED, "no network")


def test_a_delivery_with_a_deadline_is_still_of_its_kind() -> None:
    unreachable = object.__new__(Unreachable)
    vars(unreachable).update(vars(delivered(b"")))
    assert type(unreachable.until(5.0)) is Unreachable
    assert unreachable.until(5.0).deadline == 5.0


class Broken(Trigger):
    """A trigger with a fault of its own."""

    def check(self, task: str, parameters: Mapping[str, Any]) -> None: ...

    def asks(self, target: Target) -> Asked:
        return Asked()

    def reads(self, task: str, event: Mapping[str, Any]) -> bool:
        raise ZeroDivisionError("of the trigger's")

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        return [], {}


def test_what_a_trigger_raises_while_it_reads_costs_that_message_alone() -> None:
    app = memory_app()
    app.task(Broken(), name="work")(lambda: None)
    app.submit([message("m1").as_written(b"hello"), message("m2")])
    wrong, fine = (execute(app, delivery) for delivery in receive(app))
    assert isinstance(wrong, Failed)
    assert str(wrong.error) == "ZeroDivisionError: of the trigger's"
    assert "in reads" in wrong.error.traceback
    assert isinstance(fine, Succeeded)
    assert [letter.body for letter in cast(MemoryBroker, app.broker).dead()] == [b"hello"]
