"""From a MODULE on the command line to its app, as every command here takes it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, TypeVar

import click

from ebbtide.connect.target import load
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.stages import NO_STAGE
from ebbtide.contrib.async_lambda.config.surroundings import STAGE, prepare
from ebbtide.errors import TargetError

Command = TypeVar("Command", bound=Callable[..., Any])


def takes_module(*, builds: bool = False) -> Callable[[Command], Command]:
    """Give a command MODULE and `--stage`; it is called with `app`, `module` and `stage`. builds: the app is loaded to
    be built, not to run."""

    def decorated(command: Command) -> Command:
        @click.argument("module")
        @click.option("-s", "--stage", metavar="NAME", help="A stage of .async_lambda/config.json; default: none.")
        @functools.wraps(command)
        def with_app(module: str, stage: str | None, **options: Any) -> Any:
            app = loaded(module, stage, builds)
            try:
                return command(app=app, module=module, stage=stage, **options)
            finally:
                app.close()

        return with_app  # type: ignore[return-value]

    return decorated


def loaded(module: str, stage: str | None, builds: bool = False) -> DoorApp:
    """The app of the root controller in this module. Raises TargetError, TargetBroken, DeclarationError."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    if stage is not None:
        os.environ[STAGE] = stage  # for the processes that this one may start
    about = (stage or NO_STAGE) if builds else None
    prepare(here, about)  # `load` would, were there a folder of async-lambda's
    with redirect_stdout(sys.stderr):  # whatever the user's module prints is no part of the answer
        app = load(module, about)
    if not isinstance(app, DoorApp):
        raise TargetError(f"{module!r} has an App of Ebbtide's and no controller; its command is 'ebbtide'")
    return app
