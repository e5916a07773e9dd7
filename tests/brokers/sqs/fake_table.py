"""A table in memory, for tests; `test_table.py` holds it and DynamoDB's to the same."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from ebbtide.table import ALWAYS, Condition, Item, Table, Value, holds


class FakeTable(Table):
    """step: called before each read, and before and after each write; what it raises is a crash there."""

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.items: dict[str, Item] = {}
        self._step = step
        self._lock = Lock()

    def read(self, ids: Iterable[str]) -> dict[str, Item]:
        self._step()
        with self._lock:
            return {id: dict(self.items[id]) for id in ids if id in self.items}

    def insert(self, items: Mapping[str, Item]) -> set[str]:
        return {id for id, item in items.items() if not self.change(id, item, only_if=())}

    def change(
        self,
        id: str,
        changes: Mapping[str, Value | None],
        *,
        add: Mapping[str, int] | None = None,
        only_if: Condition = ALWAYS,
        or_absent: bool = True,
    ) -> bool:
        self._step()
        with self._lock:
            done = holds(self._unless_broken(only_if), self.items[id]) if id in self.items else or_absent
            if done:
                item = {**self.items.get(id, {}), **changes}
                for name, number in (add or {}).items():
                    item[name] = (item.get(name) or 0) + number  # type: ignore[operator]
                self.items[id] = {name: value for name, value in item.items() if value is not None}
        self._step()
        return done

    def _unless_broken(self, only_if: Condition) -> Condition:
        return only_if
