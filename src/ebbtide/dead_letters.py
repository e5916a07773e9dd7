"""Dead letters that a task takes, as `Queue("orders", dead_letters="report")` says.

A message of such a queue that has come to the end of its line becomes a call of that task, with the same arguments and
with headers that say why. What nobody can read stays a dead letter as ever, and so does a loop: another call would only
lengthen it.
"""

from __future__ import annotations

from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import DeclarationError, EnvelopeError, LoopDetected, StorageError, WorkerDied, dotted
from ebbtide.ids import new_ids
from ebbtide.message import Message
from ebbtide.names import nearest
from ebbtide.outcome import Failed
from ebbtide.queue import Queue
from ebbtide.result import TaskError
from ebbtide.task import Task

REASON, ERROR, TASK, ATTEMPT = "dead-letter-reason", "dead-letter-error", "dead-letter-task", "dead-letter-attempt"
"""The headers: the error's class, its message, the task that failed, and in which attempt."""

BROKERS = "ebbtide-"
"""What the headers begin with in which a broker notes something of the message itself, as the attempts it had."""

MAX_ERROR = 1000
"""Characters kept of the error's message."""


def taker(app: App, queue: Queue) -> Task[Any, Any, Any] | None:
    """The task that takes this queue's dead letters; None if they are set aside. Raises DeclarationError."""
    if queue.dead_letters is None:
        return None
    task = app.tasks.get(queue.dead_letters)
    if task is None:
        raise DeclarationError(f"{_said(queue)}: app {app.name!r} has no such task.{nearest(_name(queue), app.tasks)}")
    return task


def check(app: App) -> None:
    """Raises DeclarationError unless every queue's dead letters can be taken, and come to an end somewhere.

    To be called when all tasks are declared: before any is run, and before a stage is built.
    """
    for queue in app.queues.values():
        way = [queue]
        while task := taker(app, way[-1]):
            if task.queue.fifo != way[-1].fifo:  # says SQS, which moves what cannot even be started
                kind, other = ("FIFO", "standard") if way[-1].fifo else ("standard", "FIFO")
                raise DeclarationError(
                    f"{_said(way[-1])}: that task is in a {other} queue, {task.queue.name!r}, and dead letters of a "
                    f"{kind} queue can go to a {kind} queue only; put the task into one"
                )
            if task.queue in way:
                names = " > ".join(one.name for one in [*way, task.queue])
                raise DeclarationError(f"{_said(way[-1])}: they would come back, {names}; put the task into a queue")
            way.append(task.queue)


def unless_taken(app: App, delivery: Delivery, outcome: Failed) -> Failed | None:
    """Send this dead letter to the task that takes those of its queue; what is to be buried if none does.

    A holder that has lost the message sends nothing. What cannot be sent there, because it is too large by then or a
    send middleware refuses it, is buried with both reasons. Raises StorageError, DeclarationError.
    """
    queue = app.queues.get(delivery.queue)
    if queue is None or queue.dead_letters is None or outcome.error.exception_class == dotted(LoopDetected):
        return outcome
    task = taker(app, queue)
    try:
        message = delivery.message
    except EnvelopeError:
        return outcome
    assert task is not None  # noqa: S101 - the queue names one
    if not app.broker.holds(delivery):
        return None
    try:
        app.submit([_call(task, message, outcome.error, new_ids(app.now(), 1)[0], app.now())])
    except StorageError:
        raise
    except Exception as error:  # of whatever kind, it must not cost the message
        why = f"{outcome.error.message} (and task {task.name!r} could not be sent it: {type(error).__name__}: {error})"
        return outcome._replace(error=outcome.error._replace(message=why[: 2 * MAX_ERROR]))
    return None


def redriven(app: App, delivery: Delivery) -> Delivery:
    """A delivery that SQS itself moved here from its queue, whose function could not even start, as the call that it
    would have become; any other as it is. Raises EnvelopeError."""
    message = delivery.message
    origin = app.queues.get(message.queue)
    task = app.tasks.get(origin.dead_letters) if origin and origin.dead_letters else None
    if task is None or task.queue.name != delivery.queue:
        return delivery
    error = TaskError(dotted(WorkerDied), "SQS gave it up: it was received too often without being run", "", 0)
    # The same id for every delivery of it, and another one than the message's own, whose record is not this call's.
    return delivery.read_as(_call(task, message, error, f"{message.id[:190]}-dead", message.enqueued_at))


def _call(task: Task[Any, Any, Any], message: Message, error: TaskError, id: str, now: float) -> Message:
    kept = {name: text for name, text in message.headers.items() if not name.startswith(BROKERS)}
    told = "".join(character if character.isprintable() else " " for character in error.message[:MAX_ERROR])
    about = {REASON: error.exception_class, ERROR: told, TASK: message.task, ATTEMPT: str(error.attempt)}
    return Message(
        id,
        task.name,
        task.queue.name,
        message.lineage.child(message.id, message.task),
        now,
        args=message.args,
        kwargs=message.kwargs,
        group=message.group,
        priority=message.priority,
        headers={**kept, **about},
    )


def _said(queue: Queue) -> str:
    return f"Queue({queue.name!r}, dead_letters={queue.dead_letters!r})"


def _name(queue: Queue) -> str:
    return queue.dead_letters or ""
