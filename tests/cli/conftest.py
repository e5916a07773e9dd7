"""A small app in a file of its own, and the command line run on it: in this process, and as a real one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from ebbtide.app import App
from ebbtide.cli.main import main
from ebbtide.connect.target import load
from ebbtide.execute import execute

SOURCE = '''
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ebbtide import App, Delivery, Queue, RetryPolicy

print("the module was imported")
app = App(
    "shop",
    queues=[Queue("mail", lanes=3, timeout=90, concurrency=[None, 2, 1]), Queue("mute", results=0)],
    broker="sqlite:///shop.db",
)


@dataclass
class Item:
    name: str
    count: int


@app.task
def receipt(order: int, day: date | None = None, *, price: Decimal = Decimal("1.50")) -> str:
    """Write one receipt.

    And more of it.
    """
    return f"{order} {day} {price}"


@app.task(queue="mail")
async def greet(name: str, *tags: str) -> None: ...


@app.task(retry=RetryPolicy(attempts=2, base=0))
def explode(what):
    raise ValueError(f"no {what}")


@app.task(retry=RetryPolicy(attempts=1))
def miss(key: str):
    raise KeyError(key)


@app.task
def add(a: float, b: float = 0) -> float:
    return a + b


@app.task(queue="mute")
def mute() -> None: ...


@app.task(takes_context=True)
def pack(delivery: Delivery, item: Item, **more: Any) -> Item:
    return item
'''


@dataclass
class Shop:
    """The app's module in the working directory, and what is done with it."""

    module: str
    folder: Path

    @property
    def app(self) -> App:
        return load(self.module)

    def call(self, *words: str, input: str | bytes | None = None) -> Result:
        """Run a command in this process; the word SHOP stands for the target."""
        return CliRunner().invoke(main, [self.module if word == "SHOP" else word for word in words], input=input)

    def asked(self, *words: str) -> Any:
        """The JSON document a command prints."""
        return json.loads(self.call(*words, "--json").stdout)

    def run(self, *words: str, input: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a process of its own."""
        command = [sys.executable, "-m", "ebbtide.cli", *(self.module if word == "SHOP" else word for word in words)]
        everything = {**os.environ, **environment}
        return subprocess.run(
            command, cwd=self.folder, env=everything, input=input, capture_output=True, text=True, timeout=60
        )

    def work(self) -> None:
        """Run all that is ready, as a worker would."""
        app = self.app
        while deliveries := app.broker.receive(list(app.queues.values()), 10):
            for delivery in deliveries:
                execute(app, delivery)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    name = f"shop_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBBTIDE_BROKER", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Shop(name, tmp_path)
    yield made
    if name in sys.modules:
        made.app.close()
        del sys.modules[name]
