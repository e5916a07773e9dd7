"""One invocation from delivery to outcome to settlement: the same for every runner.

`decide` runs middleware and the function and touches no port; `settle` does what was decided: at most one result write
and one broker call for each kind of outcome. `decide` is a coroutine, so that one text serves `def` and `async def`:
for a `def` task it never suspends, and `finish` drives it to its end without an event loop.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from ebbtide.app import App, Middleware
from ebbtide.broker import Broker, Delivery, Permit, Settlement, current
from ebbtide.dead_letters import unless_taken
from ebbtide.errors import (
    CallRefused,
    EnvelopeError,
    Expired,
    KeyConflict,
    LoopDetected,
    PayloadError,
    Retry,
    StorageError,
    TaskTimeout,
    UnknownTask,
    WorkerDied,
    dotted,
)
from ebbtide.events import NOTHING, deliveries
from ebbtide.gathered import Gathered, called_with
from ebbtide.message import Message
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain
from ebbtide.result import Report, ResultStore, Status, TaskError
from ebbtide.task import Task

T = TypeVar("T")
Decided = tuple[Delivery, Outcome]

UNREACHED = 30.0
"""Seconds until a message is tried again whose body could not be fetched."""

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 16_000
"""Characters kept of an error's message and traceback."""

_OURS = __file__.removesuffix("execute.py")
"""What the files of Ebbtide begin with."""


