"""Metrics in CloudWatch's embedded format: a line of the log that CloudWatch turns into figures, at no call.

A line holds the figures of one queue and task of one invocation, as its format allows one value of each dimension.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ebbtide import strictjson
from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.execute import waited_for
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain

NAMESPACE = "Ebbtide"

_COUNTED = {Succeeded: "succeeded", TryAgain: "retried", Failed: "failed"}
_UNITS = {**dict.fromkeys(_COUNTED.values(), "Count"), "duration": "Milliseconds", "wait": "Milliseconds"}
_MOST = 100
"""Values of one metric in a line, by the format."""


class Metrics:
    """The figures of one invocation after another. about: app and stage; write: takes a line."""

    def __init__(self, about: dict[str, str], write: Callable[[str], object] = sys.stderr.write) -> None:
        self._about = about
        self._write = write
        self._found: dict[tuple[str, str], dict[str, list[float]]] = {}

    def count(self, delivery: Delivery, outcome: Outcome) -> None:
        """One outcome more. What was not started has no figures."""
        if isinstance(outcome, (NotYet, Skipped)):
            return
        try:
            task, waited = delivery.message.task, waited_for(delivery, outcome.started_at)
        except (EnvelopeError, StorageError):
            task, waited = "", None
        found = self._found.setdefault((delivery.queue, task), {})
        found.setdefault(_COUNTED[type(outcome)], []).append(1)
        found.setdefault("duration", []).append(round((outcome.finished_at - outcome.started_at) * 1000, 3))
        if waited is not None:
            found.setdefault("wait", []).append(round(waited * 1000, 3))

    def emit(self, now: float) -> None:
        """Write what was counted. now: seconds since 1970."""
        found, self._found = self._found, {}
        for (queue, task), figures in found.items():
            about = {**self._about, "queue": queue, **({"task": task} if task else {})}
            while any(figures.values()):
                some = {name: values[:_MOST] for name, values in figures.items() if values}
                figures = {name: values[_MOST:] for name, values in figures.items()}
                self._write(strictjson.dumps(_document(about, some, now)) + "\n")


def _document(about: dict[str, str], figures: dict[str, list[float]], now: float) -> dict[str, Any]:
    named = [name for name in about if name != "task"]
    told = {
        "Namespace": NAMESPACE,
        "Dimensions": [named, list(about)] if "task" in about else [named],
        "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in figures],
    }
    values = {name: sum(some) if _UNITS[name] == "Count" else some for name, some in figures.items()}
    return {"_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [told]}, **about, **values}
