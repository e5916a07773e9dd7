"""From `sqs://prod?region=eu-west-1` to the broker of a stage on AWS and the records in its table."""

from __future__ import annotations

import os
from importlib import import_module

from ebbtide.app import App
from ebbtide.broker import Broker
from ebbtide.brokers.sqs import Clients, SqsBroker
from ebbtide.brokers.sqs.broker import INLINE, MOST_INLINE
from ebbtide.errors import DeclarationError, TargetError
from ebbtide.names import nearest
from ebbtide.physical import Place
from ebbtide.result import Records
from ebbtide.results.dynamodb import DynamoDbResults

OPTIONS = ("region", "endpoint", "mapped", "inline")


def connect_stage(url: str, rest: str, app: App) -> tuple[Broker, Records]:
    """The broker and the records of one stage of the app. Raises TargetError; touches no network yet."""
    stage, _, query = rest.partition("?")
    given = _options(url, query)
    place = _place(app, url, stage)
    clients = Clients(
        given.get("region"),
        given.get("endpoint"),
        where=f"stage {place.stage!r} of app {place.app!r}",
        cure=f"Is it deployed? 'ebbtide deploy ... --stage {place.stage}' does that; else check region and account",
    )
    broker = SqsBroker(
        place,
        app.queues,
        clients,
        tasks=app.tasks,
        mapped=_mapped(url, given.get("mapped", "0")),
        inline=_inline(url, given.get("inline", str(INLINE))),
        clock=app.now,
    )
    records = broker.records = DynamoDbResults(broker.table, broker.claims, app.now)
    return broker, records


def _place(app: App, url: str, stage: str) -> Place:
    try:
        return app.place(stage)
    except DeclarationError as error:
        raise TargetError(f"{url!r}: {error}, as in 'sqs://prod'") from None


def _options(url: str, query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in _pairs(query):
        if name not in OPTIONS:
            raise TargetError(f"{url!r}: unknown option {name!r}.{nearest(name, OPTIONS)}")
        if name in given:
            raise TargetError(f"{url!r}: option {name!r} stands there twice")
        if not value:
            raise TargetError(f"{url!r}: option {name!r} has no value")
        given[name] = value
    endpoint = given.get("endpoint", "http://")
    if not endpoint.startswith(("http://", "https://")):
        raise TargetError(f"{url!r}: endpoint is an address, as in 'http://127.0.0.1:4566', not {endpoint!r}")
    return given


def _pairs(query: str) -> list[tuple[str, str]]:
    if "%" in query or "+" in query:  # seldom, and urllib adds to the start of every function that loads it
        pairs: list[tuple[str, str]] = import_module("urllib.parse").parse_qsl(query, keep_blank_values=True)
        return pairs
    return [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name]


def _mapped(url: str, value: str) -> str | None:
    """The queue of the Lambda function this process is, which the template tells; None if it is none."""
    if value not in ("0", "1"):
        raise TargetError(f"{url!r}: mapped is 1 in a Lambda function and else 0, not {value!r}")
    return os.environ.get("EBBTIDE_QUEUE", "default") if value == "1" else None


def _inline(url: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1_024 <= int(value) <= MOST_INLINE):
        raise TargetError(f"{url!r}: inline is a number of bytes from 1,024 to {MOST_INLINE:,}, not {value!r}")
    return int(value)
