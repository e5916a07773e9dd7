"""A task: a function that can be called here and now, or be enqueued to run elsewhere with the same typed arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar

from ebbtide.broker import here
from ebbtide.errors import ArgumentError
from ebbtide.ids import new_ids
from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.result import Result
from ebbtide.retry import RetryPolicy
from ebbtide.signature import Signature
from ebbtide.trigger import Trigger

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")

Seconds = float | timedelta
Call = Sequence[Any] | Mapping[str, Any]
"""One call for `enqueue_many`: a tuple or list of positional arguments, or a mapping of keyword arguments."""

Packed = tuple[list[Any], dict[str, Any]]
"""The arguments of one call as JSON values: positional, and by keyword."""


class House(Protocol):
    """What a task needs of its app."""

    def now(self) -> float:
        """The time, in seconds since 1970."""

    def submit(self, messages: Sequence[Message]) -> list[str]:
        """Store messages; the ids they are stored under."""

    def handle(self, id: str, task: Task[Any, Any, Any]) -> Result[Any]:
        """A handle on one enqueued task."""


class Options(NamedTuple):
    """How one enqueue differs from the task's declaration; see `Task.using`. Times in seconds."""

    lane: int | None = None
    delay: float | None = None
    run_after: float | None = None
    expires: float | None = None
    expires_at: float | None = None
    key: str | None = None
    key_window: float = 0.0
    group: str | None = None
    priority: int = 0
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Task(Generic[P, C, R]):
    """A declared task. Calling it runs the function here and now; P are its parameters, C what calling it returns,
    R what a worker's run of it returns (for `async def` the awaited value)."""

    name: str
    function: Callable[..., C]
    queue: Queue
    retry: RetryPolicy
    house: House = field(repr=False)
    triggers: tuple[Trigger, ...] = ()
    takes_context: bool = False
    is_async: bool = False
    gathers: bool = False
    options: Options = field(default=Options(), hash=False)  # headers are a mapping

    def __post_init__(self) -> None:
        # What help(), inspect.signature() and documentation tools look at.
        about = {name: getattr(self.function, name) for name in ("__name__", "__qualname__", "__doc__", "__module__")}
        vars(self).update(about, __wrapped__=self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Run the function here and now, past every queue."""
        return self.function(*args, **kwargs)

    @cached_property
    def signature(self) -> Signature:
        """How its arguments travel; made on first use, when all annotations can be resolved."""
        return Signature(self.name, self.function, context=self.takes_context, gathers=self.gathers)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Result[R]:
        """Store one call, to be run by a worker; returns once it is stored.

        Raises ArgumentError for arguments that do not fit or cannot travel, PayloadError, KeyConflict, StorageError.
        """
        return self._submit([self.message(*args, **kwargs)])[0]

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Result[R]:
        """`enqueue` without blocking the running event loop of asyncio."""
        # Whoever awaits this under asyncio has imported it; the core itself must not, for it takes 50 ms.
        asyncio = sys.modules.get("asyncio")
        if asyncio is None:
            raise RuntimeError("aenqueue() needs asyncio's event loop; elsewhere, call enqueue() on a thread")
        result: Result[R] = await asyncio.to_thread(self.enqueue, *args, **kwargs)
        return result

    def enqueue_many(self, calls: Iterable[Call]) -> list[Result[R]]:
        """Store many calls as one write, all or none.

        Each is a sequence of positional or a mapping of keyword arguments. Raises as `enqueue` does; an ArgumentError
        says which call.
        """
        return self._submit(self._messages([self._packed(index, call) for index, call in enumerate(calls)]))

    def using(
        self,
        *,
        lane: int | None = None,
        delay: Seconds | None = None,
        run_after: datetime | None = None,
        expires: Seconds | datetime | None = None,
        key: str | None = None,
        key_window: Seconds | None = None,
        group: str | None = None,
        priority: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Task[P, C, R]:
        """The same task with other options for its enqueues; what is not given stays as it was.

        lane: 0 to the queue's lanes - 1. delay: seconds or timedelta from the enqueue; run_after: an aware datetime
        (either, not both). expires: seconds or timedelta from the enqueue, or an aware datetime. key: unique among this
        task's pending messages, and for key_window from the enqueue. group: tenant, or unit of order on a FIFO queue.
        priority: -100 to 100, higher first. Raises ArgumentError.
        """
        if delay is not None and run_after is not None:
            raise ArgumentError(f"task {self.name!r}: using() takes delay or run_after, not both")
        said = self.options
        if delay is not None or run_after is not None:
            said = said._replace(delay=None, run_after=None)
        if expires is not None:
            said = said._replace(expires=None, expires_at=None)
        given: dict[str, Any] = {
            "lane": None if lane is None else self._within("lane", lane, 0, self.queue.lanes - 1),
            "delay": None if delay is None else self._seconds("delay", delay),
            "run_after": None if run_after is None else self._epoch("run_after", run_after),
            "key": None if key is None else self._text("key", key, 1000),
            "key_window": None if key_window is None else self._seconds("key_window", key_window),
            "group": None if group is None else self._text("group", group, 128),
            "priority": None if priority is None else self._within("priority", priority, -100, 100),
            "headers": None if headers is None else self._headers(headers),
        }
        if isinstance(expires, datetime):
            given["expires_at"] = self._epoch("expires", expires)
        elif expires is not None:
            given["expires"] = self._seconds("expires", expires)
        changed = {name: value for name, value in given.items() if value is not None}
        changed_task = replace(self, options=said._replace(**changed))
        vars(changed_task)["signature"] = self.signature  # compiled once for all
        return changed_task

    def message(self, *args: P.args, **kwargs: P.kwargs) -> Message:
        """The message `enqueue` would store. Raises ArgumentError."""
        return self._messages([self.signature.pack(args, kwargs)])[0]

    def message_of(self, args: list[Any], kwargs: dict[str, Any]) -> Message:
        """The message of a call whose arguments are JSON already, as a trigger reads them. Raises CallRefused."""
        self.signature.unpack(args, kwargs)
        return self._messages([(args, kwargs)])[0]

    def result(self, id: str) -> Result[R]:
        """A handle on an enqueued call of this task, by its id; reads nothing yet."""
        handle: Result[R] = self.house.handle(id, self)
        return handle

    def _messages(self, calls: list[Packed]) -> list[Message]:
        """The messages of calls made now."""
        now = self.house.now()
        said = self.options
        parent = here()
        inherited = parent and parent.lineage.child(parent.message.id, parent.message.task)
        lane = self._lane(parent.lane if parent else 0)
        run_after = said.run_after if said.delay is None else now + said.delay
        expires_at = said.expires_at if said.expires is None else now + said.expires
        return [
            Message(
                id,
                self.name,
                self.queue.name,
                inherited or Lineage(id),
                now,
                lane,
                args,
                kwargs,
                run_after,
                expires_at,
                said.key,
                said.key_window,
                said.group,
                said.priority,
                dict(said.headers),
            )
            for id, (args, kwargs) in zip(new_ids(now, len(calls)), calls, strict=True)
        ]

    def _lane(self, inherited: int) -> int:
        if self.options.lane is not None:
            return self.options.lane
        return inherited if inherited < self.queue.lanes else 0

    def _submit(self, messages: list[Message]) -> list[Result[R]]:
        return [self.house.handle(id, self) for id in self.house.submit(messages)]

    def _packed(self, index: int, call: Call) -> Packed:
        try:
            if type(call) is tuple or (isinstance(call, Sequence) and not isinstance(call, (str, bytes))):
                return self.signature.pack(call, {})
            if isinstance(call, Mapping):
                return self.signature.pack((), call)
            raise ArgumentError(
                f"task {self.name!r}: a tuple of positional or a dict of keyword arguments expected, got {call!r:.80}"
            )
        except ArgumentError as error:
            raise ArgumentError(f"call {index} of enqueue_many: {error}") from None

    def _within(self, option: str, value: int, low: int, high: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ArgumentError(f"task {self.name!r}: {option}={value!r} must be a whole number from {low} to {high}")

    def _seconds(self, option: str, value: Seconds) -> float:
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(seconds, (int, float)) and 0 <= seconds < float("inf"):
            return float(seconds)
        raise ArgumentError(f"task {self.name!r}: {option}={value!r} must be seconds or a timedelta, zero or more")

    def _epoch(self, option: str, value: datetime) -> float:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return max(0.0, value.timestamp())
        example = datetime(2027, 1, 1, tzinfo=UTC)
        raise ArgumentError(f"task {self.name!r}: {option}={value!r} must be an aware datetime, as {example!r} is")

    def _text(self, option: str, value: str, limit: int) -> str:
        if isinstance(value, str) and 0 < len(value) <= limit and value.isprintable():
            return value
        raise ArgumentError(f"task {self.name!r}: {option}={value!r:.80} must be 1 to {limit} printable characters")

    def _headers(self, value: Mapping[str, str]) -> dict[str, str]:
        if all(isinstance(name, str) and isinstance(text, str) for name, text in value.items()):
            return dict(value)
        raise ArgumentError(f"task {self.name!r}: headers={value!r:.80} must map text to text")
