"""boto3's `dynamodb` client over tables in memory: conditional writes, reads in batches, TTL that comes late.

Source: Amazon DynamoDB API Reference. A key is one text attribute. An item past its TTL is there until `sweep`: "within
a few days of their expiration time", says the Developer Guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.expressions import Expression, Wire, WrongExpression
from tests.aws.simulator.service import Answer, Client

ITEM_BYTES = 400 * 1024
READ_AT_ONCE, WRITTEN_AT_ONCE = 100, 25


class DynamoDbClient(Client):
    """Tables made by `create_table`, or at once by `table`."""

    service = "dynamodb"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.tables: dict[str, dict[str, Wire]] = {}
        self.ttl: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def table(self, name: str, key: str = "id", ttl: str = "gone") -> dict[str, Wire]:
        """A new table; its items by their key."""
        self._keys[name], self.ttl[name] = key, ttl
        return self.tables.setdefault(name, {})

    def sweep(self, name: str) -> int:
        """Delete what is past its TTL, as DynamoDB does now and then; how many."""
        table, attribute = self.tables[name], self.ttl[name]
        now = self.account.timeline.now
        past = [key for key, item in table.items() if attribute in item and float(item[attribute]["N"]) < now]
        for key in past:
            del table[key]
        return len(past)

    def _create_table(self, TableName: str, KeySchema: Sequence[Mapping[str, str]], **_: Any) -> Answer:
        self.table(TableName, KeySchema[0]["AttributeName"])
        return {"TableDescription": {"TableName": TableName, "TableStatus": "ACTIVE"}}

    def _describe_table(self, TableName: str) -> Answer:
        self._table("DescribeTable", TableName)
        return {"Table": {"TableName": TableName, "TableStatus": "ACTIVE"}}

    def _get_item(self, TableName: str, Key: Wire, **_: Any) -> Answer:
        item = self._table("GetItem", TableName).get(self._key(TableName, Key))
        return {"Item": dict(item)} if item else {}

    def _batch_get_item(self, RequestItems: Mapping[str, Any], **_: Any) -> Answer:
        answers: dict[str, list[Wire]] = {}
        unread: dict[str, Any] = {}
        for name, wanted in RequestItems.items():
            table, keys = self._table("BatchGetItem", name), wanted["Keys"]
            if len(keys) > READ_AT_ONCE or len({self._key(name, key) for key in keys}) < len(keys):
                raise self.refusal(
                    "BatchGetItem", "ValidationException", "Provided list of item keys contains duplicates"
                )
            left = [key for key in keys if self.account.happens(self.account.faults.entry)]
            found = (table.get(self._key(name, key)) for key in keys if key not in left)
            answers[name] = [dict(item) for item in found if item]
            if left:
                unread[name] = {**wanted, "Keys": left}
        return {"Responses": answers, "UnprocessedKeys": unread}

    def _batch_write_item(self, RequestItems: Mapping[str, Any], **_: Any) -> Answer:
        unwritten: dict[str, Any] = {}
        if sum(map(len, RequestItems.values())) > WRITTEN_AT_ONCE:
            raise self.refusal("BatchWriteItem", "ValidationException", "Too many items requested")
        for name, wanted in RequestItems.items():
            table = self._table("BatchWriteItem", name)
            for request in wanted:
                if self.account.happens(self.account.faults.entry):
                    unwritten.setdefault(name, []).append(request)
                elif "PutRequest" in request:
                    item = request["PutRequest"]["Item"]
                    table[self._key(name, item)] = dict(item)
                else:
                    table.pop(self._key(name, request["DeleteRequest"]["Key"]), None)
        return {"UnprocessedItems": unwritten}

    def _put_item(self, TableName: str, Item: Wire, **given: Any) -> Answer:
        table, key = self._table("PutItem", TableName), self._key(TableName, Item)
        self._checked("PutItem", table.get(key, {}), given, None)
        table[key] = dict(Item)
        return {}

    def _update_item(self, TableName: str, Key: Wire, **given: Any) -> Answer:
        table, key = self._table("UpdateItem", TableName), self._key(TableName, Key)
        old = table.get(key, {})
        new = {**self._checked("UpdateItem", old, given, Key), **Key}
        table[key] = new
        shown = {"ALL_NEW": new, "ALL_OLD": old}.get(given.get("ReturnValues", "NONE"))
        return {"Attributes": dict(shown)} if shown else {}

    def _delete_item(self, TableName: str, Key: Wire, **given: Any) -> Answer:
        table, key = self._table("DeleteItem", TableName), self._key(TableName, Key)
        old = table.get(key, {})
        self._checked("DeleteItem", old, given, None)
        table.pop(key, None)
        return {"Attributes": old} if old and given.get("ReturnValues") == "ALL_OLD" else {}

    def _table(self, operation: str, name: str) -> dict[str, Wire]:
        if name not in self.tables:
            raise self.refusal(operation, "ResourceNotFoundException", "Requested resource not found")
        return self.tables[name]

    def _key(self, table: str, item: Wire) -> str:
        return str(item[self._keys[table]]["S"])

    def _checked(self, operation: str, old: Wire, given: Mapping[str, Any], key: Wire | None) -> Wire:
        """The item after the update, if there is one, once the condition is found to hold."""
        names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
        used: set[str] = set()
        try:
            condition, update = given.get("ConditionExpression"), given.get("UpdateExpression")
            holds = condition is None or Expression(condition, names, values, used).holds(old)
            new = Expression(update, names, values, used).updated(old) if update else old
        except (WrongExpression, KeyError, IndexError) as wrong:
            raise self.refusal(operation, "ValidationException", f"Invalid expression: {wrong}") from wrong
        if unused := {*names, *values} - used:
            told = f"Value provided in ExpressionAttributeNames or Values unused in expressions: {sorted(unused)}"
            raise self.refusal(operation, "ValidationException", told)
        if not holds:
            answer = "The conditional request failed"
            raise self.refusal(operation, "ConditionalCheckFailedException", answer)
        if key and any(new.get(name, value) != value for name, value in key.items()):
            raise self.refusal(operation, "ValidationException", "Cannot update attribute. This is part of the key")
        if len(repr(new)) > ITEM_BYTES:
            raise self.refusal(operation, "ValidationException", "Item size has exceeded the maximum allowed size")
        return new
