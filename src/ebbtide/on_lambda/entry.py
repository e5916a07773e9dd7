"""What a deployed function is told to call: `ebbtide.on_lambda.entry.handler`.

Importing this module is a container's start: it loads the user's app, once. What is wrong with that is raised here, so
that AWS shows it as the function's failure to start.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

from ebbtide.connect.brokers import VARIABLE as BROKER
from ebbtide.connect.target import TargetBroken, load
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.logs import set_up
from ebbtide.on_lambda.settings import Settings, settings_of
from ebbtide.on_lambda.warming import warm_up


def function_of(settings: Settings) -> Function:
    """The function these settings describe, its secrets in the environment.

    Raises TargetError, once the user's own traceback is in the log; StorageError where a secret cannot be read.
    """
    set_up(settings.log)
    if "EBBTIDE_SECRETS" in os.environ:  # reading them takes AWS's library
        importlib.import_module("ebbtide.on_lambda.secrets").reveal(os.environ)
    gc.disable()  # what is loaded now stays: looking through it for garbage takes a tenth of the time
    try:
        app = load(settings.target)
        if url := os.environ.get(BROKER):
            app.use(url)  # also where the app names one, which is for other places
        function = Function(app, settings)
        warm_up(app, settings.queue)
        return function
    except TargetBroken as error:
        sys.stderr.write(error.traceback)
        raise
    finally:
        gc.freeze()
        gc.enable()


_function = function_of(settings_of(os.environ))


def handler(event: dict[str, Any], context: Any) -> Any:
    """One invocation, as AWS Lambda calls it."""
    return _function(event, context)
