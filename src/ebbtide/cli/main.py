"""The command `ebbtide`: which commands there are, and how any of them ends.

    0  done
    1  what was asked for failed, or there is no such thing
    2  the command line, the TARGET or an argument is wrong
    3  not finished yet (`result`, `enqueue --wait`, `rehearse --run`); `deploy --plan`: there is something to do
    130  interrupted

An error is one line on standard error. A command's module is loaded when it is called, so that none waits for the
libraries of another.
"""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import click

from ebbtide.cli.words import printable
from ebbtide.connect.target import TargetBroken
from ebbtide.errors import ArgumentError, DeclarationError, EbbtideError, TargetError, UnknownTask
from ebbtide.names import nearest
from ebbtide.version import __version__

_WRONGLY_ASKED = (ArgumentError, DeclarationError, TargetError, UnknownTask)
INTERRUPTED = 130


class Entry(NamedTuple):
    """One command: its module, which calls it `command`, and the line about it in `ebbtide --help`."""

    load: Callable[[], ModuleType]
    help: str


COMMANDS = {
    "dev": Entry(
        lambda: import_module("ebbtide.cli.dev"),
        "Run the app TARGET (module:app) here, one line a task, and restart it when a .py file changes.",
    ),
    "worker": Entry(lambda: import_module("ebbtide.cli.worker"), "Run the tasks of the app TARGET (module:app)."),
    "tasks": Entry(lambda: import_module("ebbtide.cli.tasks"), "List the tasks of an app."),
    "schedules": Entry(lambda: import_module("ebbtide.cli.schedules"), "Show what is due by the clock, and when."),
    "queues": Entry(lambda: import_module("ebbtide.cli.queues"), "Show how full the queues are, and their settings."),
    "enqueue": Entry(lambda: import_module("ebbtide.cli.enqueue"), "Enqueue one call of a task, or many."),
    "result": Entry(lambda: import_module("ebbtide.cli.result"), "Show what became of an enqueued task."),
    "stats": Entry(lambda: import_module("ebbtide.cli.stats"), "Show what the tasks did in the last hour."),
    "purge": Entry(lambda: import_module("ebbtide.cli.purge"), "Throw messages away for good, with their records."),
    "dlq": Entry(lambda: import_module("ebbtide.cli.dlq"), "List, show, redrive and drop dead letters."),
    "build": Entry(lambda: import_module("ebbtide.cli.build"), "Write the template and the bundle of an app for AWS."),
    "deploy": Entry(lambda: import_module("ebbtide.cli.deploy"), "Put an app on AWS, or what changed of it."),
    "rehearse": Entry(
        lambda: import_module("ebbtide.cli.rehearse"), "Deploy an app to MiniStack on this machine, and drive it."
    ),
    "logs": Entry(lambda: import_module("ebbtide.cli.logs"), "Show what the functions of a stage wrote."),
    "destroy": Entry(lambda: import_module("ebbtide.cli.destroy"), "Take a stage away from AWS, with all it holds."),
}


class Told(click.ClickException):
    """Any error of a command, as one line and an exit code. by: the command line that shows where it arose."""

    def __init__(self, error: Exception, by: str = "ebbtide --traceback ...") -> None:
        where = f"{type(error).__name__}: {error} ({by!r} shows where)"
        super().__init__(str(error) if isinstance(error, EbbtideError) else where)
        self.code = 2 if isinstance(error, _WRONGLY_ASKED) else 1


class Commands(click.Group):
    """The group of all commands; ends every one of them with an exit code."""

    known: Mapping[str, Entry] = COMMANDS
    shows_where = "ebbtide --traceback ..."
    """With this, which sets the group's parameter `traceback`, an error is shown with its traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.known)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.known:
            return None
        try:
            command: click.Command = self.known[cmd_name].load().command
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("boto3", "botocore"):
                raise
            raise click.ClickException("AWS's library for Python is missing: pip install 'ebbtide[aws]'") from None
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.known:
            raise click.UsageError(f"there is no command {args[0]!r}.{nearest(args[0], self.known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.known.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["traceback"]:
                traceback.print_exception(error)
            elif isinstance(error, TargetBroken):
                click.echo(printable(error.traceback), err=True, nl=False)
            raise Told(error, self.shows_where) from error

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run and exit; a command's return value is the exit code."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.Abort:
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            for line in _told(error):
                click.secho(f"error: {line}", err=True, fg="red")
            sys.exit(error.code if isinstance(error, Told) else error.exit_code)
        sys.exit(code or 0)


def _told(error: click.ClickException) -> list[str]:
    """One line; of a declaration, one for each thing that is wrong with it."""
    if isinstance(error.__cause__, DeclarationError):
        return printable(error.format_message()).splitlines()
    return [_one_line(error)]


def _one_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    told = " ".join(printable(error.format_message()).split())
    if context is None:
        return told
    return f"{told}{'' if told.endswith(('.', '?', '!')) else '.'} See '{context.command_path} --help'."


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit codes: 0 done, 1 it failed or is not there, 2 wrong command line,
TARGET or arguments, 3 not finished yet, 130 interrupted.
Without --broker the app's own broker is used, else EBBTIDE_BROKER,
else sqlite:///ebbtide.db.""",
)
@click.version_option(__version__, message=f"ebbtide {__version__} (Python {platform.python_version()})")
@click.option("--traceback", is_flag=True, help="Show where in Ebbtide an error arose.")
@click.pass_context
def main(ctx: click.Context, traceback: bool) -> None:
    """Python background tasks with nothing running.

    TARGET names your app: 'shop:app' is the App called app in shop.py; 'shop' will do if it has only one.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
