"""All that was measured, and the questions asked of it: medians, the best peer, one contender's share of another."""

import statistics
from dataclasses import dataclass

from benchmarks.harness.roster import OURS, Entry

Rounds = list[dict[str, float | None]]


@dataclass(frozen=True)
class Best:
    """The highest median among peers, and whose it is."""

    value: float
    title: str


@dataclass(frozen=True)
class Figures:
    """A list of rounds for each contender, by its name; round n of one was run beside round n of the others."""

    entries: list[Entry]
    rounds: dict[str, Rounds]

    def values(self, name: str, key: str) -> list[float]:
        """A figure's values in those rounds which have it."""
        return values(self.rounds.get(name, []), key)

    def median(self, name: str, key: str) -> float | None:
        found = self.values(name, key)
        return statistics.median(found) if found else None

    def best_peer(self, *keys: str, durability: str | None = None) -> Best | None:
        """The best of all peers in any of these figures, or of those whose acknowledgement is worth as much."""
        found = [
            Best(median, entry.title)
            for entry in self.entries
            for key in keys
            if not entry.name.startswith(OURS) and durability in (None, entry.durability)
            if (median := self.median(entry.name, key)) is not None
        ]
        return max(found, key=lambda best: best.value, default=None)

    def share(self, name: str, of: str, key: str) -> float | None:
        """What part of another's figure one has: the median of the rounds' ratios, so that a slow minute hits both."""
        pairs = zip(self.rounds.get(name, []), self.rounds.get(of, []), strict=False)
        ratios = [mine / other for a, b in pairs if (mine := a.get(key)) and (other := b.get(key))]
        return statistics.median(ratios) if ratios else None


def values(rounds: Rounds, key: str) -> list[float]:
    """A figure's values in those rounds which have it."""
    return [value for figures in rounds if (value := figures.get(key)) is not None]
