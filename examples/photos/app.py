"""An app on Ebbtide: thumbnails of photographs, prices from a shop's web service, words of a text corpus, one report.

    ebbtide worker app:app        runs it, in this folder
    ebbtide dlq list app:app      shows what could not be done, and why

Everything it writes goes to the folder in PHOTOS_OUT, or to `out/`; so does its queue, one SQLite file.
"""

import asyncio
import inspect
import json
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from PIL import Image, UnidentifiedImageError

from ebbtide import App, Delivery, Message, Queue, Retry, RetryPolicy, Status

OUT = Path(os.environ.get("PHOTOS_OUT", "out")).absolute()
WIDTHS = (64, 128, 256, 512)
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def journal(message: Message, call_next: Callable[[Message], Any]) -> Any:
    """Middleware, around every task: a line when it starts and a line when it ends, so that anyone can count them."""
    with ExitStack() as noted:
        noted.enter_context(_noted(message))
        value = call_next(message)
        return _awaited(value, noted.pop_all()) if inspect.isawaitable(value) else value


async def _awaited(value: Awaitable[Any], noted: ExitStack) -> Any:
    with noted:
        return await value


@contextmanager
def _noted(message: Message) -> Iterator[None]:
    first = message.args[0] if message.args else None
    about = Path(first).name if isinstance(first, str) else ""
    run = {"run": token_hex(4), "pid": os.getpid(), "task": message.task, "id": message.id, "about": about}
    _note({"what": "start", **run})
    try:
        yield
    except BaseException as error:
        _note({"what": "fail", **run, "error": type(error).__name__})
        raise
    _note({"what": "end", **run})


def _note(line: dict[str, Any]) -> None:
    with open(OUT / "journal.jsonl", "a") as file:  # one short write in append mode: lines of two processes never mix
        file.write(json.dumps(line) + "\n")


app = App(
    "photos",
    queues=[Queue("images", timeout=30), Queue("shop", timeout=10, concurrency=8)],
    broker=f"sqlite:///{OUT}/ebbtide.db",
    middleware=[journal],
)


@dataclass(frozen=True)
class Photo:
    """A photograph that was taken in; thumbnails are the ids of their tasks."""

    name: str
    width: int
    height: int
    thumbnails: list[str]


@dataclass(frozen=True)
class Thumbnail:
    """A picture written to disk, in pixels and bytes; colour is the dominant one, as `#rrggbb`."""

    file: Path
    width: int
    height: int
    bytes: int
    colour: str


@dataclass(frozen=True)
class Report:
    """What there was in all; price is that of one print of each photograph."""

    file: Path
    photos: int
    thumbnails: int
    words: int
    price: Decimal


@app.task(queue="images", retry=RetryPolicy(attempts=3, base=0.5, never=(UnidentifiedImageError,)))
def ingest(photo: Path) -> Photo:
    """Look at a photograph and have its thumbnails made. What is no picture at all is not tried again."""
    with Image.open(photo) as picture:
        picture.load()  # a torn file fails here, once, and not in each of its thumbnails
        width, height = picture.size
    results = thumbnail.enqueue_many([(photo, width) for width in WIDTHS])
    return Photo(photo.name, width, height, [result.id for result in results])


@app.task(queue="images")
def thumbnail(photo: Path, width: int) -> Thumbnail:
    """Write one thumbnail. To run it twice writes the same file twice, so it may be run at least once."""
    with Image.open(photo) as picture:
        small = picture.convert("RGB")
    small.thumbnail((width, width))
    file = OUT / "thumbnails" / f"{photo.stem}-{width}.webp"
    file.parent.mkdir(parents=True, exist_ok=True)
    small.save(file, quality=80, method=6)
    return Thumbnail(file, small.width, small.height, file.stat().st_size, _dominant_colour(small))


def _dominant_colour(picture: Image.Image) -> str:
    few = picture.quantize(8).convert("RGB").getcolors() or []
    _, colour = max(few)
    return "#" + bytes(colour).hex() if isinstance(colour, tuple) else ""


@app.task(queue="shop", retry=RetryPolicy(attempts=5, base=0.5, only=(OSError,)))
async def price(photo: str, shop: str) -> Decimal:
    """Ask the shop at `shop` (host:port) what a print costs. A process waits for many answers at once."""
    return await asyncio.to_thread(_ask, shop, f"/prices/{quote(photo)}")


def _ask(shop: str, path: str) -> Decimal:
    with closing(HTTPConnection(shop, timeout=5)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ConnectionError(f"GET {path}: {answer.status} {answer.reason}")
        return Decimal(answer.read().decode())


@app.task
def count_words(text: Path) -> dict[str, int]:
    """How often each word stands in a text."""
    return dict(Counter(WORD.findall(text.read_text("utf-8", "replace").lower())))


@app.task(retry=RetryPolicy(attempts=1_000), takes_context=True)
def report(delivery: Delivery, photos: list[str], prices: list[str], texts: list[str]) -> Report:
    """Write a page about all the others, given by their ids. Comes back later until the last of them has ended."""
    taken: list[Photo] = _values(photos)
    thumbnails: list[Thumbnail] = _values([id for photo in taken for id in photo.thumbnails])
    total: Decimal = sum(_values(prices), Decimal(0))
    words = sum(map(Counter, _values(texts)), Counter[str]())
    file = OUT / "report.md"
    file.write_text(
        f"# {len(taken)} photographs\n\n"
        f"One print of each costs {total}. Attempt {delivery.attempt} found all others ended.\n\n"
        + "".join(f"- {t.file.name}: {t.width} x {t.height}, {t.bytes:,} bytes, {t.colour}\n" for t in thumbnails)
        + f"\n# {words.total():,} words\n\n"
        + "".join(f"- {word}: {count:,}\n" for word, count in words.most_common(20))
    )
    return Report(file, len(taken), len(thumbnails), words.total(), total)


def _values(ids: list[str]) -> list[Any]:
    """What these tasks returned, without those that failed for good. Raises Retry while one has not ended."""
    results = [app.result(id) for id in ids]
    if waiting := sum(not result.is_finished for result in results):
        raise Retry(f"waiting for {waiting} of {len(ids)}", after=0.5)
    return [result.return_value for result in results if result.status is Status.SUCCESSFUL]
