"""A stage's table: DynamoDB's conditional writes and its reads in batches, behind the port of the core.

Attributes are named by placeholders, as half of the words one would use are reserved there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ebbtide.brokers.sqs.clients import Clients
from ebbtide.errors import StorageError
from ebbtide.table import ALWAYS, Condition, Item, Table, Value

READ_AT_ONCE = 100
WRITTEN_AT_ONCE = 25
"""Items in one BatchGetItem and one BatchWriteItem, at most (DynamoDB's API)."""

_REFUSED = "ConditionalCheckFailedException"
_FRUITLESS = 8
"""How often a batch of which nothing was processed is tried again: with the waits between, for about ten seconds."""

Wire = dict[str, dict[str, str]]
"""An item as DynamoDB's API has it: `{"id": {"S": "result/..."}, "gone": {"N": "1800000000"}}`."""


class DynamoDbTable(Table):
    """One table, whose key is the text `id`. sleep: takes seconds, between tries of a throttled batch; for tests."""

    def __init__(self, clients: Clients, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clients = clients
        self._name = name
        self._sleep = sleep

    def read(self, ids: Iterable[str]) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for some in _pieces(list(dict.fromkeys(ids)), READ_AT_ONCE):
            keys = [{"id": {"S": id}} for id in some]
            for items in self._batches("batch_get_item", {"Keys": keys, "ConsistentRead": True}, "UnprocessedKeys"):
                for item in items.get("Responses", {}).get(self._name, ()):
                    unpacked = unpack(item)
                    found[str(unpacked.pop("id"))] = unpacked
        return found

    def insert(self, items: Mapping[str, Item]) -> set[str]:
        if len(items) == 1:
            ((id, item),) = items.items()
            return set() if self.change(id, item, only_if=()) else {id}
        taken = set(self.read(items))
        for some in _pieces([id for id in items if id not in taken], WRITTEN_AT_ONCE):
            puts = [{"PutRequest": {"Item": pack({"id": id, **items[id]})}} for id in some]
            for _ in self._batches("batch_write_item", puts, "UnprocessedItems"):
                pass
        return taken

    def change(
        self,
        id: str,
        changes: Mapping[str, Value | None],
        *,
        add: Mapping[str, int] | None = None,
        only_if: Condition = ALWAYS,
        or_absent: bool = True,
    ) -> bool:
        if not (only_if or or_absent):
            return False
        words = _Words()
        update = words.update(changes, add or {})
        try:
            self._clients.dynamodb.update_item(
                TableName=self._name,
                Key={"id": {"S": id}},
                UpdateExpression=update,
                **words.condition(only_if, or_absent),
                **words.said(),
            )
        except StorageError as error:
            if error.code != _REFUSED:
                raise
            return False
        return True

    def _batches(self, operation: str, wanted: Any, rest: str) -> Iterator[dict[str, Any]]:
        """The answers to a batch, asked for again with what was left out of each until nothing is."""
        call = getattr(self._clients.dynamodb, operation)
        fruitless, left = 0, wanted
        while left:
            answer = call(RequestItems={self._name: left})
            yield answer
            before, left = _size(left), answer.get(rest, {}).get(self._name)
            if left and _size(left) == before:
                fruitless += 1
                if fruitless > _FRUITLESS:
                    fault = StorageError(
                        f"{operation}: table {self._name!r} answers none of {before} items and did so for several "
                        f"tries: DynamoDB throttles it. Try again later"
                    )
                    fault.code = "ProvisionedThroughputExceededException"
                    raise fault
                self._sleep(random.uniform(0.5, 1.0) * 0.05 * 2**fruitless)  # noqa: S311 - a wait is no secret


class _Words:
    """One expression's placeholders: `#0`, `#1` for names and `:0`, `:1` for values, each once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[Value, str] = {}

    def update(self, changes: Mapping[str, Value | None], add: Mapping[str, int]) -> str:
        sets = [f"{self._name(name)} = {self._value(value)}" for name, value in changes.items() if value is not None]
        gone = [self._name(name) for name, value in changes.items() if value is None]
        adds = [f"{self._name(name)} {self._value(number)}" for name, number in add.items()]
        clauses = (("SET ", sets), ("REMOVE ", gone), ("ADD ", adds))
        return " ".join(word + ", ".join(parts) for word, parts in clauses if parts)

    def condition(self, only_if: Condition, or_absent: bool) -> dict[str, str]:
        """The parameter that holds the condition, if there is one."""
        always = any(not row for row in only_if)
        if or_absent and always:
            return {}
        there = f"attribute_exists({self._name('id')})"
        rows = "" if always else " OR ".join(" AND ".join(map(self._test, row)) for row in only_if)
        if or_absent:
            return {"ConditionExpression": f"NOT {there} OR {rows}" if rows else f"NOT {there}"}
        return {"ConditionExpression": f"{there} AND ({rows})" if rows else there}

    def _test(self, test: tuple[str, str, Value]) -> str:
        name, sign, value = test
        return f"{self._name(name)} {sign} {self._value(value)}"

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"#{len(self._names)}")

    def _value(self, value: Value) -> str:
        return self._values.setdefault(value, f":{len(self._values)}")

    def said(self) -> dict[str, Any]:
        """What the placeholders stand for."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        values = {placeholder: _packed(value) for value, placeholder in self._values.items()}
        return {"ExpressionAttributeNames": names, **({"ExpressionAttributeValues": values} if values else {})}


def pack(item: Item) -> Wire:
    """An item for the wire."""
    return {name: _packed(value) for name, value in item.items()}


def unpack(wire: Mapping[str, Mapping[str, str]]) -> Item:
    """An item off the wire: a number without a fraction comes back as an int, whatever it was."""
    return {name: _unpacked(value) for name, value in wire.items()}


def _packed(value: Value) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": repr(value)}


def _unpacked(value: Mapping[str, str]) -> Value:
    if "S" in value:
        return value["S"]
    number = value["N"]
    return int(number) if number.lstrip("-").isdigit() else float(number)


def _pieces(things: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (things[at : at + most] for at in range(0, len(things), most))


def _size(left: Any) -> int:
    return len(left["Keys"] if isinstance(left, dict) else left)
