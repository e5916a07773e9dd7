"""The event loop of a worker process."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest
from tests.fakes import memory_app, receive

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.outcome import Failed, Outcome, Succeeded, TryAgain
from ebbtide.retry import RetryPolicy
from ebbtide.runners.loop import EventLoop

PATIENCE = 30.0
LONG = 60.0

Ended = tuple[Delivery, Outcome]


@pytest.fixture
def app() -> App:
    return memory_app()


def submitted(app: App, timeout: Callable[[Delivery], float] = lambda delivery: LONG) -> SimpleQueue[Ended]:
    """Give all that is ready to an event loop; what comes of it, as it comes."""
    ended: SimpleQueue[Ended] = SimpleQueue()
    loop = EventLoop(app, lambda delivery, outcome: ended.put((delivery, outcome)))
    for delivery in receive(app, 100):
        loop.submit(delivery, timeout(delivery))
    return ended


def test_tasks_run_many_at_once_on_one_thread(app: App) -> None:
    here: set[int] = set()

    @app.task
    async def meet(number: int) -> str:
        here.add(number)
        while len(here) < 50:
            await asyncio.sleep(0.001)
        return threading.current_thread().name

    meet.enqueue_many([(number,) for number in range(50)])
    ended = submitted(app)
    outcomes = [ended.get(timeout=PATIENCE)[1] for _ in range(50)]
    assert {o.value for o in outcomes if isinstance(o, Succeeded)} == {'"ebbtide-loop"'}
    assert len(here) == 50


def test_one_that_runs_too_long_is_cancelled_and_the_reason_is_the_timeout(app: App) -> None:
    cleaned: list[bool] = []

    @app.task
    async def dawdle() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            cleaned.append(True)

    dawdle.enqueue()
    _, outcome = submitted(app, lambda delivery: 0.05).get(timeout=PATIENCE)
    assert isinstance(outcome, TryAgain)
    assert outcome.error.exception_class == "ebbtide.errors.TaskTimeout"
    assert outcome.error.message == "ran longer than its queue's timeout of 0.05 s and was cancelled"
    assert "in dawdle" in outcome.error.traceback
    assert cleaned == [True]


def test_on_its_last_attempt_that_is_its_end(app: App) -> None:
    @app.task(retry=RetryPolicy(attempts=1))
    async def dawdle() -> None:
        await asyncio.sleep(LONG)

    dawdle.enqueue()
    _, outcome = submitted(app, lambda delivery: 0.05).get(timeout=PATIENCE)
    assert isinstance(outcome, Failed)
    assert outcome.error.exception_class == "ebbtide.errors.TaskTimeout"


def test_its_neighbours_are_not_harmed(app: App) -> None:
    gone = asyncio.Event()

    @app.task
    async def dawdle() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            gone.set()

    @app.task
    async def neighbour() -> bool:
        return await asyncio.wait_for(gone.wait(), LONG)

    neighbour.enqueue()
    dawdle.enqueue()
    ended = submitted(app, lambda delivery: 0.05 if delivery.message.task == "dawdle" else LONG)
    outcomes = {delivery.message.task: outcome for delivery, outcome in (ended.get(timeout=PATIENCE) for _ in "ab")}
    assert isinstance(outcomes["dawdle"], TryAgain)
    assert isinstance(outcomes["neighbour"], Succeeded)


def test_one_that_ends_well_when_cancelled_has_succeeded(app: App) -> None:
    @app.task
    async def tidy() -> str:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            return "in time after all"
        return "never"

    tidy.enqueue()
    _, outcome = submitted(app, lambda delivery: 0.05).get(timeout=PATIENCE)
    assert isinstance(outcome, Succeeded)
    assert outcome.value == '"in time after all"'


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt()])
def test_an_error_of_the_task_is_its_own_and_the_loop_goes_on(app: App, error: BaseException) -> None:
    @app.task
    async def fail() -> None:
        raise error

    @app.task
    async def work() -> int:
        return 1

    fail.enqueue()
    work.enqueue()
    ended = submitted(app)
    outcomes = {delivery.message.task: outcome for delivery, outcome in (ended.get(timeout=PATIENCE) for _ in "ab")}
    assert isinstance(failed := outcomes["fail"], TryAgain)
    assert failed.error.exception_class.endswith(type(error).__name__)
    assert isinstance(outcomes["work"], Succeeded)


def test_each_task_knows_its_own_delivery(app: App) -> None:
    @app.task
    async def child() -> None: ...

    @app.task(takes_context=True)
    async def parent(delivery: Delivery) -> str:
        await asyncio.sleep(0)
        return (await child.aenqueue()).id + " " + delivery.message.id

    parent.enqueue()
    parent.enqueue()
    ended = submitted(app)
    parents = {ended.get(timeout=PATIENCE)[0].message.id for _ in range(2)}
    assert {delivery.lineage.parent for delivery in receive(app)} == parents