def runs_async(app: App, delivery: Delivery) -> bool:
    """Whether deciding this delivery needs an event loop: an `async def` task, or any task under async middleware."""
    try:
        task = app.tasks.get(delivery.message.task)
    except (EnvelopeError, StorageError):
        return False
    return task is not None and (task.is_async or any(map(inspect.iscoroutinefunction, app.middleware)))


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that never suspends; where it does, a RuntimeError is raised inside it."""
    try:
        coroutine.send(None)
        coroutine.throw(RuntimeError("it awaits something, which takes `async def` for the task or its middleware"))
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError("it goes on awaiting, which takes an event loop")


def execute(app: App, delivery: Delivery) -> Outcome:
    """Run one delivery of a `def` task and settle it."""
    delivery, instead = read(app, delivery)
    outcome = instead or unless_permitted(app, delivery) or finish(decide(app, delivery))
    settle(app, [(delivery, outcome)])
    return outcome


def read(
    app: App, delivery: Delivery, record: Mapping[str, Any] = NOTHING, *, own: bool = True
) -> tuple[Delivery, Outcome | None]:
    """The call that this delivery asks for; and its outcome if it asks for none, or for several, which are stored each
    for itself. record, own: as `events.deliveries` has them."""
    try:
        if own and delivery.message.queue == delivery.queue:  # as nearly all are
            return delivery, None
    except (EnvelopeError, StorageError):
        pass  # what it is instead, or why not, is found out now
    try:
        found = deliveries(app, delivery, record, own=own)
        if len(found) == 1:
            return found[0], None
        if found:
            app.submit([one.message for one in found])
        return delivery, Skipped()
    except StorageError as error:
        return delivery, NotYet(UNREACHED, str(error))
    except Exception as error:  # of a trigger or a send middleware too: it must cost this one alone, not the worker
        now, known = app.now(), isinstance(error, (PayloadError, KeyConflict))
        return delivery, Failed(describe(error, delivery.attempt, None if known else error.__traceback__), now, now)


def unless_permitted(app: App, delivery: Delivery) -> Outcome | None:
    """What becomes of a delivery that its broker does not permit to start, or cannot be asked about; None if it is to
    start now."""
    try:
        permit = app.broker.begin(delivery)
    except StorageError as error:
        return NotYet(UNREACHED, str(error))
    if permit is Permit.RUN:
        return None
    if permit is Permit.DONE:
        return Skipped()
    # By then the other holder has ended, one way or the other.
    return NotYet(app.queues[delivery.queue].timeout, "another holder runs it")


async def decide(app: App, delivery: Delivery, *, answer: bool = False) -> Outcome:
    """What became of this delivery, after running its task if it is to run. Raises nothing of the task's.

    answer: somebody waits for the return value, so it is packed also where the queue keeps no results.
    """
    started = app.now()
    found = _startable(app, delivery, started)
    if not isinstance(found, _Start):
        return found
    message, task = found
    deadline = started + task.queue.timeout
    delivery = delivery.until(deadline if delivery.deadline is None else min(deadline, delivery.deadline))
    token = current.set(delivery)
    try:
        value = _call(app.middleware, task, delivery)(message)
        if value is not None and inspect.isawaitable(value):
            value = await value
        packed = task.signature.pack_result(value) if answer or task.queue.results else "null"
        return Succeeded(packed, started, app.now())
    except BaseException as error:
        return _after_error(task, delivery, error, started, app.now())
    finally:
        current.reset(token)


def ride_together(app: App, deliveries: Sequence[Delivery]) -> tuple[Delivery | None, list[Decided]]:
    """One delivery for all of these that may start now, None if none may; and what becomes of the others.

    All are permitted, and of one task that gathers.
    """
    fit, others = list[Delivery](), list[Decided]()
    for delivery in deliveries:
        if instead := unless_fit(app, delivery):
            others.append((delivery, instead))
        else:
            fit.append(delivery)
    return Gathered.of(fit) if fit else None, others


def unless_fit(app: App, delivery: Delivery) -> Outcome | None:
    """What becomes of a delivery that must not start now, or whose arguments are no call, which would take those that
    ride with it along; None if it is fit to ride."""
    now = app.now()
    found = _startable(app, delivery, now)
    if not isinstance(found, _Start):
        return found
    try:
        found.task.signature.unpack(found.message.args, found.message.kwargs)
    except CallRefused as error:
        return Failed(describe(error, delivery.attempt), now, now)
    return None


def settle(app: App, decided: Iterable[Decided]) -> None:
    """Carry out what was decided: store the reports, then tell the broker, as one write where it can."""
    done: list[Settlement] = []
    again: list[Settlement] = []
    dead: list[Settlement] = []
    broker = app.broker
    with broker.together():
        for delivery, outcome in [(part, outcome) for whole, outcome in decided for part in whole.parts]:
            report = _report(app, delivery, outcome)
            match outcome:
                case Succeeded():
                    done.append(Settlement(delivery, report))
                case Skipped():
                    done.append(Settlement(delivery))
                case NotYet(wait):
                    again.append(Settlement(delivery, None, wait, spent=False))
                case TryAgain(_, wait):
                    again.append(Settlement(delivery, report, wait))
                case Failed():
                    if left := unless_taken(app, delivery, outcome):
                        dead.append(Settlement(delivery, _report(app, delivery, left)))
                    else:
                        done.append(Settlement(delivery, report))
        if isinstance(app.results, ResultStore):
            app.results.save([s.report for s in done + again + dead if s.report and s.report.keep])
        _tell(broker, done, again, dead)


def _tell(broker: Broker, done: list[Settlement], again: list[Settlement], dead: list[Settlement]) -> None:
    if done:
        broker.ack(done)
    if again:
        broker.retry(again)
    if dead:
        broker.bury(dead)


def describe(error: BaseException, attempt: int, frames: TracebackType | None = None) -> TaskError:
    """An exception as data, cut to a size that fits beside a message."""
    kind = type(error)
    lines = traceback.format_exception(kind, error, frames) if frames else []
    text = "".join(lines)
    if len(text) > MAX_TRACEBACK:
        text = f"{text[: MAX_TRACEBACK // 4]}\n  ...\n{text[-3 * MAX_TRACEBACK // 4 :]}"
    return TaskError(dotted(kind), _message_of(error)[:MAX_MESSAGE], text, attempt)


class _Start(NamedTuple):
    """What is to start now."""

    message: Message
    task: Task[Any, Any, Any]


def _startable(app: App, delivery: Delivery, now: float) -> _Start | Outcome:
    """What is to start, or what becomes of a delivery whose task must not start now."""
    try:
        message = delivery.message
        task = app.task_named(message.task)
        wait = _before_start(app, task, delivery, message, now)
    except WorkerDied as verdict:
        return Failed(delivery.fate or describe(verdict, delivery.attempt), now, now)
    except (EnvelopeError, UnknownTask, Expired, LoopDetected) as verdict:
        return Failed(describe(verdict, delivery.attempt), now, now)
    except StorageError as error:  # its body is kept elsewhere, where nobody answers now
        return NotYet(UNREACHED, str(error))
    return NotYet(wait) if wait > 0 else _Start(message, task)


def _before_start(app: App, task: Task[Any, Any, Any], delivery: Delivery, message: Message, now: float) -> float:
    """Seconds until it is due, 0 for now. Raises the verdict on a message that must not start."""
    lineage = message.lineage
    if lineage.depth > app.depth_budget:
        path = " > ".join((*lineage.path, message.task))
        raise LoopDetected(f"{lineage.depth} enqueues deep, the app's budget is {app.depth_budget}: ... > {path}")
    if message.expires_at is not None and now > message.expires_at:
        raise Expired(f"it was to start {now - message.expires_at:.3f} s ago at the latest")
    if delivery.attempt > task.retry.attempts:
        raise WorkerDied(f"its worker died, or its loan ran out, in the last of its {task.retry.attempts} attempts")
    return max(0.0, message.run_after - now) if message.run_after is not None else 0.0


def _call(layers: tuple[Middleware, ...], task: Task[Any, Any, Any], delivery: Delivery) -> Callable[[Message], Any]:
    def innermost(message: Message) -> Any:
        if task.gathers:
            return task.function(
                *([list(delivery.parts)] if task.takes_context else ()), **called_with(task, delivery, message)
            )
        args, kwargs = task.signature.unpack(message.args, message.kwargs)
        if task.takes_context:
            return task.function(delivery, *args, **kwargs)
        return task.function(*args, **kwargs)

    call: Callable[[Message], Any] = innermost
    for layer in reversed(layers):
        call = _around(layer, call)
    return call


def _around(layer: Middleware, inner: Callable[[Message], Any]) -> Callable[[Message], Any]:
    if not inspect.iscoroutinefunction(layer):
        return lambda message: layer(message, inner)

    async def awaitable(message: Message) -> Any:
        value = inner(message)
        return await value if inspect.isawaitable(value) else value

    return lambda message: layer(message, awaitable)


def _after_error(
    task: Task[Any, Any, Any], delivery: Delivery, error: BaseException, started: float, now: float
) -> Outcome:
    asked = isinstance(error, Retry) and error.__cause__ is None  # no fault, so no stack
    described = describe(error, delivery.attempt, None if asked else _from_task(error))
    policy = task.retry
    if is_final(task, delivery.attempt, error):
        return Failed(described, started, now)
    chosen = error.after if isinstance(error, Retry) else None
    return TryAgain(described, policy.wait(delivery.attempt) if chosen is None else chosen, started, now)


def overrun(app: App, delivery: Delivery, error: TaskTimeout, started: float) -> Outcome:
    """The outcome of a delivery whose task had to be left running at its limit. Raises UnknownTask, EnvelopeError."""
    return _after_error(app.task_named(delivery.message.task), delivery, error, started, app.now())


def is_final(task: Task[Any, Any, Any], attempt: int, error: BaseException) -> bool:
    """Whether this error, raised in this attempt, is the task's end."""
    return isinstance(error, CallRefused) or not task.retry.retries(error) or attempt >= task.retry.attempts


