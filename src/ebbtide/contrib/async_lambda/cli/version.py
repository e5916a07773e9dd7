"""`async-lambda version`."""

from __future__ import annotations

import click

from ebbtide.version import __version__


@click.command()
def command() -> None:
    """Tell the version of Ebbtide, which runs the app."""
    click.echo(__version__)
