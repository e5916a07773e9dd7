"""X14: a marked secret that a deployed app works with is where its owner put it, and nowhere else.

X5 looks at what is built; this at what runs, in the simulator, byte by byte. What is promised:

- a function's secrets, which it has in its environment, are in no line of the log, no dead letter and no record;
- a task's arguments are in its envelope (on the queue, or in the bucket when large, and so in the body of its dead
  letter) and nowhere else: no line of the log, no attribute of a dead letter, no record, whatever becomes of the task;
- an error is recorded as its own text says it. What else an error carries, its attributes and the values in the frames
  it went through, is not. So a secret that a task itself writes into an error's text is shown there; and an argument
  of another type than its parameter's is quoted, cut short, by the error that refuses it.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.stage import Stage, Wiring
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.runners.logs import JsonLines

WORD = "a task says something"
Letter = dict[str, Any]


class Rejected(Exception):
    """An error that carries what it does not say."""

    def __init__(self, token: str) -> None:
        super().__init__("the token was rejected")
        self.token = token


def _declare(wiring: Wiring, account: Account, fault: str | None) -> App:
    app = App("shop", queues=[Queue("default", timeout=5, attempts=2)], depth_budget=3, **wiring)

    @app.task
    def rejected(token: str) -> None:
        secret = token + os.environ["API_KEY"]
        try:
            raise Rejected(secret)
        except Rejected as error:
            raise LookupError("not found") from error

    @app.task
    def told(token: str) -> None:
        raise ValueError(token if fault == "error-text" else "no")

    @app.task
    def dies(token: str) -> None:
        account.timeline.kill()

    @app.task
    def typed(number: int, more: dict[str, int]) -> int:
        return number

    @app.task
    def odd(token: str) -> object:
        return {token}  # which cannot travel

    @app.task(takes_context=True)
    def loops(context: Delivery, token: str) -> None:
        app.tasks["loops"].enqueue(token)

    @app.task
    def well(token: str) -> None:
        logging.getLogger("shop").warning(f"{WORD} {token if fault == 'logged' else ''}")

    return app


def _messages(app: App, canary: str) -> Iterator[Message]:
    for name in ("rejected", "told", "dies", "odd", "loops", "well"):
        yield app.tasks[name].message(canary)
        yield app.tasks[name].message(canary + "x" * 300_000)  # by claim check
    now = app.now()
    wrong: list[tuple[list[Any], dict[str, Any]]] = [
        ([canary], {}),
        ([1, {canary: 1}], {}),
        ([], {"colour": canary}),
        ([1, {}, canary], {}),
    ]
    for number, (args, kwargs) in enumerate(wrong):
        yield Message(f"typed-{number}", "typed", "default", Lineage(f"typed-{number}"), now, args=args, kwargs=kwargs)
    yield Message("nowhere", "nowhere", "default", Lineage("nowhere"), now, args=[canary])
    yield Message("late", "well", "default", Lineage("late"), now, args=[canary], expires_at=now - 1)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    canary = f"canary{draw.random.getrandbits(128):032x}"
    account = Account(draw.seed)
    stage = Stage(account, lambda wiring: _declare(wiring, account, draw.fault))
    try:
        with _environment(API_KEY=canary), _logged() as log:
            for message in _messages(stage.app, canary):
                stage.app.broker.send([message])
            for text in (f'{{"v":1,"id":"{canary}"}}', f"{canary} is no JSON", json.dumps({canary: canary})):
                stage.work[0].put(text, {}, None, None, None)
            if not stage.run_until_done(86_400):
                yield Miss("messages are left: this proves too little")
    finally:
        stage.close()
    dead, lines = stage.dead_letters, log.getvalue().splitlines()
    yield Figure("dead letters", len(dead))
    yield Figure("lines of the log", len(lines))
    yield Figure("items of the table", sum(map(len, stage.dynamodb.tables.values())))
    if len(dead) < 10 or not any(WORD in line for line in lines):
        yield Miss(f"{len(dead)} dead letters and {len(lines)} lines: this proves too little")
    yield from (Miss(f"a line of the log holds the secret: {line}") for line in lines if canary in line)
    for letter in dead:
        yield from _in_letter(letter, canary)
    yield from _in_table(stage, canary)


def _in_letter(letter: Letter, canary: str) -> Iterator[Miss]:
    for name, text in letter["attributes"].items():
        if canary in text:
            yield Miss(f"a dead letter's {name} holds the secret: {text[-300:]}")


def _in_table(stage: Stage, canary: str) -> Iterator[Miss]:
    for table in stage.dynamodb.tables.values():
        for key, item in table.items():
            for name, value in item.items():
                if canary in repr(value):
                    yield Miss(f"the table's {key} holds the secret in {name}: {str(value)[-300:]}")


@contextmanager
def _environment(**more: str) -> Iterator[None]:
    before = os.environ.copy()
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as a function writes it."""
    log, root = io.StringIO(), logging.getLogger()
    ours = logging.getLogger("ebbtide.lambda")
    handler, before = logging.StreamHandler(log), (root.level, ours.level)
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    ours.setLevel(logging.INFO)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])


ROW = Row(
    "X14",
    "a secret that a deployed app works with is where its owner put it, and nowhere else",
    run,
    faults=("error-text", "logged"),
)

if __name__ == "__main__":
    ROW.main()