def _from_task(error: BaseException) -> TracebackType | None:
    """The traceback without Ebbtide's own frames at its top; where there are no others, without this module's."""
    told = frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    while told and told.tb_next and told.tb_frame.f_code.co_filename == __file__:
        told = told.tb_next
    return frames or told


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown: __str__ raised)"


def waited_for(delivery: Delivery, started_at: float) -> float | None:
    """Seconds from when the message was due to its start; None but for its first attempt. Raises EnvelopeError."""
    if delivery.attempt > 1:
        return None
    message = delivery.message
    return max(0.0, started_at - (message.enqueued_at if message.run_after is None else message.run_after))


def _report(app: App, delivery: Delivery, outcome: Outcome) -> Report | None:
    if isinstance(outcome, (NotYet, Skipped)):
        return None
    try:
        message = delivery.message
        id, name, enqueued_at = message.id, message.task, message.enqueued_at
        waited = waited_for(delivery, outcome.started_at)
    except EnvelopeError:
        id, name, enqueued_at, waited = "", "", outcome.started_at, None
    queue = app.queues.get(delivery.queue)
    status, error, text = Status.SUCCESSFUL, None, None
    if isinstance(outcome, Succeeded):
        text = outcome.value
    else:
        status, error = Status.READY if isinstance(outcome, TryAgain) else Status.FAILED, outcome.error
    return Report(
        id,
        name,
        status,
        delivery.attempt,
        queue.results if queue else 0.0,
        enqueued_at,
        outcome.started_at,
        None if status is Status.READY else outcome.finished_at,
        text,
        error,
        outcome.finished_at - outcome.started_at,
        waited,
    )
