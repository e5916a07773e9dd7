"""A deployed function by async-lambda's own entry point: `lambda_handler = app.async_lambda_handler`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ebbtide.app import App
from ebbtide.connect.brokers import VARIABLE as BROKER
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import settings_of


def function_of(app: App) -> Callable[[Any, Any], Any]:
    """What answers this container's invocations, as its environment says. Raises TargetError."""
    if url := os.environ.get(BROKER):
        app.use(url)
    return Function(app, settings_of({"EBBTIDE_TARGET": "controller", **os.environ}))
