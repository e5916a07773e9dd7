"""Messages that ride together: one call of a task declared with `gathers=True`, with a list for each argument.

Each stays a message of its own: it is permitted, judged and settled by itself. Only what is new rides with others; what
was tried before runs alone, so that one that fails does not take the same neighbours with it again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.message import Message
from ebbtide.task import Task


class Gathered(Delivery):
    """Several deliveries as one. Else it is the one with the longest ancestry, which so is that of what is enqueued
    meanwhile: no loop is hidden by a fresh neighbour."""

    together: tuple[Delivery, ...]

    @classmethod
    def of(cls, deliveries: Sequence[Delivery]) -> Gathered:
        """These as one. Each has a message."""
        made = object.__new__(cls)
        deepest = max(deliveries, key=lambda one: one.lineage.depth)
        # A broker's own kind of delivery may work its attempt out when it is asked, as this one cannot.
        vars(made).update(vars(deepest), attempt=deepest.attempt, together=tuple(deliveries))
        return made

    @property
    def parts(self) -> tuple[Delivery, ...]:
        return self.together

    @property
    def message(self) -> Message:
        return next(part.message for part in self.together if part.receipt == self.receipt)

    def until(self, deadline: float) -> Delivery:
        made = super().until(deadline)
        vars(made)["together"] = tuple(part.until(deadline) for part in self.together)
        return made


def gathering(app: App, delivery: Delivery) -> Task[Any, Any, Any] | None:
    """The task of this delivery if it gathers and this one may ride with others; None if it runs alone."""
    try:
        task = app.tasks.get(delivery.message.task)
    except (EnvelopeError, StorageError):
        return None
    return task if task and task.gathers and delivery.attempt == 1 and not delivery.fate else None


def called_with(task: Task[Any, Any, Any], delivery: Delivery, message: Message) -> dict[str, list[Any]]:
    """The arguments of one call for all parts of a delivery: for each parameter its values, in their order.

    message: what middleware made of the delivery's own. Raises CallRefused.
    """
    messages = [message if part.receipt == delivery.receipt else part.message for part in delivery.parts]
    calls = [task.signature.unpack_by_name(one.args, one.kwargs) for one in messages]
    return {name: [call[name] for call in calls] for name in task.signature.parameters}
