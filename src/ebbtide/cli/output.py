"""How commands answer: tables for people, one JSON document for scripts; remarks and progress on standard error.

Away from a terminal there are no colours, no lines around tables, and nothing is wrapped, so that grep and awk work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ebbtide.cli.words import printable

_NEVER_WRAP = 100_000
_STATUS_STYLES = {"SUCCESSFUL": "green", "FAILED": "red", "RUNNING": "cyan", "READY": "yellow"}


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no guessing at what to colour."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = _NEVER_WRAP
    return made


def answer_json(value: Any) -> None:
    """The one document a command prints with --json."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def answer(text: str, style: str = "") -> None:
    """One line, or a block of text, of the answer."""
    console().print(Text(printable(text), style=style))


def note(text: str) -> None:
    """A remark on standard error; no part of the answer."""
    console(stderr=True).print(Text(printable(text), style="dim"))


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table; columns named with a trailing `#` hold numbers and stand to the right."""
    shape = box.SIMPLE_HEAD if console().is_terminal else None
    table = Table(box=shape, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.endswith("#")
        table.add_column(column.rstrip("#"), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    _print(table)


def answer_fields(fields: Sequence[tuple[str, Any]]) -> None:
    """Names and values, one pair a line; pairs without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, ""):
            grid.add_row(name, cell(value))
    _print(grid)


def _print(table: Table) -> None:
    terminal = console()
    if terminal.is_terminal:
        terminal.print(table)
        return
    with terminal.capture() as drawn:
        terminal.print(table)
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())


def cell(value: Any) -> Text:
    """A value as the text of a cell."""
    text = "" if value is None else printable(str(value))
    return Text(text, style=_STATUS_STYLES.get(text, ""))


@contextmanager
def busy(text: str) -> Iterator[None]:
    """A spinner while waiting, where someone looks on."""
    terminal = console(stderr=True)
    if terminal.is_terminal:
        with terminal.status(Text(printable(text))):
            yield
    else:
        yield
