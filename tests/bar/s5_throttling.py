"""S5: half of all invocations are throttled, and no good message ends in the dead letters.

A whole app runs in the simulator, deployed from its generated template: visibility, receives and time limits are the
template's. Lambda refuses each invocation by the toss of a coin, or all of them for minutes on end, half of the time.
Whatever is sent must run, and nothing may be dead. What this hangs on is read from the template, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.stage import Stage, Wiring
from tests.bar.deployed import quiet
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.queue import Queue

QUEUES = (
    Queue("quick", timeout=3),
    Queue("usual"),
    Queue("slow", timeout=400),
    Queue("once", timeout=20, attempts=1),
    Queue("ordered", timeout=20, fifo=True),
)
HOW = {"each invocation by itself": Faults(invoke=0.5), "all of them, for 10 minutes on end": Faults(phases=600.0)}
LONGEST = 5 * 86_400.0
Json = dict[str, Any]


def _no_change(template: Json) -> None:
    pass


def _one_receive(template: Json) -> None:
    """Plants the fault: SQS gives up a message at its second receive."""
    for resource in template["Resources"].values():
        if "RedrivePolicy" in resource.get("Properties", {}):
            resource["Properties"]["RedrivePolicy"]["maxReceiveCount"] = 1


def _short_visibility(template: Json) -> None:
    """Plants the fault: a message comes back as soon as its function may have ended."""
    for name, resource in template["Resources"].items():
        if "RedrivePolicy" in resource.get("Properties", {}):
            function = template["Resources"][name.removesuffix("Queue") + "Function"]
            resource["Properties"]["VisibilityTimeout"] = function["Properties"]["Timeout"]


FAULTS: dict[str | None, Callable[[Json], None]] = {
    None: _no_change,
    "max-receive-1": _one_receive,
    "short-visibility": _short_visibility,
}


class Run:
    """One deployed app and the runs of its messages."""

    def __init__(self, draw: Draw, faults: Faults) -> None:
        self.draw, self.runs, self.sent = draw, Counter[str](), list[str]()
        self.account = Account(draw.random.getrandbits(32))
        self.stage = Stage(self.account, self._declare, FAULTS[draw.fault])
        self.account.faults = faults

    def _declare(self, wiring: Wiring) -> App:
        app = App("shop", queues=QUEUES, **wiring)

        def work(name: str, takes: float) -> None:
            self.account.timeline.sleep(takes)
            self.runs[name] += 1

        for queue in QUEUES:
            app.task(queue=queue.name, name=queue.name)(work)
        return app

    def play(self, messages: int) -> bool:
        """Whether all queues were empty in the end."""
        for number in range(messages):
            queue = self.draw.random.choice(QUEUES)
            name = f"{queue.name} {number}"
            takes = self.draw.random.choice((0.1, 1.0, queue.timeout * 0.8))
            self.stage.app.tasks[queue.name].using(group=self.draw.random.choice("abcdefgh")).enqueue(name, takes)
            self.sent.append(name)
        return self.stage.run_until_done(LONGEST)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    for told, faults in HOW.items():
        history = Run(draw, faults)
        try:
            done = history.play(draw.sizes["messages"])
            functions = history.stage.functions.values()
            throttled, invoked = (sum(getattr(f, name) for f in functions) for name in ("throttles", "invocations"))
            yield Figure(f"throttled, {told}", throttled)
            yield Figure("invocations that were let through", invoked)
            yield Figure(
                "given again, as the throttling outlasted their loan", sum(m.dropped for m in history.stage.mappings)
            )
            yield from _missed(history, done)
            if throttled < invoked / 3:
                yield Miss(
                    f"only {throttled} of {throttled + invoked} invocations were throttled: this proves too little"
                )
            yield from _template(history.stage.template)
        finally:
            history.stage.close()


def _missed(history: Run, done: bool) -> Iterator[Figure | Miss]:
    dead = history.stage.dead_letters
    yield Figure("dead letters", len(dead))
    for letter in dead:
        yield Miss(
            f"a good message is dead: {letter['attributes'].get('ebbtide.reason', 'no reason')}: {letter['body'][:200]}"
        )
    if not done:
        yield Miss(f"{history.stage.left()} messages are still there after {LONGEST / 86_400:.0f} days")
    for name in history.sent:
        if history.runs[name] == 0 and not dead:
            yield Miss(f"{name!r} never ran")
    twice = sum(count > 1 for count in history.runs.values())
    yield Figure("run twice, as their loan ended while they ran", twice)
    for name, count in history.runs.items():
        if name.startswith("once ") and count > 1:
            yield Miss(f"{name!r} has one attempt and ran {count} times")


def _template(template: Json) -> Iterator[Miss]:
    """What AWS advises for queues of functions, in the template itself."""
    resources = template["Resources"]
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            properties = resource["Properties"]
            queue = resources[properties["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
            function = resources[properties["FunctionName"]["Ref"]]["Properties"]
            if queue["VisibilityTimeout"] < 6 * function["Timeout"]:
                yield Miss(f"{name}: visibility {queue['VisibilityTimeout']} is below 6 x {function['Timeout']}")
            if queue["RedrivePolicy"]["maxReceiveCount"] < 5:
                yield Miss(f"{name}: maxReceiveCount {queue['RedrivePolicy']['maxReceiveCount']}")
            if "FilterCriteria" in properties:
                yield Miss(f"{name}: a filter, which deletes what it does not let through")


ROW = Row(
    "S5",
    "throttling of half the invocations buries no good message",
    run,
    quick={"messages": 300},
    full={"messages": 10_000},
    faults=("max-receive-1", "short-visibility"),
)

if __name__ == "__main__":
    ROW.main()
