"""The triggers of tasks that other things start: a queue of somebody else's, a table's stream, the clock.

    Unmanaged({"Fn::GetAtt": ["Orders", "Arn"]})  ->  {"messageId": ..., "body": "...", "eventSource": "aws:sqs", ...}
    Stream("arn:aws:dynamodb:...", 10)            ->  {"eventName": "INSERT", "dynamodb": {"NewImage": ..., ...}}
    Scheduled("rate(15 minutes)")                 ->  no argument

Queue and stream hand over each record as AWS wrote it, which the event classes read. Both may be named as a template
names things, by an intrinsic function such as Fn::GetAtt; then every such record that comes to the function is theirs,
as it has no other source. Their mappings have the logical ids that SAM gives them, so that a stack of async-lambda
keeps them: Lambda refuses a second one of the same source.

Each record of a stream is a call of its own, in order: where one fails, those before it are done with. A task that
gathers is called once for all that came together, and for each by itself where that failed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from ebbtide import strictjson
from ebbtide.errors import DeclarationError, EnvelopeError
from ebbtide.message import Message
from ebbtide.signature import Signature
from ebbtide.trigger import INVOKED, LOGICAL_ID, Json, Target, Trigger
from ebbtide.triggers.event_source import Event, EventSource
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.table_stream import TableStream

_INTRINSIC = 'or an intrinsic function of CloudFormation, as {"Fn::GetAtt": ["Orders", "Arn"]}'


class _Record(EventSource):
    """Hands over a record as it came, as the task's one argument. decorator, words: what async-lambda calls it, and
    what our arguments are there."""

    decorator: ClassVar[str]
    words: ClassVar[Mapping[str, str]]

    @property
    @abstractmethod
    def source(self) -> str | Json:
        """Where its records come from, as it was declared."""

    @property
    def intrinsic(self) -> Json | None:
        """The source, if that is an intrinsic function."""
        return self.source if isinstance(self.source, dict) else None

    def bound(self, signature: Callable[[], Signature]) -> Self:
        return self

    def arguments(self, event: Event) -> tuple[list[Any], dict[str, Any]]:
        """The record as the one argument."""
        if miss := self.miss("", event):
            raise EnvelopeError(f"not an event of {self!r}: {miss.reason}")
        return [{name: value for name, value in event.items() if name != LOGICAL_ID}], {}

    def __repr__(self) -> str:
        (word, *_) = self.words.values()
        return f"{self.decorator}({word}={self.source!r:.200})"

    def _wrong(self, name: str, expected: str) -> DeclarationError:
        also = f"; {_INTRINSIC}" if self._parts[name] is self.source else ""
        return DeclarationError(f"{self.decorator}({self.words[name]}={self._parts[name]!r:.200}): {expected}{also}")


class Unmanaged(_Record, ForeignQueue):
    """Start the task for each message of an SQS queue: `Unmanaged("arn:aws:sqs:...")`.

    queue_arn: its ARN; its name, if it is in the stage's account and region; or an intrinsic function. concurrency:
    invocations at once, 2 to 1,000; None is no limit. Raises DeclarationError.
    """

    decorator = "sqs_task"
    words: ClassVar[Mapping[str, str]] = {"queue": "queue_arn", "concurrency": "maximum_concurrency"}

    def __init__(self, queue_arn: str | Mapping[str, Any], concurrency: int | None = None) -> None:
        super().__init__(queue_arn, batch=1, concurrency=concurrency)  # type: ignore[arg-type]

    @property
    def source(self) -> str | Json:
        return self.queue

    def _check_queue(self, queue: object) -> None:
        if not _is_intrinsic(queue):
            super()._check_queue(queue)

    def _is_mine(self, arn: str) -> bool:
        return bool(self.intrinsic) or super()._is_mine(arn)

    @property
    def existing(self) -> str | None:
        return None if self.intrinsic else super().existing

    @property
    def _arn(self) -> str | Json:
        return self.intrinsic or super()._arn

    def _mapping(self, target: Target) -> str:
        return f"{target.function}UnmanagedSQS"


class Stream(_Record, TableStream):
    """Start the task for each change of an item: `Stream("arn:aws:dynamodb:...", 10)`, from the oldest change on.

    stream_arn: the stream's ARN, the logical id of a table among the stage's resources, or an intrinsic function.
    batch_size: records in one invocation, 1 to 10,000. max_batching_window: seconds to gather them, 0 to 300.
    Raises DeclarationError.
    """

    decorator = "dynamodb_task"
    words: ClassVar[Mapping[str, str]] = {
        "stream": "stream_arn",
        "batch": "batch_size",
        "window": "max_batching_window",
    }

    def __init__(self, stream_arn: str | Mapping[str, Any], batch_size: int, max_batching_window: int = 0) -> None:
        given: Any = stream_arn
        super().__init__(given, start="oldest", batch=batch_size, window=max_batching_window)

    @property
    def source(self) -> str | Json:
        return self.stream

    def _check_stream(self, stream: object) -> None:
        if not _is_intrinsic(stream):
            super()._check_stream(stream)

    def _is_mine(self, event: Event, arn: str) -> bool:
        return bool(self.intrinsic) or super()._is_mine(event, arn)

    @property
    def existing(self) -> str | None:
        return None if self.intrinsic else super().existing

    @property
    def _arn(self) -> str | Json:
        return self.intrinsic or super()._arn

    def _mapping(self, target: Target) -> str:
        return f"{target.function}DynamoDBEvent"

    def _told(self) -> Json:
        return {} if self.intrinsic else super()._told()

    def _every(self) -> str | Json:
        if self.intrinsic is None:
            return super()._every()
        # arn:...:table/NAME/stream/DATE
        parts = {"Fn::Split": ["/", self.intrinsic]}
        named = {word: {"Fn::Select": [place, parts]} for place, word in enumerate(("Table", "Name"))}
        return {"Fn::Sub": ["${Table}/${Name}/stream/*", named]}


class Scheduled(Schedule):
    """Start the task by the clock: `Scheduled("rate(15 minutes)")`, or a cron of six fields in UTC.

    Raises DeclarationError with the corrected form.
    """

    def __init__(self, expression: str) -> None:
        super().__init__(expression)

    @staticmethod
    def _written(expression: object) -> str:
        return f"scheduled_task(schedule_expression={expression!r})"

    def __repr__(self) -> str:
        return self._written(self.expression)


class Invoked(Trigger):
    """Start the task by invoking its function with any event, which is its one argument: a pure task's way; and what
    the schedule of an async-lambda stack still does until ours has taken its place."""

    def __repr__(self) -> str:
        return "invoke"

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """The task's one parameter takes any event."""

    def reads(self, task: str, event: Event) -> bool:
        return event.get("eventSource") == INVOKED

    def arguments(self, event: Event) -> tuple[list[Any], dict[str, Any]]:
        return [event["event"]], {}


def tick(message: Message) -> Json:
    """The event of a schedule's tick, as EventBridge Scheduler hands it to a function that it invokes itself. message:
    the one that the tick has become."""
    return {
        "version": "0",
        "id": message.id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "time": message.headers.get("tick"),
        "resources": [],
        "detail": "{}",
    }


def _is_intrinsic(source: object) -> bool:
    if not isinstance(source, dict) or len(source) != 1:
        return False
    try:
        strictjson.dumps(source)
    except (TypeError, ValueError):
        return False
    (name,) = source
    return name == "Ref" or (isinstance(name, str) and name.startswith("Fn::"))
