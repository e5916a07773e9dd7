"""The figures as Markdown: medians with their range, then how many times better the first row is."""

import statistics
from dataclasses import dataclass

from benchmarks.harness.roster import Entry

NONE, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
Rounds = list[dict[str, float | None]]


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
    Column("end_to_end_bulk", "end to end, bulk /s"),
    Column("drain", "drain /s"),
    Column("wake_p50", "idle to start p50, ms", False, 1),
    Column("wake_p99", "p99, ms", False, 1),
    Column("memory", "memory, MB", False),
    Column("idle_cpu", "idle CPU, ms/s", False, 1),
)


def figures_table(entries: list[Entry], rounds: dict[str, Rounds]) -> str:
    """Median (lowest to highest) of every figure, a row per contender."""
    lines = _head(("", "acknowledged =", *(column.heading for column in COLUMNS)))
    for entry in entries:
        cells = [_cell(values(rounds[entry.name], column.key), column.digits) for column in COLUMNS]
        lines.append(_row((entry.title, entry.durability, *cells)))
    return "\n".join(lines)


def ratios_table(entries: list[Entry], rounds: dict[str, Rounds]) -> str:
    """How many times better the first entry's median is than each other's; below 1 it is worse."""
    first, others = entries[0], entries[1:]
    lines = _head((f"{first.title} against", "acknowledged =", *(column.heading for column in COLUMNS)))
    for entry in others:
        cells = [_ratio(rounds[first.name], rounds[entry.name], column) for column in COLUMNS]
        lines.append(_row((entry.title, entry.durability, *cells)))
    return "\n".join(lines)


def values(rounds: Rounds, key: str) -> list[float]:
    """A figure's values in those rounds which have it."""
    return [value for figures in rounds if (value := figures.get(key)) is not None]


def _cell(found: list[float], digits: int) -> str:
    if not found:
        return NONE
    middle = f"{statistics.median(found):,.{digits}f}"
    return middle if len(found) == 1 else f"{middle} ({min(found):,.{digits}f} to {max(found):,.{digits}f})"


def _ratio(ours: Rounds, theirs: Rounds, column: Column) -> str:
    mine, other = values(ours, column.key), values(theirs, column.key)
    if not mine or not other:
        return NONE
    above, below = statistics.median(mine), statistics.median(other)
    if not column.more_is_better:
        above, below = below, above
    if not below:
        return NONE
    times = above / below
    return f"{times:.1f}{TIMES}" if times >= 1 else f"{times:.2f}{TIMES}"


def _head(headings: tuple[str, ...]) -> list[str]:
    return [_row(headings), "|---|---|" + "--:|" * (len(headings) - 2)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
