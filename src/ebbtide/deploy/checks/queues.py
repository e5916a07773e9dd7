"""What a declared queue cannot be on AWS, or would quietly be otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from ebbtide.deploy.checks.fargate import sizes
from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.where import Subjects
from ebbtide.deploy.template.plan import LAMBDA_TIMEOUT, batch_size
from ebbtide.deploy.template.queues import MOST_RECEIVES, NET, attempts
from ebbtide.queue import Queue

MEMORY = (128, 10_240)
"""MB a Lambda function may have."""

CONCURRENCY = (2, 1000)
"""What a mapping's MaximumConcurrency may be."""


def of_queues(on: Subjects, queues: list[Queue]) -> Iterator[Finding]:
    """All findings on these queues."""
    for queue in queues:
        yield from _on_fargate(on, queue) if queue.runner == "fargate" else _on_lambda(on, queue)
        yield from _any(on, queue)


def _on_lambda(on: Subjects, queue: Queue) -> Iterator[Finding]:
    if queue.timeout > LAMBDA_TIMEOUT:
        yield on.queue(
            queue.name,
            f"timeout={queue.timeout:g} is longer than the {LAMBDA_TIMEOUT} seconds Lambda lets a function run",
            f"make it {LAMBDA_TIMEOUT} or less and the tasks smaller",
        )
    if not MEMORY[0] <= queue.memory <= MEMORY[1]:
        yield on.queue(
            queue.name,
            f"memory={queue.memory} MB is more than the {MEMORY[1]:,} MB a Lambda function may have",
            f"make it {MEMORY[1]:,} or less",
        )
    if queue.cpu is not None:
        yield on.queue(
            queue.name,
            f"cpu={queue.cpu:g} has no effect: Lambda gives processor time by memory, one vCPU at 1,769 MB",
            "choose memory instead",
            error=False,
        )
    yield from _mapping(on, queue)


def _mapping(on: Subjects, queue: Queue) -> Iterator[Finding]:
    if queue.fifo and queue.batch_window:
        yield on.queue(
            queue.name, "a FIFO queue can have no batching window on Lambda", "leave out batch_window, or fifo=True"
        )
    if queue.fifo and queue.batch > 10:
        yield on.queue(queue.name, f"batch={queue.batch}: a FIFO queue gives batches of 10 at most", "make it 10")
    if queue.batch > 10 and queue.batch_window < 1 and not queue.fifo:
        yield on.queue(
            queue.name,
            f"batch={queue.batch} needs a batching window: above 10, Lambda wants to wait a second at least",
            "add batch_window=1, or make batch 10",
        )
    if 0 < queue.batch_window != round(queue.batch_window):
        yield on.queue(
            queue.name, f"batch_window={queue.batch_window:g}: Lambda takes whole seconds", "give whole seconds"
        )
    for lane in range(queue.lanes):
        limit = queue.limit(lane)
        if limit is not None and not CONCURRENCY[0] <= limit <= CONCURRENCY[1]:
            yield on.queue(
                queue.name,
                f"concurrency={limit} of lane {lane}: Lambda's mapping takes {CONCURRENCY[0]} to {CONCURRENCY[1]:,}",
                "make it 2 or more; for one at a time, declare it with fifo=True and enqueue with .using(group='one')"
                if limit < CONCURRENCY[0]
                else f"make it {CONCURRENCY[1]:,} or less, or leave it out",
            )
    if batch_size(on.app, queue) < queue.batch and queue.batch != Queue().batch:
        yield on.queue(
            queue.name,
            f"batch={queue.batch} becomes 1: a second task of {queue.timeout:g} seconds would not fit into the "
            f"{LAMBDA_TIMEOUT} seconds of an invocation",
            "make timeout 449 or less, or batch 1",
            error=False,
        )


def _on_fargate(on: Subjects, queue: Queue) -> Iterator[Finding]:
    yield on.queue(queue.name, "runner='fargate' cannot be deployed yet", "use runner='lambda'")
    if wrong := sizes(queue.cpu, queue.memory):
        yield on.queue(queue.name, wrong.message, wrong.cure)


def _any(on: Subjects, queue: Queue) -> Iterator[Finding]:
    if queue.visibility is not None and queue.visibility < 6 * queue.timeout:
        yield on.queue(
            queue.name,
            f"visibility={queue.visibility:g} is less than six times timeout={queue.timeout:g}: messages would come "
            f"back while they are still being run",
            f"leave visibility out, or make it {6 * queue.timeout:g} or more",
        )
    most = attempts(on.app, queue)
    if most + NET > MOST_RECEIVES:
        yield on.queue(
            queue.name,
            f"{most:,} attempts: SQS gives a message up after {MOST_RECEIVES:,} receives, without a reason",
            f"make it {MOST_RECEIVES - NET} or fewer, with longer waits",
            error=False,
        )
