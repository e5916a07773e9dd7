"""Which sizes Fargate has: pairs of cpu and memory, from "Task definition parameters for Fargate" of AWS."""

from __future__ import annotations

from typing import NamedTuple

_GB = 1024

PAIRS: dict[float, tuple[int, ...]] = {
    0.25: (512, _GB, 2 * _GB),
    0.5: tuple(range(_GB, 5 * _GB, _GB)),
    1: tuple(range(2 * _GB, 9 * _GB, _GB)),
    2: tuple(range(4 * _GB, 17 * _GB, _GB)),
    4: tuple(range(8 * _GB, 31 * _GB, _GB)),
    8: tuple(range(16 * _GB, 61 * _GB, 4 * _GB)),
    16: tuple(range(32 * _GB, 121 * _GB, 8 * _GB)),
}
"""MB of memory by vCPU."""


class WrongSize(NamedTuple):
    """What Fargate does not have, and what it has instead."""

    message: str
    cure: str


def sizes(cpu: float | None, memory: int) -> WrongSize | None:
    """What is wrong with a pair; None if Fargate has it. Without cpu, any that has this memory will do."""
    if cpu is not None and cpu not in PAIRS:
        return WrongSize(f"cpu={cpu:g}: Fargate has no such size", f"use one of {', '.join(f'{c:g}' for c in PAIRS)}")
    choice = PAIRS[cpu] if cpu is not None else sorted({size for sizes in PAIRS.values() for size in sizes})
    if memory in choice:
        return None
    near = min(choice, key=lambda size: abs(size - memory))
    beside = f" beside cpu={cpu:g}" if cpu is not None else ""
    return WrongSize(f"memory={memory} MB{beside}: Fargate has no such size", f"use {near}")
