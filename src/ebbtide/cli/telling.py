"""What `worker` and `dev` themselves say on standard error: as a remark, or as a line of JSON like their log."""

from __future__ import annotations

import time
from typing import Any, Protocol

import click

from ebbtide.cli.output import note
from ebbtide.runners.logs import Form, line


class Tell(Protocol):
    """Says one thing. event: its name for programs; level: as in a log; more: facts for programs alone."""

    def __call__(self, text: str, *, event: str, level: str = "INFO", **more: Any) -> None: ...


def teller(form: Form) -> Tell:
    """How to say it in this form."""
    return _as_json if form == "json" else _as_text


def _as_text(text: str, *, event: str, level: str = "INFO", **more: Any) -> None:
    note(text)


def _as_json(text: str, *, event: str, level: str = "INFO", **more: Any) -> None:
    click.echo(line(level, event, time.time(), message=text, **more), err=True)
