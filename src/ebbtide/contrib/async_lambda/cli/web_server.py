"""`async-lambda web-server MODULE`: `ebbtide worker --http`, where its users look for it."""

from __future__ import annotations

import click

from ebbtide.cli import worker
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.cli.module import takes_module


@click.command()
@takes_module()
@click.option("-p", "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True)
@click.option("-h", "--host", default="127.0.0.1", show_default=True)
@click.pass_context
def command(ctx: click.Context, app: DoorApp, module: str, stage: str | None, port: int, host: str) -> None:
    """Serve the API tasks on this machine, and run what they invoke."""
    ctx.invoke(worker.command, target=module, http=(host, port), processes=1, no_schedules=True)
