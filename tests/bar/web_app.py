"""The app that A1, A2, A4 and A5 are held against, with every kind of parameter, and the faults they plant in it.

BAR_FOLDER: where its queue file is. BAR_FAULT: a fault of FAULTS, or nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

from pydantic import BaseModel

from ebbtide import App, Http, Queue
from ebbtide import values_schema as schemas
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.triggers.http import Body, Header, Query
from ebbtide.triggers.http_problem import Problem
from ebbtide.triggers.http_response import Response
from ebbtide.web import body, rules

FAULT = os.environ.get("BAR_FAULT", "")
app = App(
    "bar",
    queues=[Queue("once", results=600), Queue("quick", timeout=5)],
    broker=lambda: SqliteBroker(Path(os.environ["BAR_FOLDER"]) / "queue.db", durable=False),
)


NOBODY = UUID(int=0)


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Place(NamedTuple):
    street: str
    number: int = 1


@dataclass
class Item:
    """Something ordered."""

    name: str
    count: int = 1
    price: Decimal = Decimal("1.50")
    parts: list[Item] | None = None


class Label(TypedDict):
    text: str
    colour: Literal["red", "green"]


class Order(BaseModel):
    id: int
    items: list[str] = []
    note: str | None = None


@app.task(Http("GET", "/reports/{year}/{name}"))
def report(year: int, name: str, size: Size = Size.SMALL, deep: bool = False, pages: list[int] | None = None) -> str:
    """A report of a year.

    With a name, in a size.
    """
    if FAULT == "crash":
        raise ValueError("crashed")
    return f"{year} {name} {size.name} {deep} {pages}"


@app.task(Http("GET", "/moments"))
async def moments(
    at: datetime = datetime(2027, 1, 1, tzinfo=UTC),
    day: date = date(2027, 1, 1),
    clock: time = time(12),
    wait: timedelta = timedelta(0),
    id: UUID = NOBODY,
    rate: float = 1.0,
    price: Decimal = Decimal(1),
    kind: Literal["a", "b"] = "a",
    either: int | str = 1,
    token: Annotated[str, Header("X-Token")] = "",
    numbers: Annotated[list[int], Header()] = [],  # noqa: B006 - nobody changes it
) -> dict[str, str]:
    told = (at, day, clock, wait, id, rate, price, kind, either, token, numbers)
    return {str(index): str(value) for index, value in enumerate(told)}


@app.task(Http("POST", "/items/{shop}"))
def items(
    shop: UUID, item: Item, label: Label, place: Place | None = None, tags: set[str] | None = None, n: float = 0
) -> Item:
    """Put an item into a shop."""
    return item


@app.task(Http("PUT", "/orders"))
async def order(order: Annotated[Order, Body()], dry: Annotated[bool, Query()] = False) -> Order:
    return order


@app.task(Http("POST", "/files/{path+}", max_body=2_000_000))
def file(path: str, content: bytes, kind: str = "none") -> int:
    return len(content)


@app.task(Http("DELETE", "/papers/{name}"))
def remove(name: str) -> None: ...


@app.task(Http("POST", "/anything"))
def anything(value: Annotated[Any, Body()]) -> Any:
    return value


@app.task(Http("PATCH", "/pairs"))
def pairs(pair: tuple[int, str], counts: dict[int, int], when: date | str | None = None) -> list[date | str | None]:
    return [when]


@app.task(Http("GET", "/picture"))
def picture(width: int = 1) -> bytes:
    return b"\x89PNG" * max(0, min(width, 100))


@app.task(Http("GET", "/pot"))
def pot(status: Literal[200, 201] = 200) -> Response:
    return Response(status, {"X-Pot": "yes"}, {"tea": True})


@app.task(Http("POST", "/jobs", asynchronous=True), queue="once")
def job(number: int, text: str = "") -> int:
    (Path(os.environ["BAR_FOLDER"]) / "runs").open("a").write(f"{number}\n")
    return number


@app.task(Http("POST", "/sums"), queue="once")
def total(number: int, text: str = "") -> str:
    (Path(os.environ["BAR_FOLDER"]) / "runs").open("a").write(f"{number}\n")
    return f"sum of {number}"


@app.task(Http("GET", "/quick"))
async def quick() -> str:
    return "quick"


def _wrong_schema() -> None:
    """An int is said to be text."""
    schemas._BY_CLASS[int] = {"type": "string"}


def _told() -> None:
    """A problem says where it arose."""
    as_json = Problem.as_json

    def told(self: Problem) -> str:
        return as_json(self).replace('"errors"', f'"traceback": "File {__file__}, line 1", "errors"')

    Problem.as_json = told  # type: ignore[method-assign]


def _unlimited() -> None:
    """Bodies are held whole, however large."""
    read = body.Holding.read

    async def whole(self: body.Holding, receive: body.Receive, limit: int, announced: int | None) -> bytes:
        self._bodies._room = 10**12
        return await read(self, receive, 10**12, None)

    body.Holding.read = whole  # type: ignore[method-assign]


def _keyless() -> None:
    """Nobody looks at the Idempotency-Key."""
    rules.key_of = lambda event, route: None


FAULTS: dict[str, Callable[[], None]] = {
    "wrong-schema": _wrong_schema,
    "told": _told,
    "unlimited": _unlimited,
    "keyless": _keyless,
}
FAULTS.get(FAULT, lambda: None)()
