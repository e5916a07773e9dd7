"""The core app that a controller stands for: ours in all that runs and waits, async-lambda's in names and settings."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ebbtide.app import App
from ebbtide.contrib.async_lambda.names import AsyncLambdaPlace
from ebbtide.contrib.async_lambda.resolved import Resolved
from ebbtide.contrib.async_lambda.running import Runnable
from ebbtide.errors import UnknownTask
from ebbtide.physical import Place, stage_name


class DoorApp(App):
    """declared: its tasks by id, with what they have from their controllers. runnables: how each is run, by id."""

    def __init__(
        self, name: str, declared: Mapping[str, Resolved], runnables: Mapping[str, Runnable], **options: Any
    ) -> None:
        super().__init__(name, **options)
        self.declared = declared
        self._runnables = runnables

    def running(self, task_id: str) -> Runnable:
        """How this task is run. Raises UnknownTask."""
        self.task_named(task_id)
        if task_id not in self._runnables:
            raise UnknownTask(f"task {task_id!r} is another app's; it runs there")
        return self._runnables[task_id]

    def place(self, stage: str) -> Place:
        return AsyncLambdaPlace(self.name, stage_name(stage))

    def settings(self, stage: str, folder: Any) -> Any:
        """What `.async_lambda/config.json` in this folder (a pathlib.Path) says of a stage, as deploy.Settings."""
        # Only what builds and deploys asks; a function does not load it.
        return importlib.import_module("ebbtide.contrib.async_lambda.config.settings").settings_of(self, stage, folder)
