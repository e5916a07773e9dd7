"""What commands have in common: TARGET, `--broker`, `--stage`, `--json`, and how durations and moments are written."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from ebbtide.app import App
from ebbtide.broker import Broker, DeadLetters
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.cli.output import note
from ebbtide.cli.stages import called, region_of, stage_url
from ebbtide.connect.target import load
from ebbtide.errors import TargetError
from ebbtide.figures import Figures
from ebbtide.purge import Purgeable

Command = TypeVar("Command", bound=Callable[..., Any])
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)


def takes_app(command: Command) -> Command:
    """Give a command TARGET, `--broker` or `--stage`, and `--json`; it is called with `app` and `as_json`."""

    @click.argument("target")
    @click.option("--broker", metavar="URL", help="Another broker than the app's, as sqlite:///queue.db.")
    @click.option(
        "--stage", metavar="NAME", help="The app's queues on AWS, as 'ebbtide deploy --stage NAME' made them."
    )
    @_elsewhere
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @functools.wraps(command)
    def with_app(
        target: str,
        broker: str | None,
        stage: str | None,
        region: str | None,
        endpoint_url: str | None,
        **options: Any,
    ) -> Any:
        if broker is not None and stage is not None:
            raise click.UsageError("--broker and --stage both say where the queues are; give one")
        if stage is None and (region or endpoint_url):
            raise click.UsageError(f"{'--region' if region else '--endpoint-url'} says nothing without --stage")
        app = _loaded(target, stage)
        url = broker if stage is None else stage_url(stage, region_of(app, stage, region), endpoint_url)
        if url is not None:
            app.use(url)
        try:
            return command(app=app, **options)
        finally:
            app.close()

    return with_app  # type: ignore[return-value]


def takes_stage(command: Command) -> Command:
    """Give a command TARGET and `--stage`: called with `app`, `target`, `place`, `region` and `endpoint_url`."""

    @click.argument("target")
    @click.option("--stage", required=True, metavar="NAME", help="The deployment: dev, prod.")
    @_elsewhere
    @functools.wraps(command)
    def with_stage(target: str, stage: str, region: str | None, **options: Any) -> Any:
        app = _loaded(target, stage)
        place = app.place(stage)
        try:
            return command(app=app, target=target, place=place, region=region_of(app, stage, region), **options)
        finally:
            app.close()

    return with_stage  # type: ignore[return-value]


def _elsewhere(command: Command) -> Command:
    region = click.option(
        "--region", metavar="NAME", help="The stage's AWS region; default: the settings', else the environment's."
    )
    endpoint = click.option(
        "--endpoint-url", type=address, metavar="URL", help="What stands in for AWS, as MiniStack does."
    )
    return region(endpoint(command))


def _loaded(target: str, stage: str | None) -> App:
    with redirect_stdout(sys.stderr):  # whatever the user's module prints is no part of the answer
        return load(target, stage)


def broker_of(app: App) -> Broker:
    """The app's broker. Raises TargetError for one that no other process can see."""
    if isinstance(app.broker, MemoryBroker):
        raise TargetError(
            f"app {app.name!r} is on memory://, which lives and dies with one process; "
            f"name another: --broker sqlite:///ebbtide.db"
        )
    return app.broker


def broker_to_read(app: App) -> Broker:
    """The same, for a command that only looks: it is told when there is no queue yet, or this is the wrong folder."""
    broker = broker_of(app)
    if isinstance(broker, SqliteBroker) and not broker.path.exists():
        note(f"{broker.path.absolute()} is new: nothing has been enqueued there yet")
    return broker


def letters_of(app: App) -> DeadLetters:
    """The dead letters of the app's broker. Raises TargetError where they cannot be listed."""
    broker = broker_to_read(app)
    if not isinstance(broker, DeadLetters):
        raise TargetError(f"{called(broker)} cannot list its dead letters")
    return broker


def figures_of(app: App) -> Figures:
    """What the app's broker counted. Raises TargetError where it counts nothing."""
    broker = broker_to_read(app)
    if not isinstance(broker, Figures):
        raise TargetError(
            f"{called(broker)} keeps no figures of the last hour; CloudWatch and 'ebbtide logs' have them"
        )
    return broker


def purgeable_of(app: App) -> Purgeable:
    """The app's broker, to be emptied. Raises TargetError where that cannot be done."""
    broker = broker_to_read(app)
    if not isinstance(broker, Purgeable):
        raise TargetError(f"{called(broker)} cannot be purged from here; 'ebbtide dlq drop' takes dead letters away")
    return broker


def duration(value: str) -> float:
    """An option's type: seconds (`90`, `0.5`) or a number with a unit (`15m`, `2h`, `1d`), as seconds."""
    written = _DURATION.fullmatch(value.strip())
    if not written or (written[2] or "s") not in _UNITS:
        raise click.BadParameter(f"{value!r} is no duration; write seconds, or a number with a unit: 90, 15m, 2h, 1d")
    return float(written[1]) * _UNITS[written[2] or "s"]


def address(value: str) -> str:
    """An option's type: an http:// or https:// URL."""
    if not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise click.BadParameter(f"{value!r} is no address, as http://127.0.0.1:4566 is")
    return value


def moment(value: str) -> datetime:
    """An option's type: a date and time in ISO 8601 with an offset from UTC, as an aware datetime."""
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ISO 8601 time, as 2027-01-01T12:00:00Z is") from None
    if when.tzinfo is None:
        raise click.BadParameter(f"{value!r} names no time zone; add Z for UTC, or an offset such as +02:00")
    return when


def duration_or_moment(value: str) -> timedelta | datetime:
    """An option's type: either of both, as a timedelta or an aware datetime."""
    return moment(value) if "-" in value else timedelta(seconds=duration(value))
