"""An async-lambda app with a task of each kind, and its `.async_lambda/config.json` as settings and as a template."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ebbtide.app import App
from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.read import FILE
from ebbtide.contrib.async_lambda.config.settings import settings_of
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.errors import DeclarationError

Json = dict[str, Any]

ARTEFACTS = Artefacts(Path("code.zip"), None, "x86_64", "python3.13")


@cache
def shop() -> DoorApp:
    """Orders (two lanes), Letters (takes dead letters), Many (batches), Page (an API), Nightly (a schedule)."""
    controller = AsyncLambdaController()

    @controller.async_task("Orders", lane_count=2, ephemeral_storage=1024)
    def orders(event: object) -> None: ...

    @controller.async_task("Letters", is_dlq_task=True)
    def letters(event: object) -> None: ...

    @controller.async_batch_task("Many")
    def many(event: object) -> None: ...

    @controller.api_task("Page", path="/orders/{id}", method="get")
    def page(event: object) -> None: ...

    @controller.scheduled_task("Nightly", schedule_expression="rate(1 day)")
    def nightly(event: object) -> None: ...

    return controller.app()


@cache
def without_api() -> DoorApp:
    """An app with one task, which is no API's."""
    controller = AsyncLambdaController()

    @controller.async_task("Orders")
    def orders(event: object) -> None: ...

    return controller.app()


def write(folder: Path, said: Json | str) -> Path:
    """The file, in the folder, which is given back."""
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(said if isinstance(said, str) else json.dumps(said, indent=1), "utf-8")
    return folder


def read(folder: Path, said: Json | str, stage: str | None = "prod", app: Callable[[], DoorApp] = shop) -> Settings:
    """What the file says of a stage."""
    return settings_of(app(), stage, write(folder, said))


def refused(folder: Path, said: Json | str, stage: str | None = "prod", app: Callable[[], DoorApp] = shop) -> list[str]:
    """The lines of the error that the file is."""
    with pytest.raises(DeclarationError) as refusal:
        read(folder, said, stage, app)
    return str(refusal.value).splitlines()


def built(folder: Path, said: Json | str, stage: str = "prod", app: Callable[[], DoorApp] = shop) -> Json:
    """The resources of the template that the file leads to."""
    core: App = app()
    made: Json = template(core, "app:app", stage, read(folder, said, stage, app), ARTEFACTS)["Resources"]
    return made


def line_of(said: Json, text: str) -> int:
    """The line of the first that has this text, as `write` writes it."""
    return next(n for n, line in enumerate(json.dumps(said, indent=1).splitlines(), 1) if text in line)
