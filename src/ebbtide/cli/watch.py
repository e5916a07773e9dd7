"""`ebbtide queues --watch`: depth and rates again and again; a live table at a terminal, else a line for each queue."""

from __future__ import annotations

import json
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click
from rich import box
from rich.live import Live
from rich.table import Table

from ebbtide.app import App
from ebbtide.cli.looks import Line, Watch
from ebbtide.cli.output import cell, console
from ebbtide.cli.words import iso, moment, span

COLUMNS = ("queue", "ready", "delayed", "running", "dead", "oldest ready", "in/s", "out/s")


def watch(app: App, seconds: float, as_json: bool) -> None:
    """Look every so many seconds, until Ctrl-C, or `q` at a terminal."""
    watched, terminal = Watch(app), console()
    with suppress(KeyboardInterrupt):
        if as_json or not terminal.is_terminal:
            while True:
                _print(*watched.look(), as_json)
                time.sleep(seconds)
        with _keys() as keyboard, Live(console=terminal, auto_refresh=False) as live:
            while True:
                live.update(_table(*watched.look(), seconds), refresh=True)
                if _quits(keyboard, seconds):
                    return


def _print(at: float, lines: list[Line], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"time": iso(at), "queues": [_described(line) for line in lines]}))
        return
    for line in lines:
        facts = " ".join(f"{name}={figure(value)}" for name, value in _described(line).items() if name != "name")
        click.echo(f"{moment(at)} {line.queue} {facts}")


def _described(line: Line) -> dict[str, Any]:
    depth = line.depth
    return {
        "name": line.queue,
        "ready": depth.ready,
        "delayed": depth.delayed,
        "running": depth.running,
        "dead": depth.dead,
        "oldest": depth.oldest,
        "in": line.came,
        "out": line.ended,
    }


def figure(value: float | None) -> str:
    """A count, a rate or an age to three digits, `-` where it is not known."""
    if value is None:
        return "-"
    return f"{value:.3g}" if value < 99.5 else f"{value:.0f}"  # never 1.2e+03


def _table(at: float, lines: list[Line], seconds: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.title, table.title_justify = f"{moment(at)}, every {span(seconds)}; q ends", "left"
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for queue, depth, came, ended in lines:
        counts = (f"{count:,}" for count in depth[:4])
        row = [queue, *counts, span(depth.oldest), figure(came), figure(ended)]
        table.add_row(*map(cell, row), style="red" if depth.dead else "")
    return table


@contextmanager
def _keys() -> Iterator[int | None]:
    """The keyboard, key by key and without echo; None where there is none."""
    if not sys.stdin.isatty():
        yield None
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _quits(keyboard: int | None, seconds: float) -> bool:
    """Wait; whether `q` was pressed meanwhile."""
    if keyboard is None:
        time.sleep(seconds)
        return False
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([keyboard], [], [], left)[0] and os.read(keyboard, 1) in (b"q", b"Q", b""):
            return True
    return False
