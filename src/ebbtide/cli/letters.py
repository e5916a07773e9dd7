"""Which dead letters are meant: by id, or by task, error and queue, or all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from ebbtide.broker import DeadLetter, DeadLetters

Command = TypeVar("Command", bound=Callable[..., Any])

PAGE = 500
"""Dead letters read, redriven or dropped at a time."""


@dataclass(frozen=True)
class Choice:
    """A choice among dead letters; what is not given excludes none. error: a class's name, dotted or not."""

    ids: tuple[str, ...] = ()
    task: str | None = None
    error: str | None = None
    queue: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether anything but ids chooses."""
        return any((self.task, self.error, self.queue))

    def of(self, ids: tuple[str, ...], every: bool) -> Choice:
        """The same with ids. Raises UsageError unless exactly one of ids, filters and `--all` chooses."""
        if sum((bool(ids), self.filtered, every)) != 1:
            raise click.UsageError("say which: IDs, or some of --task, --error and --queue, or --all")
        return replace(self, ids=ids)

    def letters(self, letters: DeadLetters) -> Iterator[DeadLetter]:
        """Those chosen, oldest first, read page by page."""
        after: str | None = None
        while page := letters.dead(self.queue, PAGE, after):
            yield from (letter for letter in page if self._fits(letter))
            after = page[-1].id

    def chosen(self, letters: DeadLetters) -> tuple[list[str], list[str]]:
        """Ids of those chosen, and ids asked for that are not there.

        All are read before anything is done with one, so that what dies anew meanwhile is left alone.
        """
        found = [letter.id for letter in self.letters(letters)]
        return found, [id for id in self.ids if id not in found]

    def _fits(self, letter: DeadLetter) -> bool:
        kind = letter.error.exception_class
        return (
            (not self.ids or letter.id in self.ids)
            and self.task in (None, letter.task)
            and (self.error is None or f".{kind}".endswith(f".{self.error}"))
        )


def takes_filters(command: Command) -> Command:
    """Give a command `--task`, `--error` and `--queue`; it is called with `choice` in their place."""

    @click.option("--task", metavar="NAME", help="Those of this task.")
    @click.option("--error", metavar="CLASS", help="Those that died of this exception: its name, or module.name.")
    @click.option("--queue", metavar="NAME", help="Those of this queue.")
    @functools.wraps(command)
    def with_choice(task: str | None, error: str | None, queue: str | None, **options: Any) -> Any:
        return command(choice=Choice((), task, error, queue), **options)

    return with_choice  # type: ignore[return-value]
