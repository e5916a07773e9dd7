"""The steps of something long, on standard error, as lines; at a terminal with a spinner below."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from ebbtide.cli.output import console
from ebbtide.cli.words import printable


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Gives a function to call with what is done next. At the end the whole time is told."""
    terminal = console(stderr=True)
    began = time.monotonic()

    def say(step: str) -> None:
        terminal.print(Text(printable(step), style="dim"))

    if terminal.is_terminal:
        with terminal.status(""):
            yield say
    else:
        yield say
    say(f"done in {time.monotonic() - began:.1f} s")
