"""The table port, as DynamoDB and the fake of our tests keep it: the one is held against the other."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.aws.moto import a_table, clients
from tests.brokers.sqs.fake_table import FakeTable

from ebbtide.brokers.sqs.table import DynamoDbTable, pack, unpack
from ebbtide.errors import StorageError
from ebbtide.table import Condition, Item, Table, Value, holds

TABLES: dict[str, Callable[[], Table]] = {"fake": FakeTable, "dynamodb": a_table}


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> Table:
    return TABLES[request.param]()


def test_what_was_written_is_read(table: Table) -> None:
    assert table.change("a", {"text": "é \N{GRINNING FACE}", "number": 3, "time": 1_800_000_000.25, "nothing": ""})
    assert table.read(["a", "b"]) == {
        "a": {"text": "é \N{GRINNING FACE}", "number": 3, "time": 1_800_000_000.25, "nothing": ""}
    }


def test_a_change_leaves_the_rest_and_none_removes(table: Table) -> None:
    table.change("a", {"x": 1, "y": 2, "z": 3})
    table.change("a", {"x": 5, "y": None, "never": None})
    assert table.read(["a"]) == {"a": {"x": 5, "z": 3}}


def test_counts_begin_at_nothing_and_go_below(table: Table) -> None:
    table.change("a", {}, add={"n": 2})
    table.change("a", {"x": 1}, add={"n": -5})
    assert table.read(["a"]) == {"a": {"x": 1, "n": -3}}


def test_a_condition_that_fails_changes_nothing(table: Table) -> None:
    table.change("a", {"x": 1})
    assert not table.change("a", {"x": 2}, add={"n": 1}, only_if=[[("x", ">", 1)]])
    assert not table.change("a", {"x": 2}, only_if=())
    assert table.read(["a"]) == {"a": {"x": 1}}


def test_where_nothing_is_a_change_makes_an_item_unless_told_not_to(table: Table) -> None:
    assert not table.change("a", {"x": 1}, or_absent=False)
    assert not table.change("a", {"x": 1}, only_if=[[("x", "=", 1)]], or_absent=False)
    assert table.read(["a"]) == {}
    assert table.change("a", {"x": 1}, only_if=())
    assert table.change("a", {"y": 1}, or_absent=False)
    assert table.read(["a"]) == {"a": {"x": 1, "y": 1}}


def test_an_insert_leaves_what_is_there(table: Table) -> None:
    table.change("m3", {"x": 0})
    many: dict[str, Item] = {f"m{number}": {"x": number, "y": "t"} for number in range(130)}
    assert table.insert(many) == {"m3"}
    assert table.insert({"m3": {"x": 9}}) == {"m3"}
    assert table.insert({"alone": {"x": 9}}) == set()
    assert table.read([*many, "alone"]) == {**many, "m3": {"x": 0}, "alone": {"x": 9}}
    assert table.insert({}) == set()
    assert table.read([]) == {}


KINDS: dict[str, st.SearchStrategy[Value]] = {
    "p": st.sampled_from([-1, 0, 1, 1.5, 2]),
    "q": st.sampled_from(["", "1", "a", "b"]),
    "r": st.sampled_from([1, "a"]),
}
ITEMS = st.fixed_dictionaries({}, optional={name: KINDS[name] for name in "pq"})
SIGNS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
TESTS = st.sampled_from(sorted(KINDS)).flatmap(lambda name: st.tuples(st.just(name), SIGNS, KINDS[name]))
CONDITIONS: st.SearchStrategy[Condition] = st.lists(st.lists(TESTS, max_size=2), max_size=3)


@pytest.fixture(scope="module")
def dynamodb() -> DynamoDbTable:
    return a_table()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.none() | ITEMS, condition=CONDITIONS, or_absent=st.booleans())
def test_dynamodb_decides_a_condition_as_the_fake_does(
    dynamodb: DynamoDbTable, before: Item | None, condition: Condition, or_absent: bool
) -> None:
    name, fake = str(uuid4()), FakeTable()
    for table in (fake, dynamodb):
        if before is not None:
            table.change(name, {"here": 1, **before})
    done = [t.change(name, {"s": 1}, add={"n": 1}, only_if=condition, or_absent=or_absent) for t in (fake, dynamodb)]
    assert done[0] == done[1]
    assert fake.read([name]) == dynamodb.read([name])


def test_a_condition_holds_by_any_row_whose_tests_all_pass() -> None:
    item: Item = {"x": 1, "t": "a"}
    assert holds([[("x", "=", 2)], [("x", ">=", 1), ("t", "<", "b")]], item)
    assert not holds([[("x", "=", 1), ("t", "=", "b")]], item)
    assert holds([[]], item)
    assert not holds([], item)
    assert not holds([[("none", "<=", 5)]], item)
    assert holds([[("none", "<>", 5)]], item)


def test_numbers_come_back_exactly() -> None:
    numbers: Item = {"a": 2**53 + 1, "b": 0.1, "c": 1_800_000_000.000001, "d": -3, "e": 5e-5, "f": 1e22}
    assert unpack(pack(numbers)) == numbers


class Throttled:
    """DynamoDB that answers a part of each batch: as many of its items as the next of `answers` says."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []
        self.there = True  # whether what is asked for is in the table

    @property
    def dynamodb(self) -> "Throttled":
        return self

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        if not self.there:
            return {"Responses": {}}
        keys = RequestItems["t"]["Keys"]
        self.asked.append(len(keys))
        done = self.answers.pop(0) if self.answers else 0
        rest = {"UnprocessedKeys": {"t": {**RequestItems["t"], "Keys": keys[done:]}}} if keys[done:] else {}
        return {"Responses": {"t": [{**key, "x": {"N": "1"}} for key in keys[:done]]}, **rest}

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        puts = RequestItems["t"]
        self.asked.append(len(puts))
        done = self.answers.pop(0) if self.answers else 0
        return {"UnprocessedItems": {"t": puts[done:]} if puts[done:] else {}}


def throttled(*answers: int) -> tuple[Throttled, DynamoDbTable, list[float]]:
    service, slept = Throttled(*answers), list[float]()
    return service, DynamoDbTable(service, "t", slept.append), slept  # type: ignore[arg-type]


def test_what_a_batch_left_out_is_asked_for_again() -> None:
    service, table, slept = throttled(100, 10, 0, 40)
    assert len(table.read(f"m{number}" for number in range(150))) == 150
    assert service.asked == [100, 50, 40, 40]
    assert len(slept) == 1, "a wait only where nothing at all was answered"


def test_what_a_batch_did_not_write_is_written_again() -> None:
    service, table, _ = throttled(3, 0, 22, 5)
    service.there = False
    assert table.insert({f"m{number}": {"x": 1} for number in range(30)}) == set()
    assert service.asked == [25, 22, 22, 5]


def test_a_table_that_answers_nothing_for_long_is_an_error_that_says_so() -> None:
    _, table, slept = throttled()
    with pytest.raises(StorageError, match=r"table 't' answers none of 1 items.*throttles it") as caught:
        table.read(["a"])
    assert caught.value.code == "ProvisionedThroughputExceededException"
    assert 5 < sum(slept) < 60
    assert slept == sorted(slept)


def test_a_table_that_is_not_there_is_an_error_with_the_cure() -> None:
    with pytest.raises(StorageError, match="ebbtide deploy --stage test"):
        DynamoDbTable(clients(), "t-nowhere").change("a", {"x": 1})
