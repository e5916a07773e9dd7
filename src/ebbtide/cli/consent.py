"""Asking before something is done that cannot be undone."""

from __future__ import annotations

import sys

import click


def agree(question: str, agreed: bool) -> None:
    """Go on only if a person says so, or has said so by an option. Raises UsageError where there is nobody to ask."""
    if agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question!r} cannot be asked: standard input is no terminal; add --yes.")
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was changed")


def agree_by_name(question: str, name: str, agreed: bool, option: str) -> None:
    """The same for what is lost for good: a person types its name, or has given the option that says so."""
    if agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question!r} cannot be asked: standard input is no terminal; add {option}.")
    if click.prompt(f"{question} Type {name!r} to go on", err=True, default="", show_default=False) != name:
        raise click.ClickException("nothing was changed")
