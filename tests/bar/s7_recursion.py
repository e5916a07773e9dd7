"""S7: a task that calls itself for ever is stopped by us, with its path shown, and not by AWS after 16 hops in silence.

The app is deployed in the simulator from its generated template. Two tasks on two queues call each other, now and then
only at a second attempt; the chain must run to the app's depth budget and no further, each message one deeper than the
one before, and end as a dead letter that names its path. A third one breeds: on its queue one root may have so many
descendants as the storm limit says, and the rest are dead letters that say so.

Lambda's own loop detection, which stops a chain without a word, is simulated as well: the template has to allow loops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.stage import Simulated, Stage, Wiring
from tests.bar.deployed import quiet
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy

LONGEST = 5 * 86_400.0
CHAINS = ("ping", "pong")
SOON = RetryPolicy(attempts=5, base=1, cap=2)
FAR = 3
"""So many times a limit past it, what nobody stops ends by itself: the miss is clear by then."""

Json = dict[str, Any]


def _terminate(template: Json) -> None:
    """Plants the fault: what AWS does unless told otherwise."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            del resource["Properties"]["RecursiveLoop"]


class WithoutLimit(Simulated):
    """Plants the fault: no descendant is one too many."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._storms.beyond = lambda messages: set()  # type: ignore[method-assign]


class Careless(Stage):
    """A stage whose broker has no storm limit."""

    broker = WithoutLimit


class Chains:
    """The app, and what it did. depths: of each root's messages, as they ran; bred: runs of `breed` by root."""

    def __init__(self, draw: Draw) -> None:
        self.draw, self.random = draw, draw.random
        self.budget, self.limit = self.random.randint(25, 60), self.random.randint(20, 60)
        self.depths: dict[str, list[int]] = {}
        self.bred: Counter[str] = Counter()
        self.account = Account(self.random.getrandbits(32))
        change: Callable[[Json], None] = _terminate if draw.fault == "terminate" else lambda template: None
        self.stage = (Careless if draw.fault == "no-storm-limit" else Stage)(self.account, self._declare, change)

    def _declare(self, wiring: Wiring) -> App:
        queues = [Queue("ping"), Queue("pong", fifo=True), Queue("breed", storm_limit=self.limit, lanes=2)]
        budget = self.budget if self.draw.fault != "no-budget" else 1_000_000
        app = App("shop", queues=queues, depth_budget=budget, **wiring)
        for here, there in (CHAINS, CHAINS[::-1]):
            self._declare_chain(app, here, there)

        @app.task(queue="breed", takes_context=True)
        def breed(context: Delivery, each: int) -> None:
            self.bred[context.lineage.root] += 1
            for number in range(each if self.bred[context.lineage.root] < FAR * self.limit else 0):
                app.tasks["breed"].using(lane=number % 2).enqueue(each)

        return app

    def _declare_chain(self, app: App, here: str, there: str) -> None:
        @app.task(name=here, queue=here, retry=SOON, takes_context=True)
        def step(context: Delivery) -> None:
            if context.attempt == 1 and self.random.random() < 0.1:
                raise ValueError("not now")
            self.depths.setdefault(context.lineage.root, []).append(context.lineage.depth)
            if context.lineage.depth < FAR * self.budget:
                app.tasks[there].enqueue()

    def play(self) -> Iterator[Figure | Miss]:
        chains = [self._root(self.random.choice(CHAINS)) for _ in range(self.draw.sizes["chains"])]
        storms = [self._root("breed", self.random.randint(2, 4)) for _ in range(self.draw.sizes["storms"])]
        done = self.stage.run_until_done(LONGEST, look=600)
        dead = [(Message.decode(one["body"].encode()), one["attributes"]) for one in self.stage.dead_letters]
        yield Figure("depth budget", self.budget)
        yield Figure("storm limit", self.limit)
        yield Figure("runs in chains", sum(map(len, self.depths.values())))
        yield Figure("runs in storms", sum(self.bred.values()))
        yield Figure("dead letters", len(dead))
        if not done:
            yield Miss("what calls itself goes on for ever")
            return
        for root in chains:
            yield from self._chain(root, [(m, said) for m, said in dead if m.lineage.root == root])
        for root in storms:
            yield from self._storm(root, [(m, said) for m, said in dead if m.lineage.root == root])

    def _root(self, task: str, *arguments: Any) -> str:
        return str(self.stage.app.tasks[task].enqueue(*arguments).id)

    def _chain(self, root: str, dead: list[tuple[Message, Json]]) -> Iterator[Miss]:
        depths = sorted(self.depths.get(root, []))
        if depths != list(range(self.budget + 1)):
            yield Miss(f"a chain ran to depth {depths[-1:]} in {len(depths)} steps, the budget is {self.budget}")
        if len(dead) != 1:
            yield Miss(f"a chain has {len(dead)} dead letters")
            return
        message, said = dead[0]
        path = " > ".join((*message.lineage.path, message.task))
        if said.get("ebbtide.reason") != "ebbtide.errors.LoopDetected" or path not in said.get("ebbtide.error", ""):
            yield Miss(f"a chain's end does not show {path}: {said}")
        if message.lineage.depth != self.budget + 1 or len(message.lineage.path) != 10:
            yield Miss(f"a chain's dead letter is {message.lineage}")

    def _storm(self, root: str, dead: list[tuple[Message, Json]]) -> Iterator[Miss]:
        if self.bred[root] != 1 + self.limit:
            yield Miss(f"a storm had {self.bred[root] - 1} descendants run, the limit is {self.limit}")
        for message, said in dead:
            told = said.get("ebbtide.error", "")
            if said.get("ebbtide.reason") != "ebbtide.errors.StormLimit" or root not in told or "breed" not in told:
                yield Miss(f"a storm's dead letter {message.id} does not say why: {said}")
        if not dead:
            yield Miss("a storm left no dead letter")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    quiet()
    chains = Chains(draw)
    try:
        yield from chains.play()
    finally:
        chains.stage.close()


ROW = Row(
    "S7",
    "a task that calls itself is stopped by the app's budget, with its path shown",
    run,
    quick={"chains": 3, "storms": 3},
    full={"chains": 100, "storms": 100},
    faults=("terminate", "no-budget", "no-storm-limit"),
)

if __name__ == "__main__":
    ROW.main()
