"""The page of results, in Markdown: what the machine did, goals, figures, ratios, what each contender was."""

import statistics
from dataclasses import dataclass

from benchmarks.harness.bystanders import CROWDED, Watch
from benchmarks.harness.figures import Figures
from benchmarks.harness.goals import EBBTIDE, NO_RESULTS, NONE, TIMES, cost_of_results, goals_table
from benchmarks.harness.roster import Entry

Watches = dict[str, list[Watch]]


@dataclass(frozen=True)
class Column:
    """One figure: its key, its heading, and whether more is better."""

    key: str
    heading: str
    more_is_better: bool = True
    digits: int = 0


COLUMNS = (
    Column("enqueue", "enqueue /s"),
    Column("enqueue_threads", "from 8 threads /s"),
    Column("enqueue_bulk", "in bulk /s"),
    Column("end_to_end", "end to end /s"),
    Column("end_to_end_threads", "end to end, 8 threads /s"),
    Column("end_to_end_bulk", "end to end, bulk /s"),
    Column("drain", "drain /s"),
    Column("busy", "drain, tasks of 1 ms CPU /s"),
    Column("wake_p50", "idle to start p50, ms", False, 1),
    Column("wake_p99", "p99, ms", False, 1),
    Column("memory", "memory, MB", False),
    Column("idle_cpu", "idle CPU, ms/s", False, 1),
)
RESULTS_COST = ("enqueue_bulk", "drain", "end_to_end", "end_to_end_bulk", "busy")


def report(figures: Figures, watches: Watches) -> str:
    """All of it, from the surroundings to the settings."""
    parts = [
        surroundings(figures.entries, watches),
        goals_table(figures),
        figures_table(figures),
        results_line(figures),
        ratios_table(figures) if len(figures.entries) > 1 else "",
        settings(figures),
    ]
    return "\n\n".join(part for part in parts if part)


def surroundings(entries: list[Entry], watches: Watches) -> str:
    """What others did to the machine meanwhile, and in which rounds it was too much."""
    every = [watch for found in watches.values() for watch in found]
    loads = [load for watch in every for load in (watch.load_before, watch.load_after)]
    text = f"Load average before and after each round: {min(loads):.1f} to {max(loads):.1f}, our own work included."
    others = [watch.others + (watch.steal or 0.0) for watch in every if watch.others is not None]
    if not others:
        return f"{text} What others used of the processors cannot be told on this system."
    text += (
        f" Other processes and the machine's host used {statistics.median(others):.2f} cores in the median round,"
        f" {max(others):.2f} in the worst."
    )
    crowded = [
        f"{entry.title}, round {number}: {watch.others or 0:.2f} cores by others, {watch.steal or 0:.2f} by the host"
        for entry in entries
        for number, watch in enumerate(watches.get(entry.name, []), 1)
        if watch.crowded
    ]
    if not crowded:
        return f"{text} No round was disturbed (over {CROWDED} cores)."
    count = f"{len(crowded)} of {len(every)} rounds were disturbed (over {CROWDED} cores)"
    return "\n".join((f"{text} {count}:", "", *(f"- {line}" for line in crowded)))


def figures_table(figures: Figures) -> str:
    """Median (lowest to highest) of every figure, a row per contender."""
    lines = _head(("", "acknowledged =", *(column.heading for column in COLUMNS)))
    for entry in figures.entries:
        cells = [_cell(figures.values(entry.name, column.key), column.digits) for column in COLUMNS]
        lines.append(_row((entry.title, entry.durability, *cells)))
    return "\n".join(lines)


def results_line(figures: Figures) -> str:
    """What keeping results costs, in every figure that tells."""
    headings = {column.key: column.heading.removesuffix(" /s") for column in COLUMNS}
    costs = [f"{cost:.0f} % ({headings[key]})" for key in RESULTS_COST if (cost := cost_of_results(key)(figures))]
    if not costs:
        return ""
    return (
        f"Keeping results costs {', '.join(costs)}: `{EBBTIDE}` against `{NO_RESULTS}`, median of the rounds' ratios."
    )


def ratios_table(figures: Figures) -> str:
    """How many times better the first entry's median is than each other's; below 1 it is worse."""
    first, *others = figures.entries
    lines = _head((f"{first.title} against", "acknowledged =", *(column.heading for column in COLUMNS)))
    for entry in others:
        cells = [_ratio(figures, first, entry, column) for column in COLUMNS]
        lines.append(_row((entry.title, entry.durability, *cells)))
    return "\n".join(lines)


def settings(figures: Figures) -> str:
    """A line a contender: versions and settings, and what it executed too often."""
    lines = []
    for entry in figures.entries:
        repeats = sum(figures.values(entry.name, "repeats"))
        seen = f" Executed {repeats:.0f} tasks more than once." if repeats else ""
        lines.append(f"- {entry.title}: {', '.join(entry.versions)}; {entry.settings}.{seen}")
    return "\n".join(lines)


def _cell(found: list[float], digits: int) -> str:
    if not found:
        return NONE
    middle = f"{statistics.median(found):,.{digits}f}"
    return middle if len(found) == 1 else f"{middle} ({min(found):,.{digits}f} to {max(found):,.{digits}f})"


def _ratio(figures: Figures, ours: Entry, theirs: Entry, column: Column) -> str:
    above, below = figures.median(ours.name, column.key), figures.median(theirs.name, column.key)
    if not column.more_is_better:
        above, below = below, above
    if not above or not below:
        return NONE
    times = above / below
    return f"{times:.1f}{TIMES}" if times >= 1 else f"{times:.2f}{TIMES}"


def _head(headings: tuple[str, ...]) -> list[str]:
    return [_row(headings), "|---|---|" + "--:|" * (len(headings) - 2)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
