"""A simulated Lambda function: containers, a time limit that kills, throttling, and the context a handler is given.

Sources: AWS Lambda Developer Guide, "Define Lambda function handler in Python", "Using the Lambda context object",
"Lambda execution environment lifecycle", "Lambda recursive loop detection".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.aws.simulator.account import NUMBER, REGION, Account
from tests.aws.simulator.clock import NEVER, Actor, Killed

Handler = Callable[[Any, Any], Any]
MOST_HOPS = 16
"""After about so many invocations of one chain Lambda stops it, unless RecursiveLoop is Allow."""
MOST_BYTES = 6 * 1024 * 1024


class Reply(NamedTuple):
    """What came of one invocation. kind: "answer", "error" (the function failed, timed out or died), "throttled" or
    "stopped" (by the loop detection). payload: of an answer, JSON."""

    kind: str
    payload: str = "null"


class Context:
    """What Lambda gives a handler beside the event; its remaining time runs by the virtual clock."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function: Function, number: int, deadline: float) -> None:
        self.function_name = function.name
        self.aws_request_id = f"00000000-0000-4000-8000-{number:012d}"
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{NUMBER}:function:{function.name}"
        self.memory_limit_in_mb = str(function.memory)
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = "2026/11/21/[$LATEST]simulated"
        self._account, self._deadline = function.account, deadline

    def get_remaining_time_in_millis(self) -> int:
        return int(max(0.0, self._deadline - self._account.timeline.now) * 1000)


class Function:
    """A function whose handler is called in-process. `cold` makes the handler of a new container.

    timeout: seconds. concurrency: most invocations at a time, None for no limit.
    """

    def __init__(
        self,
        account: Account,
        name: str,
        cold: Callable[[], Handler],
        timeout: float = 3.0,
        memory: int = 512,
        concurrency: int | None = None,
        recursive_loop: str = "Allow",
    ) -> None:
        self.account, self.name, self.timeout, self.memory = account, name, timeout, memory
        self.concurrency, self.recursive_loop = concurrency, recursive_loop
        self.invocations = self.throttles = self.errors = self.stops = self.colds = 0
        self._cold = cold
        self._warm: list[Handler] = []
        self._running = 0
        self._phase_ends, self._closed = 0.0, False

    def invoke(self, event: Any, hops: int = 0) -> Reply:
        """One invocation, by the actor that calls; by one made for it if nobody acts."""
        actor = self.account.timeline.current
        if actor is None:
            return self.account.timeline.act(self.name, lambda: self.invoke(event, hops))
        if self.recursive_loop != "Allow" and hops > MOST_HOPS:
            self.stops += 1
            return Reply("stopped")
        if self._throttled():
            self.throttles += 1
            return Reply("throttled")
        given = json.dumps(event)
        if len(given) > MOST_BYTES:
            raise AssertionError(f"an event of {len(given):,} bytes: Lambda takes {MOST_BYTES:,}")
        self.invocations += 1
        self._running += 1
        try:
            reply = self._run(actor, json.loads(given), hops)
        finally:
            self._running -= 1
        self.errors += reply.kind == "error"
        return reply

    def _run(self, actor: Actor, event: Any, hops: int) -> Reply:
        if self._warm:
            handler = self._warm.pop()
        else:
            self.colds += 1
            handler = self._cold()
        actor.deadline, actor.hops = self.account.timeline.now + self.timeout, hops + 1
        reply, alive = Reply("error"), True
        try:
            answer = handler(event, Context(self, self.invocations, actor.deadline))
            reply = Reply("answer", json.dumps(answer))
        except (SystemExit, KeyboardInterrupt, Killed):
            alive = False  # the process ends, and its container with it
        except BaseException:  # noqa: S110 - Lambda reports it; the container lives on
            pass
        if actor.dead:
            reply, alive = Reply("error"), False
        actor.dead, actor.deadline, actor.hops = False, NEVER, 0
        self.account.timeline.check()  # unless time itself has come to an end
        if alive:
            self._warm.append(handler)
        return reply

    def _throttled(self) -> bool:
        if self.concurrency is not None and self._running >= self.concurrency:
            return True
        faults, now = self.account.faults, self.account.timeline.now
        if faults.phases:
            while self._phase_ends <= now:
                self._closed = not self._closed
                self._phase_ends = max(self._phase_ends, now - 1) + self.account.random.expovariate(1 / faults.phases)
            if self._closed:
                return True
        return self.account.happens(faults.invoke)
