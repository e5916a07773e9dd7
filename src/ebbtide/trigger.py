"""The trigger port: what outside of code starts a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Trigger(ABC):
    """A frozen value given to `@app.task(...)`: both halves of being started from outside in one class."""

    @abstractmethod
    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """Raise DeclarationError if a task with these parameters (name to annotation) cannot be started by it."""

    @abstractmethod
    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The JSON arguments of the call this event asks for. Raises EnvelopeError for an event of another kind."""
