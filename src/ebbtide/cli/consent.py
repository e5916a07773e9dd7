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
