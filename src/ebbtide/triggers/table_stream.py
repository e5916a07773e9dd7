"""A table's stream: the trigger that starts a task for each change of an item in DynamoDB.

    @app.task(TableStream("arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2027-01-01T00:00:00.000"))
    def changed(event: Literal["INSERT", "MODIFY", "REMOVE"], keys: dict[str, str], new: Order | None) -> None: ...

Lambda reads the stream itself and hands its records over in order, shard by shard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from ebbtide import strictjson
from ebbtide.errors import EnvelopeError
from ebbtide.trigger import LOGICAL_ID, TABLE_VARIABLE, Asked, Json, Target
from ebbtide.triggers.event_source import Conditions, Event, EventSource, member, shown, text
from ebbtide.triggers.names import is_same, logical
from ebbtide.triggers.picking import Offer, Offers
from ebbtide.triggers.sqs_record import moment
from ebbtide.triggers.statements import allow

Start = Literal["latest", "oldest"]

# Compiled on first use, as all patterns of triggers.
_ARN = r"arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}/stream/[0-9T:.-]+"
_LOGICAL = r"[A-Za-z][A-Za-z0-9]{0,254}"

_OFFERS: Offers = {
    "event": Offer("text"),
    "keys": Offer("json"),
    "new": Offer("json", always=False),
    "old": Offer("json", always=False),
    "table": Offer("text"),
    "sequence": Offer("text"),
    "time": Offer("time"),
}
_STARTS = {"latest": "LATEST", "oldest": "TRIM_HORIZON"}
_EVENTS = ("INSERT", "MODIFY", "REMOVE")
_RANGES = {"batch": (1, 10_000), "window": (0, 300), "attempts": (1, 10_001), "parallel": (1, 10)}


class TableStream(EventSource):
    """Start the task for each change: `TableStream("arn:...:table/orders/stream/...")`.

    stream: the stream's ARN; or the logical id of a table among the stage's own resources, whose stream is on.
    start: where to begin when it is first deployed, "latest" or "oldest" (24 hours back). batch: records in one
    invocation, 1 to 10,000. window: seconds to gather them, 0 to 300. bisect: halve a batch that fails as a whole.
    attempts: of a record that fails, in all; then the stage's dead letters are told which it was. parallel: batches
    of one shard at once, 1 to 10. filter: patterns of Lambda's event filtering, any of which a record must match, as
    {"eventName": ["INSERT"]}.

    A parameter may be called event ("INSERT", "MODIFY", "REMOVE"), keys, new and old (None where there is no such
    image), table, sequence, time. Raises DeclarationError.
    """

    stream: str
    start: Start
    batch: int
    window: int
    bisect: bool
    attempts: int
    parallel: int
    filter: Sequence[Mapping[str, Any]]

    def __init__(
        self,
        stream: str,
        *,
        start: Start = "latest",
        batch: int = 100,
        window: int = 0,
        bisect: bool = True,
        attempts: int = 5,
        parallel: int = 1,
        filter: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        numbers = {"batch": batch, "window": window, "attempts": attempts, "parallel": parallel}
        self._declare(stream=stream, start=start, bisect=bisect, filter=filter, **numbers)
        self._check_stream(stream)
        if start not in _STARTS:
            raise self._wrong("start", "'latest' or 'oldest'")
        for name, (low, high) in _RANGES.items():
            if type(numbers[name]) is not int or not low <= numbers[name] <= high:
                raise self._wrong(name, f"a whole number from {low} to {high:,}")
        self._check_filter(filter)

    def _check_stream(self, stream: object) -> None:
        if not isinstance(stream, str) or not (re.fullmatch(_ARN, stream) or re.fullmatch(_LOGICAL, stream)):
            cure = "the ARN of a table's stream (aws dynamodb describe-table tells it, as LatestStreamArn), or the "
            raise self._wrong("stream", f"{cure}logical id of a table among the stage's resources")

    def _check_filter(self, filter: object) -> None:
        cure = "a list of patterns, as [{'eventName': ['INSERT']}]; AWS takes up to 5"
        if not isinstance(filter, (list, tuple)) or len(filter) > 5 or not all(isinstance(p, Mapping) for p in filter):
            raise self._wrong("filter", cure)
        try:
            strictjson.dumps(list(filter))
        except (TypeError, ValueError) as error:
            raise self._wrong("filter", f"{cure} ({error})") from None

    @property
    def _by_arn(self) -> bool:
        return self.stream.startswith("arn:")

    @property
    def together(self) -> int:
        return self.batch

    @property
    def offers(self) -> Offers:
        return _OFFERS

    def conditions(self, event: Event) -> Conditions:
        arn, change = text(event.get("eventSourceARN")), event.get("dynamodb")
        is_stream = event.get("eventSource") == "aws:dynamodb" and arn is not None and isinstance(change, Mapping)
        yield is_stream, "it is no record of a table's stream"
        whole = text(member(change, "SequenceNumber")) and moment(member(change, "ApproximateCreationDateTime"))
        yield bool(whole) and event.get("eventName") in _EVENTS, "it is not a whole record"
        yield self._is_mine(event, arn or ""), f"its stream is {shown(arn)}"

    def _is_mine(self, event: Event, arn: str) -> bool:
        if self._by_arn:
            return is_same(self.stream, arn)
        # What the function was told by its template; else as CloudFormation names it, if nobody else does.
        told, table = text(event.get(LOGICAL_ID)), _table(arn)
        return told == self.stream if told else table == self.stream or f"-{self.stream}-" in table

    def values(self, event: Event) -> dict[str, Any]:
        # Only who has such records needs it.
        plain = import_module("ebbtide.triggers.dynamodb_values").plain
        change = event["dynamodb"]
        images = {name: change.get(said) for name, said in (("new", "NewImage"), ("old", "OldImage"))}
        if not isinstance(change.get("Keys"), Mapping):
            raise EnvelopeError(f"{self!r}: a record without keys")
        return {
            "event": event["eventName"],
            "keys": plain(change["Keys"]),
            **{name: None if image is None else plain(image) for name, image in images.items()},
            "table": _table(event["eventSourceARN"]),
            "sequence": change["SequenceNumber"],
            "time": moment(change["ApproximateCreationDateTime"]),
        }

    def asks(self, target: Target) -> Asked:
        stream = self._arn
        properties: Json = {
            "EventSourceArn": stream,
            "FunctionName": {"Ref": target.function},
            "StartingPosition": _STARTS[self.start],
            "BatchSize": self.batch,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": self.bisect,
            "MaximumRetryAttempts": self.attempts - 1,
            "ParallelizationFactor": self.parallel,
            "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": [target.dead_letters, "Arn"]}}},
            "MaximumBatchingWindowInSeconds": self.window,
            "Enabled": True,
        }
        patterns = [strictjson.dumps(dict(pattern)) for pattern in self.filter]
        if patterns:
            properties["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in patterns]}
        # All tasks of a function share one mapping: Lambda keeps one for a stream and a function. So they must have the
        # same filter, which is said once more as text, where two that differ are seen.
        id = self._mapping(target)
        about = {"Ebbtide": {"filter": " or ".join(patterns)}}
        made = {"Type": "AWS::Lambda::EventSourceMapping", "Metadata": about, "Properties": properties}
        return Asked({id: made}, self._statements(stream), environment=self._told())

    @property
    def existing(self) -> str | None:
        """The ARN of the stream, if it must be there already; None if the template makes its table."""
        return self.stream if self._by_arn else None

    @property
    def _arn(self) -> str | Json:
        return self.stream if self._by_arn else {"Fn::GetAtt": [self.stream, "StreamArn"]}

    def _mapping(self, target: Target) -> str:
        return f"{target.function}{logical('From', _table(self.stream) or self.stream)}"

    def _told(self) -> Json:
        return {} if self._by_arn else {f"{TABLE_VARIABLE}{self.stream}": {"Ref": self.stream}}

    def _statements(self, stream: str | Json) -> list[Json]:
        verbs = ("DescribeStream", "GetRecords", "GetShardIterator")
        return [allow([f"dynamodb:{verb}" for verb in verbs], stream), allow(["dynamodb:ListStreams"], self._every())]

    def _every(self) -> str | Json:
        """All streams of the table."""
        table = {"Fn::Sub": f"${{{self.stream}.Arn}}/stream/*"}
        return f"{self.stream.rpartition('/')[0]}/*" if self._by_arn else table


def _table(arn: str) -> str:
    """The table's name in the ARN of its stream."""
    return arn.partition(":table/")[2].partition("/")[0]
