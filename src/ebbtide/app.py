"""The app: the registry of tasks and queues, and the one place where tasks, broker and result store meet.

Importing a module that declares an app touches nothing: broker and store are factories, called at the first enqueue.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from types import MappingProxyType
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from ebbtide.broker import Broker, Delivery
from ebbtide.errors import DeclarationError, PayloadError, UnknownTask
from ebbtide.message import Message
from ebbtide.names import app_name, nearest, task_name
from ebbtide.physical import Place, stage_name
from ebbtide.queue import Queue
from ebbtide.result import Records, Report, Result, ResultStore, Status
from ebbtide.retry import RetryPolicy
from ebbtide.task import Task
from ebbtide.trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")

BrokerFactory = Callable[[], Broker]
Connector = Callable[[str | None, "App"], tuple[Broker, Records]]
"""Makes the broker a URL names (None: the environment's, or the default) for an app, and the result store beside it."""
StoreFactory = Callable[[], Records]
Middleware = Callable[[Message, Callable[[Message], Any]], Any]
"""`def layer(message, call_next): return call_next(message)`; write it `async def` to see the end of async tasks."""

Send = Callable[[Sequence[Message]], list[str]]
SendMiddleware = Callable[[Sequence[Message], Send], list[str]]
"""`def layer(messages, send_next): return send_next(messages)`: returns an id for each message, in order."""

MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes: the largest envelope accepted by default, on every broker."""


class Decorator(Protocol):
    """What `@app.task(...)` applies: a function becomes a task with the same parameters."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


class ContextDecorator(Protocol):
    """What `@app.task(takes_context=True)` applies: the function's first parameter is its delivery."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Delivery, P], Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Delivery, P], R], /) -> Task[P, R, R]: ...


class GatheringDecorator(Protocol):
    """What `@app.task(gathers=True)` applies: the function takes lists, and each enqueue gives one item of each, which
    no ParamSpec can say; so calls are checked when they are made."""

    @overload
    def __call__(self, function: Callable[..., Coroutine[Any, Any, R]], /) -> Task[..., Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[..., R], /) -> Task[..., R, R]: ...


class App:
    """Registry of tasks and queues, and what they share.

    name: see `names.app_name`; physical names on AWS start with it.
    queues: those with settings of their own; a task's `queue=` names one of them. "default" is always there.
    broker: a URL (`sqlite:///path`, `memory://`), or a factory; default: `EBBTIDE_BROKER`, else `sqlite:///ebbtide.db`.
    results: a factory; default: beside the broker.
    middleware: callables `(message, call_next)` around every task, the first one outermost.
    send_middleware: callables `(messages, send_next)` around every enqueue, the first one outermost. To change a
        message, pass another one on.
    depth_budget: how long a chain of tasks enqueuing tasks may grow before it is buried as LoopDetected.
    max_payload: bytes; larger messages are refused at enqueue.
    clock: seconds since 1970; for tests.

    Raises DeclarationError.
    """

    connect: ClassVar[Connector]
    """Set by the package's front door, so that the core knows no broker by name."""

    def __init__(
        self,
        name: str = "app",
        *,
        queues: Iterable[Queue] = (),
        broker: str | BrokerFactory | None = None,
        results: StoreFactory | None = None,
        middleware: Sequence[Middleware] = (),
        send_middleware: Sequence[SendMiddleware] = (),
        depth_budget: int = 100,
        max_payload: int = MAX_PAYLOAD,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = app_name(name)
        self.middleware = tuple(middleware)
        self.send_middleware = tuple(send_middleware)
        self.depth_budget = depth_budget
        self.max_payload = max_payload
        self.now = clock
        self._queues: dict[str, Queue] = {}
        self._tasks: dict[str, Task[Any, Any, Any]] = {}
        self._queues_to_read, self._tasks_to_read = MappingProxyType(self._queues), MappingProxyType(self._tasks)
        self._broker_given = broker
        self._results_given = results
        self._ports: tuple[Broker, Records] | None = None
        self._connecting = RLock()
        for queue in queues:
            self._declare(queue)
        self._queues.setdefault("default", Queue())

    def __repr__(self) -> str:
        return f"<App {self.name}: {len(self._tasks)} tasks, {len(self._queues)} queues>"

    @property
    def tasks(self) -> Mapping[str, Task[Any, Any, Any]]:
        """Tasks by name."""
        return self._tasks_to_read

    @property
    def queues(self) -> Mapping[str, Queue]:
        """Queues by name."""
        return self._queues_to_read

    @property
    def broker(self) -> Broker:
        """The broker, made on first use."""
        return self._connected()[0]

    @property
    def results(self) -> Records:
        """The result store, made on first use."""
        return self._connected()[1]

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    @overload
    def task(
        self,
        *triggers: Trigger,
        name: str | None = None,
        queue: str | Queue = "default",
        retry: RetryPolicy | None = None,
        takes_context: Literal[False] = False,
    ) -> Decorator: ...
    @overload
    def task(
        self,
        *triggers: Trigger,
        takes_context: Literal[True],
        name: str | None = None,
        queue: str | Queue = "default",
        retry: RetryPolicy | None = None,
    ) -> ContextDecorator: ...
    @overload
    def task(
        self,
        *triggers: Trigger,
        gathers: Literal[True],
        name: str | None = None,
        queue: str | Queue = "default",
        retry: RetryPolicy | None = None,
        takes_context: bool = False,
    ) -> GatheringDecorator: ...
    def task(
        self,
        *given: Any,
        name: str | None = None,
        queue: str | Queue = "default",
        retry: RetryPolicy | None = None,
        takes_context: bool = False,
        gathers: bool = False,
    ) -> Any:
        """Declare a function as a task: `@app.task`, or `@app.task(queue="images", retry=RetryPolicy(attempts=3))`.

        triggers: what outside starts it. name: default the function's own. queue: a declared queue's name, or a Queue
        to declare. retry: default the queue's attempts with the default backoff. takes_context: the function's first
        parameter is its Delivery. gathers: one call for all messages that came together, at most the queue's `batch`:
        each parameter is a list, of which an enqueue gives one item, and the first one, if it takes the context, the
        list of their deliveries. Raises DeclarationError.
        """
        if len(given) == 1 and callable(given[0]) and not isinstance(given[0], Trigger):
            return self.task()(given[0])

        def declare(function: Callable[..., Any]) -> Task[Any, Any, Any]:
            return self._register(function, given, name, queue, retry, takes_context, gathers)

        return declare

    def task_named(self, name: str) -> Task[Any, Any, Any]:
        """The task of that name. Raises UnknownTask."""
        task = self._tasks.get(name)
        if task is None:
            raise UnknownTask(f"app {self.name!r} has no task {name!r}.{nearest(name, self._tasks)}")
        return task

    def place(self, stage: str) -> Place:
        """How what belongs to a stage of this app is called on AWS. Raises DeclarationError for a bad stage name."""
        return Place(self.name, stage_name(stage))

    def submit(self, messages: Sequence[Message]) -> list[str]:
        """Store messages, as one write where the broker can; the ids they are stored under.

        Raises PayloadError for one above `max_payload`, KeyConflict, StorageError.
        """
        send: Send = self._send
        for layer in reversed(self.send_middleware):
            send = _before(layer, send)
        return send(messages)

    def _send(self, messages: Sequence[Message]) -> list[str]:
        for message in messages:
            if len(message.encode()) > self.max_payload:
                raise PayloadError(
                    f"task {message.task!r}: a message of {len(message.encode()):,} bytes is over this app's "
                    f"max_payload of {self.max_payload:,} bytes; store the data and pass where it is"
                )
        broker, store = self._connected()
        if isinstance(store, ResultStore):
            store.save([self._ready(message) for message in messages if self._keep(message)])
        return broker.send(messages)

    def result(self, id: str) -> Result[Any]:
        """A handle on the task with that id. Raises UnknownResult if no record of it is kept."""
        handle: Result[str] = Result(id, "task", self._store, str)
        task = self._tasks.get(handle.record.task)
        return self.handle(id, task) if task else handle

    def handle(self, id: str, task: Task[Any, Any, Any]) -> Result[Any]:
        """A handle on one enqueued task; reads nothing yet."""
        return Result(id, task.name, self._store, task.signature.unpack_result)

    def use(self, url: str) -> None:
        """From now on use the broker of this URL, whatever was given or is in the environment.

        A result store given to the app stays. Raises TargetError at the next use of a URL that names no broker.
        """
        with self._connecting:
            self.close()
            self._broker_given = url

    def close(self) -> None:
        """Let go of broker and store; the next use connects anew."""
        with self._connecting:
            if self._ports:
                self._ports[0].close()
            self._ports = None

    def _store(self) -> Records:
        return self.results

    def _connected(self) -> tuple[Broker, Records]:
        if self._ports is None:
            with self._connecting:
                self._ports = self._ports or self._connect()
        return self._ports

    def _connect(self) -> tuple[Broker, Records]:
        given = self._broker_given
        if callable(given):
            broker = given()
            beside: Records | None = broker if isinstance(broker, Records) else None
        else:
            broker, beside = App.connect(given, self)
        store = self._results_given() if self._results_given else beside
        if store is None:
            raise DeclarationError(f"App({self.name!r}): {type(broker).__name__} keeps no results; give results=")
        return broker, store

    def _keep(self, message: Message) -> bool:
        queue = self._queues.get(message.queue)
        return queue is None or queue.results > 0

    def _ready(self, message: Message) -> Report:
        keep = self._queues[message.queue].results if message.queue in self._queues else Queue().results
        return Report(message.id, message.task, Status.READY, 0, keep, message.enqueued_at)

    def _declare(self, queue: Queue) -> Queue:
        if self._queues.setdefault(queue.name, queue) != queue:
            raise DeclarationError(f"App({self.name!r}): queue {queue.name!r} is declared twice, differently")
        return queue

    def _queue(self, task: str, queue: str | Queue) -> Queue:
        if isinstance(queue, Queue):
            return self._declare(queue)
        if queue not in self._queues:
            raise DeclarationError(
                f"task {task!r}: app {self.name!r} has no queue {queue!r}.{nearest(queue, self._queues)} "
                f"Declare it: App({self.name!r}, queues=[Queue({queue!r})])"
            )
        return self._queues[queue]

    def _register(
        self,
        function: Callable[..., Any],
        triggers: tuple[Any, ...],
        name: str | None,
        queue: str | Queue,
        retry: RetryPolicy | None,
        takes_context: bool,
        gathers: bool,
    ) -> Task[Any, Any, Any]:
        if not inspect.isfunction(function):
            raise DeclarationError(f"@app.task goes on a function, not on {function!r}")
        name = task_name(name or function.__name__)
        if earlier := self._tasks.get(name):
            raise DeclarationError(
                f"two tasks are named {name!r}: {_where(earlier.function)} and {_where(function)}; give one a name="
            )
        if takes_context and not inspect.signature(function).parameters:
            raise DeclarationError(f"task {name!r}: takes_context=True needs a first parameter for the delivery")
        place = self._queue(name, queue)
        _check_kinds(name, triggers, place)
        task: Task[Any, Any, Any] = Task(
            name=name,
            function=function,
            queue=place,
            retry=retry or RetryPolicy(attempts=place.attempts),
            house=self,
            takes_context=takes_context,
            is_async=inspect.iscoroutinefunction(function),
            gathers=gathers,
        )
        for trigger in triggers:
            trigger.check(name, task.signature.parameters)
            self._claimed(name, trigger, triggers)
        if triggers:
            task = replace(task, triggers=tuple(trigger.bound(lambda: task.signature) for trigger in triggers))
        self._tasks[name] = task
        return task

    def _claimed(self, name: str, trigger: Trigger, beside: Sequence[Trigger]) -> None:
        if trigger.claim and sum(trigger.claim == other.claim for other in beside) > 1:
            raise DeclarationError(f"task {name!r} has {trigger.claim} twice; leave one out")
        for task in self._tasks.values():
            if trigger.claim and any(trigger.claim == other.claim for other in task.triggers):
                raise DeclarationError(f"tasks {task.name!r} and {name!r} both have {trigger.claim}; change one")


def _check_kinds(task: str, triggers: Iterable[Any], place: Queue) -> None:
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            raise DeclarationError(f"task {task!r}: {trigger!r} is no trigger; options go by keyword, as queue=")
        if not place.is_ours:
            raise DeclarationError(f"task {task!r} is run elsewhere, as queue {place.name!r} says: it has no triggers")


def _before(layer: SendMiddleware, inner: Send) -> Send:
    return lambda messages: layer(messages, inner)


def _where(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
