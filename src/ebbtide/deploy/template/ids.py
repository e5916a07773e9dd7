"""The logical ids of a stage's queues and functions: what its place says, for a stack that was there before us, else by
our rule."""

from __future__ import annotations

from ebbtide.deploy.template.logical import logical
from ebbtide.physical import Place
from ebbtide.queue import Queue


def queue_id(place: Place, queue: Queue, lane: int = 0) -> str:
    """Of one lane."""
    return place.logical("queue", queue, lane) or f"{logical(queue.name)}{f'Lane{lane}' if lane else ''}Queue"


def mapping_id(place: Place, queue: Queue, lane: int) -> str:
    """Of what brings a lane's messages to its function."""
    return place.logical("mapping", queue, lane) or f"{queue_id(place, queue, lane)}Mapping"


def function_id(place: Place, queue: Queue) -> str:
    """Of the function that runs a queue."""
    return place.logical("function", queue) or f"{logical(queue.name)}Function"


def role_id(place: Place, queue: Queue) -> str:
    """Of that function's role."""
    return place.logical("role", queue) or f"{logical(queue.name)}Role"


def dead_letters_id(place: Place, fifo: bool) -> str:
    """Of the stage's dead letters of one kind."""
    return place.logical("dead-letters", fifo=fifo) or f"StageDeadLetters{'Fifo' if fifo else ''}"
