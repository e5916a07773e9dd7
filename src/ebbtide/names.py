"""The one rule for names: what a task, queue, app or group may be called, and the nearest known name to a typo."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ebbtide.errors import DeclarationError

_TASK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
OURS, THEIRS = 40, 80
"""Characters of a queue's name: 40 leave room for app, stage and lane inside the 80 that SQS allows; one that another
system runs is called by its own name alone."""

_APP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)


def task_name(name: str) -> str:
    """The name itself; raises DeclarationError unless it is 1 to 128 of A-Z a-z 0-9 _ . - starting with none of . -"""
    if not isinstance(name, str) or not _TASK.fullmatch(name):
        raise DeclarationError(
            f"{name!r} is no task name: up to 128 ASCII letters, digits, '_', '.', '-', neither '.' nor '-' first"
        )
    return name


def queue_name(name: str, most: int = OURS) -> str:
    """The name itself; raises DeclarationError unless it is 1 to `most` of A-Z a-z 0-9 _ - starting with none of _ -"""
    if not isinstance(name, str) or not _QUEUE.fullmatch(name) or len(name) > most:
        raise DeclarationError(
            f"{name!r} is no name for a queue: up to {most} ASCII letters, digits, '_' and '-', a letter or digit first"
        )
    return name


def app_name(name: str) -> str:
    """The name itself; raises DeclarationError unless it is 1 to 40 of A-Z a-z 0-9 _ - starting with a letter."""
    if not isinstance(name, str) or not _APP.fullmatch(name):
        raise DeclarationError(
            f"{name!r} is no name for an app: up to 40 ASCII letters, digits, '_' and '-', a letter first"
        )
    return name


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause for an error message: ' Did you mean ...?', or the known names if none is near, or nothing."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}." if names else ""
