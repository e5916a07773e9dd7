"""The lines that functions write, for people: what became of a task, what it logged, and what Lambda says itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from ebbtide.cli.output import console
from ebbtide.cli.words import printable, span
from ebbtide.deploy.logs import Line

ENDS = ("succeeded", "skipped", "failed")
"""What is said of a task that will not be run again."""

_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red", "DEBUG": "dim"}


def show(line: Line) -> None:
    """Print one line."""
    level = line.fields["level"] if line.fields else ""
    console().print(Text(written(line), style=_STYLES.get(level, "" if line.fields else "dim")))


def end_of(id: str, lines: Iterable[Line]) -> Mapping[str, Any] | None:
    """What is told of the end of the task with that id; None if it has not ended by these lines."""
    told = (line.fields for line in lines if line.fields and line.fields["event"] == "task")
    return next((one for one in told if one.get("id") == id and one.get("status") in ENDS), None)


def written(line: Line) -> str:
    """One line as text: the time (UTC), the function, and what happened; an error's traceback on lines of its own."""
    at = f"{datetime.fromtimestamp(line.at, UTC):%H:%M:%S}"
    if line.fields is None:
        return printable(f"{at} {line.function}  {line.text}")
    fields = line.fields
    text = _task(fields) if fields["event"] == "task" else _said(fields)
    return printable(f"{at} {line.function}  {fields['level']:<7} {text}")


def _task(fields: Mapping[str, Any]) -> str:
    whose = fields.get("task") or f"a message of {fields.get('queue', 'some queue')}"
    parts = [str(whose), str(fields.get("id", "")), str(fields.get("status", ""))]
    if "duration_ms" in fields:
        parts.append(f"in {_lasting(fields['duration_ms'])}")
    if "again_in_ms" in fields:
        parts.append(f"again in {_lasting(fields['again_in_ms'])}")
    if fields.get("attempt", 1) > 1:
        parts.append(f"(attempt {fields['attempt']})")
    error = fields.get("error")
    if error:
        parts.append(f"{error.get('type', '')}: {error.get('message', '')}")
    return " ".join(part for part in parts if part)


def _lasting(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1_000 else span(milliseconds / 1_000)


def _said(fields: Mapping[str, Any]) -> str:
    whose = f" [{fields['task']} {fields.get('id', '')}]" if "task" in fields else ""
    text = f"{fields.get('message', fields['event'])}{whose}"
    error = fields.get("error")
    return f"{text}\n{error['traceback'].rstrip()}" if error and error.get("traceback") else text
