"""What was aimed at before anything was measured, as data, and how far it was reached.

`wanted` and `limit` say the same, in words and as a number; a limit may depend on what the peers reached in this very
run. "Best peer" is the best of all, whatever its acknowledgement is worth, unless the same durability is named.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.harness.figures import Best, Figures
from benchmarks.harness.roster import ON_DISK

NONE, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
PERCENT = " %"
EBBTIDE, NO_RESULTS = "ebbtide", "ebbtide-no-results"
END_TO_END = ("end_to_end", "end_to_end_threads", "end_to_end_bulk")


@dataclass(frozen=True)
class Limit:
    """The number to reach, and whose it is a multiple of."""

    value: float
    whose: str = ""


@dataclass(frozen=True)
class Goal:
    """One line. reached: what we have; at_least: else it is the most that is allowed; unit: behind the numbers."""

    what: str
    wanted: str
    reached: Callable[[Figures], float | None]
    limit: Callable[[Figures], Limit | None]
    unit: str = "/s"
    at_least: bool = True
    digits: int = 0


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured."""

    goal: Goal
    reached: float | None
    limit: Limit | None

    @property
    def met(self) -> bool | None:
        """None if nothing was measured that could tell."""
        if self.reached is None or self.limit is None:
            return None
        return self.reached >= self.limit.value if self.goal.at_least else self.reached <= self.limit.value

    @property
    def words(self) -> str:
        """Met or missed, and by how much."""
        if self.reached is None or self.limit is None or self.met is None:
            return "not measured"
        reached, limit = self.reached, self.limit.value
        if not self.met:
            points = abs(reached - limit)
            by = f"{points:.0f} points" if self.goal.unit == PERCENT else f"{max(1, 100 * points / limit):.0f} %"
            return f"**missed by {by}**"
        times = reached / limit if self.goal.at_least else limit / reached if reached > 0 else 0.0
        return f"met, {times:.1f}{TIMES}" if times and self.goal.unit != PERCENT else "met"


def fixed(value: float) -> Callable[[Figures], Limit | None]:
    return lambda figures: Limit(value)


def ours(key: str, name: str = EBBTIDE) -> Callable[[Figures], float | None]:
    return lambda figures: figures.median(name, key)


def best_of(*keys: str) -> Callable[[Figures], float | None]:
    """The higher of some figures of ours."""
    return lambda figures: max((v for key in keys if (v := figures.median(EBBTIDE, key)) is not None), default=None)


def peers(times: float, *keys: str, durability: str | None = None) -> Callable[[Figures], Limit | None]:
    """So many times the best peer's."""

    def limit(figures: Figures) -> Limit | None:
        best: Best | None = figures.best_peer(*keys, durability=durability)
        return (
            Limit(times * best.value, f"{times:g} {TIMES} {best.title}" if times != 1 else best.title) if best else None
        )

    return limit


def cost_of_results(key: str) -> Callable[[Figures], float | None]:
    """How much of the rate goes into keeping results, %."""

    def cost(figures: Figures) -> float | None:
        share = figures.share(EBBTIDE, NO_RESULTS, key)
        return None if share is None else 100 * (1 - share)

    return cost


GOALS = (
    Goal("end to end, in bulk", "10,000/s", ours("end_to_end_bulk"), fixed(10_000)),
    Goal("end to end, in bulk", "5 times the best peer", ours("end_to_end_bulk"), peers(5, *END_TO_END)),
    Goal(
        "end to end, one by one",
        "the best peer of the same durability",
        ours("end_to_end"),
        peers(1, "end_to_end", durability=ON_DISK),
    ),
    Goal("enqueue in bulk", "30,000/s", ours("enqueue_bulk"), fixed(30_000)),
    Goal(
        "enqueue one by one",
        "the best peer of the same durability",
        ours("enqueue"),
        peers(1, "enqueue", durability=ON_DISK),
    ),
    Goal(
        "enqueue from 8 threads, or in bulk",
        "twice the best peer one by one, same durability",
        best_of("enqueue_threads", "enqueue_bulk"),
        peers(2, "enqueue", durability=ON_DISK),
    ),
    Goal("idle to start, median", "under 1 ms", ours("wake_p50"), fixed(1), " ms", at_least=False, digits=2),
    Goal("idle to start, p99", "under 6 ms", ours("wake_p99"), fixed(6), " ms", at_least=False, digits=2),
    Goal(
        "processor time while idle, 2 processes",
        "none: under 1 ms/s, 0.1 % of a core",
        ours("idle_cpu"),
        fixed(1),
        " ms/s",
        at_least=False,
        digits=2,
    ),
    Goal(
        "keeping results, in a drain",
        "costs a third at most",
        cost_of_results("drain"),
        fixed(100 / 3),
        PERCENT,
        at_least=False,
    ),
    Goal(
        "keeping results, end to end in bulk",
        "costs a third at most",
        cost_of_results("end_to_end_bulk"),
        fixed(100 / 3),
        PERCENT,
        at_least=False,
    ),
    Goal("tasks of 1 ms of processor time", "1,500/s", ours("busy"), fixed(1500)),
)


def verdicts(figures: Figures) -> list[Verdict]:
    """Every goal judged."""
    return [Verdict(goal, goal.reached(figures), goal.limit(figures)) for goal in GOALS]


def goals_table(figures: Figures) -> str:
    """A line a goal: what, wanted, measured, verdict."""
    lines = ["| | goal | limit | measured | |", "|---|---|--:|--:|---|"]
    for verdict in verdicts(figures):
        goal, limit = verdict.goal, verdict.limit
        shown = _number(limit.value if limit else None, goal)
        if limit and limit.whose:
            shown += f" ({limit.whose})"
        lines.append(f"| {goal.what} | {goal.wanted} | {shown} | {_number(verdict.reached, goal)} | {verdict.words} |")
    return "\n".join(lines)


def _number(value: float | None, goal: Goal) -> str:
    return NONE if value is None else f"{value:,.{goal.digits}f}{goal.unit}"
