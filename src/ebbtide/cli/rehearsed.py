"""An app deployed to a MiniStack of its own, as long as a block lasts."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from ebbtide.app import App
from ebbtide.cli.existing import existing_of
from ebbtide.cli.following import follow, summed
from ebbtide.cli.output import busy, note
from ebbtide.cli.stages import stage_url
from ebbtide.cli.words import listed
from ebbtide.deploy.rehearsal import standins
from ebbtide.deploy.rehearsal.adapt import adapt
from ebbtide.deploy.rehearsal.runtime import interpreter
from ebbtide.deploy.rehearsal.server import ACCOUNT, Server, ministack
from ebbtide.deploy.stack import execution, upload
from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.account import account as account_of
from ebbtide.deploy.stack.deployment import plan, read, store
from ebbtide.physical import Place

REGION = "us-east-1"
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9]+:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):", re.ASCII)


class Rehearsed(NamedTuple):
    """A deployed app. stack: its id; server: what stands in for AWS."""

    server: Server
    here: Account
    stack: str


@contextmanager
def rehearsed(
    app: App, place: Place, folder: Path, region: str | None, runtime_python: Path | None
) -> Iterator[Rehearsed]:
    """What was built in `folder`, deployed; the app's broker is that stage's. Raises RehearsalError, DeployError.

    region: default that of the ARNs the app names. runtime_python: see `interpreter`.
    """
    read(folder, place)
    python = interpreter(_version(folder), runtime_python, note)
    existing = existing_of(app)
    named = next((found for thing in existing if (found := _ARN.match(thing.name))), None)
    region, account = region or (named and named["region"]) or REGION, named["account"] if named else ACCOUNT
    with ExitStack() as stack:
        with busy("starting MiniStack"):
            server = stack.enter_context(ministack(region, account))
        stack.enter_context(_environment(server))
        stack.callback(app.close)
        yield _deployed(app, place, adapt(folder, server.folder / "artefacts", python), server, existing)


def _deployed(app: App, place: Place, folder: Path, server: Server, existing: list[standins.Existing]) -> Rehearsed:
    here = account_of(server.region, server.endpoint)
    standins.put_in_place(folder, standins.make(here, existing))
    if secrets := standins.make_secrets(here, folder, os.environ):
        note(f"secrets {listed(secrets)} are 'rehearsal', or what this environment says they are")
    made = plan(here, place, folder, {}, note)
    assert made.proposed is not None  # noqa: S101 - nothing was there
    store(here, made, lambda account, bucket, piece: upload.upload(account, bucket, piece, lambda count: None))
    events = follow(execution.execute(here, made.proposed), f"deploying {place.stack} to {server.endpoint}")
    execution.succeeded(here, made.proposed.stack, events, f"deploying {place.stack}")
    note(f"deployed {summed(events)} to {server.endpoint}")
    app.use(stage_url(place.stage, server.region, server.endpoint))
    return Rehearsed(server, here, made.proposed.stack)


def _version(folder: Path) -> str:
    """The Python that what was built there is for."""
    try:
        runtime: str = json.loads((folder / "build.json").read_text("utf-8"))["runtime"]
    except (OSError, ValueError, KeyError):
        return f"{sys.version_info[0]}.{sys.version_info[1]}"
    return runtime.removeprefix("python")


@contextmanager
def _environment(server: Server) -> Iterator[None]:
    """This process as a client of the stand-in, and of nobody else, whatever the user's own credentials are."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(server.credentials)
    try:
        yield
    finally:
        for name in server.credentials:
            del os.environ[name]
        os.environ.update(before)
