"""The metrics of one app: what was sent, what attempts came to, how long they ran and waited, what queues hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from ebbtide.app import App
from ebbtide.broker import total
from ebbtide.errors import EbbtideError
from ebbtide.message import Message
from ebbtide.version import __version__

About = Mapping[str, str | int]

SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
"""Boundaries of the histograms' buckets."""


class Meters:
    """depth: also report how full the queues are, at each collection."""

    def __init__(self, app: App, provider: MeterProvider | None, depth: bool) -> None:
        self._app = app
        meter = get_meter("ebbtide", __version__, provider)
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Messages enqueued.")
        self._attempts = meter.create_counter("ebbtide.task.attempts", "{attempt}", "Attempts that ended, by status.")
        self._duration = meter.create_histogram(
            "messaging.process.duration", "s", "How long attempts took.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._wait = meter.create_histogram(
            "ebbtide.task.wait", "s", "From due to the first start.", explicit_bucket_boundaries_advisory=SECONDS
        )
        if depth:
            meter.create_observable_gauge("ebbtide.queue.depth", [self._depth], "{message}", "Messages, by state.")

    def sent(self, count: int, like: Message) -> None:
        """So many messages were enqueued."""
        self._sent.add(count, about(like))

    def waited(self, seconds: float, message: Message) -> None:
        """This message waited so long for its first start."""
        self._wait.record(seconds, about(message))

    def ended(self, seconds: float, message: Message, how: About) -> None:
        """An attempt ended after so long."""
        self._duration.record(seconds, {**about(message), **how})
        self._attempts.add(1, {**about(message), **how})

    def _depth(self, options: CallbackOptions) -> Iterable[Observation]:
        found: list[Observation] = []
        try:
            for queue in [name for name, queue in self._app.queues.items() if queue.is_ours]:
                whole = total(self._app.broker.depth(queue))
                for state in ("ready", "delayed", "running", "dead"):
                    place = {"messaging.system": "ebbtide", "messaging.destination.name": queue, "ebbtide.state": state}
                    found.append(Observation(getattr(whole, state), place))
        except EbbtideError:  # the storage is in trouble: no figure is better than a wrong one
            return []
        return found


def about(message: Message) -> dict[str, str | int]:
    """What spans and metrics of a message have in common."""
    return {
        "messaging.system": "ebbtide",
        "messaging.destination.name": message.queue,
        "ebbtide.task": message.task,
    }
