"""A simulated AWS account in one region: its time, its luck, and what stands in it."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.aws.simulator.clock import Timeline
from tests.aws.simulator.faults import Faults

NUMBER = "123456789012"
REGION = "eu-central-1"
NOTHING = Faults()


class Account:
    """What the clients of one account share. `faults` may be changed at any time."""

    def __init__(self, seed: int = 0, faults: Faults = NOTHING, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline()
        self.random = Random(seed)
        self.faults = faults
        self.queues: dict[str, Any] = {}
        """SimulatedQueue by name."""

    def happens(self, probability: float) -> bool:
        """Whether this happens now."""
        return probability > 0 and self.random.random() < probability
