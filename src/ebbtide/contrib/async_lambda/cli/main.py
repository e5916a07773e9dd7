"""The command `async-lambda`, for those who have it in their scripts; its work is done by the commands of `ebbtide`.

    async-lambda build app --stage prod    template.json and .async_lambda/build/deployment.zip
    async-lambda ls app                    the tasks
    async-lambda invoke app TaskID -b ...  one task, here and now
    async-lambda web-server app            the API tasks, on this machine

Errors and exit codes are those of `ebbtide`.
"""

from __future__ import annotations

import platform
from importlib import import_module

import click

from ebbtide.cli.main import Commands, Entry
from ebbtide.version import __version__

COMMANDS = {
    "build": Entry(
        lambda: import_module("ebbtide.contrib.async_lambda.cli.build"),
        "Write the SAM template and the archive of an app.",
    ),
    "ls": Entry(lambda: import_module("ebbtide.contrib.async_lambda.cli.ls"), "List the tasks of an app."),
    "invoke": Entry(
        lambda: import_module("ebbtide.contrib.async_lambda.cli.invoke"),
        "Run a task here and now, and all that it invokes.",
    ),
    "web-server": Entry(
        lambda: import_module("ebbtide.contrib.async_lambda.cli.web_server"),
        "Serve the API tasks on this machine, and run what they invoke.",
    ),
    "version": Entry(lambda: import_module("ebbtide.contrib.async_lambda.cli.version"), "Tell the version."),
}


class AsyncLambda(Commands):
    """The commands of `async-lambda`."""

    known = COMMANDS
    shows_where = "async-lambda --debug ..."


@click.group(
    cls=AsyncLambda,
    invoke_without_command=True,
    epilog="\b\nExit codes: 0 done, 1 it failed, 2 wrong command line, MODULE or arguments, 130 interrupted.\n"
    "'ebbtide --help' shows what else there is: dev, deploy, rehearse, logs, dlq.",
)
@click.version_option(__version__, message=f"ebbtide {__version__} (Python {platform.python_version()})")
@click.option("-d", "--debug", "traceback", is_flag=True, help="Show where in Ebbtide an error arose.")
@click.pass_context
def main(ctx: click.Context, traceback: bool) -> None:
    """Build and run apps of async-lambda.

    MODULE holds the root controller: 'app' is app.py in this folder; 'app:controller' says which, if there are several.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
