"""Numbers that AWS refuses, wherever in a template they come from; the ranges are CloudFormation's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ebbtide.deploy.checks.view import View

RANGES: Mapping[tuple[str, str], tuple[float, float, str]] = {
    ("AWS::SQS::Queue", "VisibilityTimeout"): (0, 43_200, "seconds"),
    ("AWS::SQS::Queue", "DelaySeconds"): (0, 900, "seconds"),
    ("AWS::SQS::Queue", "MessageRetentionPeriod"): (60, 1_209_600, "seconds"),
    ("AWS::SQS::Queue", "ReceiveMessageWaitTimeSeconds"): (0, 20, "seconds"),
    ("AWS::SQS::Queue", "MaximumMessageSize"): (1_024, 1_048_576, "bytes"),
    ("AWS::SQS::Queue", "RedrivePolicy.maxReceiveCount"): (1, 1_000, "receives"),
    ("AWS::Serverless::Function", "Timeout"): (1, 900, "seconds"),
    ("AWS::Serverless::Function", "MemorySize"): (128, 10_240, "MB"),
    ("AWS::Serverless::Function", "EphemeralStorage.Size"): (512, 10_240, "MB"),
    ("AWS::Lambda::EventSourceMapping", "BatchSize"): (1, 10_000, "records"),
    ("AWS::Lambda::EventSourceMapping", "MaximumBatchingWindowInSeconds"): (0, 300, "seconds"),
    ("AWS::Lambda::EventSourceMapping", "ScalingConfig.MaximumConcurrency"): (2, 1_000, "invocations"),
}

MOST_LAYERS = 5
MOST_RESOURCES, MOST_OUTPUTS, MOST_BYTES = 500, 200, 1_000_000
MOST_OF_A_POLICY = 10_240
"""Characters of all policies within a role."""

MOST_OF_AN_ENVIRONMENT = 4_096
"""Bytes of a function's variables, names and values."""


class Breach(NamedTuple):
    """A limit that is not kept. id: of the resource; path: the property."""

    id: str
    path: str
    message: str
    cure: str


def breaches(view: View) -> Iterator[Breach]:
    """Every number that is out of its range, and layers that are too many even without that of the dependencies."""
    for id, properties in view.of("AWS::Serverless::Function"):
        named = [layer for layer in properties.get("Layers", ()) if isinstance(layer, str)]
        if len(named) > MOST_LAYERS:
            cure = "leave some out; the project's dependencies are one, too"
            yield Breach(id, "Layers", f"it names {len(named)} layers; AWS takes {MOST_LAYERS}", cure)
    for (kind, path), (low, high, unit) in RANGES.items():
        for id, properties in view.of(kind):
            value = at(properties, path)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and not low <= value <= high:
                yield Breach(id, path, f"{path} is {value:,}; AWS takes {low:,} to {high:,} {unit}", f"change {path}")


def at(properties: Any, path: str) -> Any:
    """A property by its dotted path; None if it is not given."""
    for part in path.split("."):
        properties = properties.get(part) if isinstance(properties, Mapping) else None
    return properties
