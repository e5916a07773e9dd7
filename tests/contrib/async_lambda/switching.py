"""One app on either of two packages: async-lambda, or what takes its place. Run as a program it is on async-lambda.

As a program it reads one request a line, as JSON, and answers each with a line. It stands in an environment of its own
and imports nothing of this repository.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

Saw = Callable[[dict[str, Any]], None]
TASKS = ("Take", "Relay", "Gather", "Fail", "Dead")
LANES = 2


def declared(package: Any, name: str, external: str, saw: Saw) -> Any:
    """The app's controller. package: whose words it is declared in; external: a task of another app; saw: told each
    event."""
    package.config_set_name(name)
    app = package.AsyncLambdaController(lane_count=LANES)

    def take(event: Any) -> None:
        saw(told(event) | {"lane": app.get_current_lane()})

    def relay(event: Any) -> None:
        app.async_invoke("Take", event.payload)

    def gather(event: Any) -> None:
        for one in event.events:
            saw(told(one))

    def fail(event: Any) -> None:
        raise ValueError("as planned")

    app.async_task("Dead", is_dlq_task=True)(take)
    app.set_dlq_task_id("Dead")
    app.async_task("Fail", max_receive_count=1)(fail)
    app.async_task("Take")(take)
    app.async_task("Relay")(relay)
    app.async_batch_task("Gather")(gather)
    app.add_external_task(external)
    return app


def told(event: Any) -> dict[str, Any]:
    """What a managed event says."""
    names = ("payload", "source_task_id", "destination_task_id", "invocation_id", "s3_payload_key", "message_group_id")
    return {name: getattr(event, name) for name in names}


class Program:
    """async-lambda's side. After an event a controller of its goes on with that one's task, lane and group: each
    request gets a new one."""

    def __init__(self, name: str, external: str) -> None:
        self._seen: list[dict[str, Any]] = []
        self._package = import_module("async_lambda")
        self._app = declared(self._package, name, external, self._seen.append)

    def queue(self, task: str, lane: int) -> str:
        """The name of one lane's queue."""
        return str(self._app.get_task(task).get_managed_queue_arn(lane)).rpartition(":")[2]

    def send(self, **call: Any) -> None:
        """One call of `async_invoke`."""
        self._app.async_invoke(**call)

    def send_batch(self, **call: Any) -> None:
        """One call of `async_invoke_batch`."""
        self._app.async_invoke_batch(**call)

    def handle(self, task: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What a task's function has seen of an SQS event."""
        self._seen.clear()
        os.environ["ASYNC_LAMBDA_TASK_ID"] = task
        self._app.async_lambda_handler({"Records": records}, None)
        return self._seen


def main() -> None:
    """Answer requests until there are no more: {"verb": ..., and its arguments}."""
    out, sys.stdout = sys.stdout, sys.stderr  # the package prints
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(Program(*sys.argv[1:]), request.pop("verb"))
        print(json.dumps(answer(**request)), file=out, flush=True)


if __name__ == "__main__":
    main()
