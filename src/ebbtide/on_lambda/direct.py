"""A function that was itself invoked, by whoever may: its task is run here and now, and its value is the answer.

Which task that is, a trigger says that reads such events. A failure is raised: who waits for the answer is told, and
AWS itself tries an asynchronous invocation again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError
from ebbtide.events import deliveries
from ebbtide.ids import new_id
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.outcome import Failed, Succeeded, TryAgain
from ebbtide.trigger import INVOKED


class InvocationFailed(Exception):
    """The task that an invocation started has failed."""


class Direct:
    """Direct invocations of one function. queue: whose tasks may have a trigger for them."""

    def __init__(self, app: App, runner: Runner, queue: str, tell: Ended, end: Callable[[], None]) -> None:
        self._app = app
        self._runner = runner
        self._queue = queue
        self._tell = tell
        self._end = end

    def answer(self, event: Any, left: Callable[[], float]) -> Any:
        """What the task returns. Raises EnvelopeError if none is for such an event, InvocationFailed."""
        whole = Delivery(b"", self._queue, 0, new_id(self._app.now()), 1)
        found = deliveries(self._app, whole, {"eventSource": INVOKED, "event": event}, own=False)
        if len(found) != 1:
            raise EnvelopeError("several tasks are for this event, and only one can answer")
        (delivery,) = found
        _ = delivery.message  # which says so if it is for nobody
        seconds = min(self._app.queues[self._queue].timeout, max(0.0, left()))
        delivery = delivery.until(self._app.now() + seconds)
        outcome = self._runner.to_the_end(delivery, seconds, self._end, answer=True)
        if isinstance(outcome, TryAgain):  # but not by us
            outcome = Failed(outcome.error, outcome.started_at, outcome.finished_at)
        self._tell(delivery, outcome)
        if isinstance(outcome, Succeeded):
            return strictjson.loads(outcome.value)
        reason = outcome.error if isinstance(outcome, Failed) else None
        raise InvocationFailed(f"{reason.exception_class}: {reason.message}" if reason else "it was not started")
