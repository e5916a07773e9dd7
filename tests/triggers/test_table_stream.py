"""Table streams: changes of items as calls, their values exact, and the mapping that brings them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, Literal

import pytest
from tests.fakes import memory_app
from tests.triggers.reading import calls, foreign, reason, sample, target

from ebbtide import App, TableStream
from ebbtide.errors import ArgumentError, DeclarationError, EnvelopeError
from ebbtide.triggers.dynamodb_values import number, plain

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/ExampleTableWithStream/stream/2016-11-16T20:42:48.104"


@dataclass
class Line:
    sku: str
    count: int


@dataclass
class Item:
    Id: int
    Message: str
    Price: Decimal
    Exact: Decimal
    Tags: set[str]
    Sizes: list[float]
    Photo: bytes
    Photos: list[bytes]
    Paid: bool
    Note: str | None
    Lines: list[Line] = field(default_factory=list)


def app_with(function: Callable[..., Any], stream: str = ARN) -> App:
    app = memory_app()
    app.task(TableStream(stream))(function)
    return app


def image_as(annotation: Any) -> Callable[..., Any]:
    def changed(new: Any) -> None: ...

    changed.__annotations__["new"] = annotation
    return changed


def with_new(**attributes: Any) -> Any:
    record = sample("stream_modify")
    record["dynamodb"]["NewImage"] = attributes
    return record


def test_a_task_is_given_what_it_asks_for_by_name() -> None:
    def changed(
        event: Literal["INSERT", "MODIFY", "REMOVE"],
        keys: dict[str, int],
        new: Item | None,
        old: dict[str, Any] | None,
        table: str,
        sequence: str,
        time: datetime,
    ) -> None: ...

    app = app_with(changed)
    ((_, _, given),) = calls(app, foreign(app, sample("stream_modify")))
    exact = Decimal("3.14159265358979323846264338327950288")
    lines = [Line("x", 2)]
    assert given == {
        "event": "MODIFY",
        "keys": {"Id": 101},
        "new": Item(
            *(101, "This item has changed", Decimal("19.90"), exact, {"a", "b"}, [1, 2.5], b"\x01\x02"),
            *([b"\x01\x02"], True, None, lines),
        ),
        "old": {"Id": 101, "Message": "New item!"},
        "table": "ExampleTableWithStream",
        "sequence": "4421584500000000017450439092",
        "time": datetime(2016, 11, 18, 20, 9, tzinfo=UTC),
    }
    ((_, _, given),) = calls(app, foreign(app, sample("stream_remove")))
    assert (given["event"], given["new"], given["time"].microsecond) == ("REMOVE", None, 500_000)


def test_a_record_keeps_its_own_id_and_time() -> None:
    (found,) = foreign(app_with(image_as(Any)), sample("stream_modify"))
    assert found.message.id == "c81e728d9d4c2f636f067f89cc14862c"
    assert found.message.enqueued_at == 1_479_499_740.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("101", 101),
        ("-7", -7),
        ("1.10", 1.1),
        ("2.0", 2),
        ("1E+2", 100),
        ("1.5e3", 1500),
        ("-0.1", -0.1),
        ("1e-7", 1e-7),
        ("9007199254740993", 9007199254740993),
        ("12345678901234567890123456789012345678", 12345678901234567890123456789012345678),
        ("9.9e125", 99 * 10**124),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("1e-130", 1e-130),
        ("9.99999999999999999999999999999999999999E-100", "9.99999999999999999999999999999999999999E-100"),
    ],
)
def test_a_number_is_the_very_same(text: str, value: Any) -> None:
    read = number(text)
    assert read == value
    assert type(read) is type(value)


def test_numbers_at_random_are_the_very_same() -> None:
    draw = Random(5)
    for _ in range(3000):
        digits = str(draw.randrange(10 ** draw.randint(1, 38)))
        text = f"{draw.choice(['', '-'])}{digits[:-3] or '0'}{draw.choice(['', '.' + digits[-3:]])}"
        text += draw.choice(["", "", f"E{draw.randint(-90, 80)}", f"e+{draw.randint(0, 80)}"])
        assert Decimal(str(number(text))) == Decimal(text), text


@pytest.mark.parametrize(
    "text", ["", "x", "1.", ".5", "1e", "NaN", "Infinity", "0x1", "1_0", "1" * 401, " 1", "1\n", None, 1]
)
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(EnvelopeError, match="is no number of DynamoDB's"):
        number(text)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (dict[str, Decimal], {"N": "1.10"}, Decimal("1.10")),
        (dict[str, Decimal], {"N": "7"}, Decimal(7)),
        (dict[str, Decimal], {"N": "0.1234567890123456789"}, Decimal("0.1234567890123456789")),
        (dict[str, int], {"N": "2.0"}, 2),
        (dict[str, float], {"N": "0.5"}, 0.5),
        (dict[str, datetime], {"S": "2027-01-01T00:00:00"}, datetime(2027, 1, 1)),
        (dict[str, set[int]], {"NS": ["2", "1"]}, {1, 2}),
        (dict[str, bytes], {"B": "AQI="}, b"\x01\x02"),
    ],
)
def test_a_value_arrives_as_the_annotation_says(annotation: Any, value: Any, expected: Any) -> None:
    app = app_with(image_as(annotation | None))
    ((_, _, given),) = calls(app, foreign(app, with_new(a=value)))
    assert given == {"new": {"a": expected}}


@pytest.mark.parametrize(
    ("annotation", "text"),
    [(dict[str, int], "1.5"), (dict[str, float], "0.1234567890123456789"), (dict[str, int], "x")],
)
def test_a_number_that_does_not_fit_is_never_rounded(annotation: Any, text: str) -> None:
    app = app_with(image_as(annotation | None))
    found = foreign(app, with_new(a={"N": text}))
    with pytest.raises((ArgumentError, EnvelopeError), match=r"expected (int|float)|no number"):
        calls(app, found)


@pytest.mark.parametrize(
    "item",
    [
        {"a": 1},
        {"a": {}},
        {"a": {"S": "x", "N": "1"}},
        {"a": {"X": "x"}},
        {"a": {"S": 1}},
        {"a": {"BOOL": "true"}},
        {"a": {"L": "x"}},
        {"a": {"M": []}},
        {"a": {"NS": "12"}},
        {"a": {"SS": [1]}},
        [1],
    ],
)
def test_what_dynamodb_never_writes_is_refused(item: Any) -> None:
    with pytest.raises(EnvelopeError):
        plain(item)


def test_depth_without_end_is_refused() -> None:
    item: Any = {"S": "x"}
    for _ in range(3000):
        item = {"M": {"a": item}}
    with pytest.raises(EnvelopeError, match="nested too deeply"):
        plain({"a": item})


def with_change(**changed: Any) -> Any:
    record = sample("stream_modify")
    record["dynamodb"] |= changed
    return record


@pytest.mark.parametrize(
    ("record", "amiss"),
    [
        ({**sample("stream_modify"), "eventSourceARN": ARN.replace("Example", "Other")}, "its stream is "),
        ({**sample("stream_modify"), "eventSourceARN": ARN.replace("us-east-1", "eu-west-1")}, "its stream is "),
        ({**sample("stream_modify"), "eventName": "DROP"}, "it is not a whole record"),
        (with_change(SequenceNumber=5), "it is not a whole record"),
        (with_change(ApproximateCreationDateTime=None), "it is not a whole record"),
        (with_change(Keys=None), "a record without keys"),
        (with_change(NewImage={"a": 1}), "an object expected in an item of DynamoDB"),
        (sample("foreign_record"), "tried task 'changed': TableStream("),
    ],
)
def test_records_that_are_none_of_its_own_are_left_with_the_reason(record: Any, amiss: str) -> None:
    assert amiss in reason(foreign(app_with(image_as(Any)), record))


@pytest.mark.parametrize("account", ["eu-west-1:000000000000", "us-east-1:123456789012"])
def test_what_stands_in_for_the_table_in_a_rehearsal_is_taken_for_it(account: str) -> None:
    arn = f"arn:aws:dynamodb:{account}:table/ExampleTableWithStream/stream/2027-01-01T00:00:00.000"
    assert (
        len(calls(app_with(image_as(Any)), foreign(app_with(image_as(Any)), {**with_change(), "eventSourceARN": arn})))
        == 1
    )


@pytest.mark.parametrize("table", ["Orders", "shop-prod-Orders-A4B9E3ADB7043"])
def test_a_table_of_the_stages_own_is_known_by_its_logical_id(table: str) -> None:
    app = app_with(image_as(Any), "Orders")
    record = {**sample("stream_modify"), "eventSourceARN": ARN.replace("ExampleTableWithStream", table)}
    assert len(calls(app, foreign(app, record))) == 1
    assert "its stream is" in reason(foreign(app, sample("stream_modify")))


def test_a_table_of_any_name_is_known_by_the_logical_id_that_its_record_was_given() -> None:
    app = app_with(image_as(Any), "Orders")
    record = sample("stream_modify")
    assert len(calls(app, foreign(app, {**record, "tableLogicalId": "Orders"}))) == 1
    assert "its stream is" in reason(foreign(app, {**record, "tableLogicalId": "Users"}))
    # What its template says counts, whatever the name looks like.
    arn = ARN.replace("ExampleTableWithStream", "shop-prod-Orders-A4B9E3ADB7043")
    assert "its stream is" in reason(foreign(app, {**record, "eventSourceARN": arn, "tableLogicalId": "Users"}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: TableStream("arn:aws:dynamodb:us-east-1:123456789012:table/x"), "the ARN of a table's stream"),
        (lambda: TableStream("my-table"), "the logical id of a table"),
        (lambda: TableStream(ARN, start="now"), "'latest' or 'oldest'"),  # type: ignore[arg-type]
        (lambda: TableStream(ARN, batch=0), "a whole number from 1 to 10,000"),
        (lambda: TableStream(ARN, window=301), "a whole number from 0 to 300"),
        (lambda: TableStream(ARN, parallel=11), "a whole number from 1 to 10"),
        (lambda: TableStream(ARN, attempts=0), "a whole number from 1 to 10,001"),
        (lambda: TableStream(ARN, filter={"eventName": ["INSERT"]}), "a list of patterns"),  # type: ignore[arg-type]
        (lambda: TableStream(ARN, filter=[{"a": object()}]), "not JSON serializable"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(make: Callable[[], TableStream], said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        make()
    assert said in str(refused.value)


def test_images_may_be_missing() -> None:
    def changed(new: dict[str, int]) -> None: ...

    with pytest.raises(DeclarationError, match="not every event has a 'new'"):
        app_with(changed)


# The template


def test_the_function_is_mapped_to_exactly_that_stream() -> None:
    insert = {"eventName": ["INSERT"]}
    asked = TableStream(ARN, start="oldest", batch=10, window=5, attempts=3, filter=[insert]).asks(target())
    (mapping,) = asked.resources.values()
    assert mapping["Properties"] == {
        "EventSourceArn": ARN,
        "FunctionName": {"Ref": "DefaultFunction"},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 2,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]},
        "Enabled": True,
    }
    assert list(asked.statements) == [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            "Resource": ARN,
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:ListStreams"],
            "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/ExampleTableWithStream/stream/*",
        },
    ]


def test_the_stream_of_a_table_of_the_stages_own_is_asked_of_it() -> None:
    asked = TableStream("Orders").asks(target())
    (mapping,) = asked.resources.values()
    assert mapping["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["Orders", "StreamArn"]}
    assert "FilterCriteria" not in mapping["Properties"]
    assert asked.statements[1]["Resource"] == {"Fn::Sub": "${Orders.Arn}/stream/*"}


def test_the_function_is_told_the_name_of_a_table_of_the_stages_own() -> None:
    assert TableStream("Orders").asks(target()).environment == {"EBBTIDE_TABLE_Orders": {"Ref": "Orders"}}
    assert TableStream(ARN).asks(target()).environment == {}


def test_two_tasks_of_a_function_share_the_mapping_and_two_filters_differ_to_see() -> None:
    one, other = (TableStream(ARN, filter=filter).asks(target()) for filter in ([], [{"eventName": ["INSERT"]}]))
    assert one.resources.keys() == other.resources.keys()
    (some,), (others,) = one.resources.values(), other.resources.values()
    assert some["Metadata"] != others["Metadata"]
