"""The security gate's rows of the bar at the sizes of each commit, and each with its faults planted."""

from __future__ import annotations

import pytest
from tests.bar import x3_lint, x4_template, x5_canary, x10_bundle, x13_names, x14_secrets_at_work
from tests.bar.row import Row

ROWS: list[Row] = [
    x3_lint.ROW,
    x4_template.ROW,
    x5_canary.ROW,
    x10_bundle.ROW,
    x13_names.ROW,
    x14_secrets_at_work.ROW,
]

PLANTED: list[tuple[Row, str, dict[str, int], str]] = [
    (x3_lint.ROW, "misspelt", {}, "VisibilityTimout"),
    *((x4_template.ROW, number, {"apps": 1}, f": {number}: ") for number in x4_template.FAULTS),
    (x5_canary.ROW, "in-the-code", {"settings": 1}, "the canary is in"),
    (x10_bundle.ROW, "links-followed", {"twins": 0}, "holds what is not to be in it"),
    (x10_bundle.ROW, "times-and-modes-kept", {"rounds": 0, "twins": 1}, "two bundles of it differ"),
    (x13_names.ROW, "unquoted", {"names": 120, "commands": 1}, "changes the structure"),
    (x14_secrets_at_work.ROW, "error-text", {}, "holds the secret in error"),
    (x14_secrets_at_work.ROW, "logged", {}, "a line of the log holds the secret"),
]
"""A row, one of its faults, sizes that suffice to find it, and what a miss says."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_kept(row: Row) -> None:
    judgement = row.judge(seed=1)
    assert not judgement.misses, judgement.misses


@pytest.mark.parametrize(("row", "fault", "sizes", "miss"), PLANTED, ids=lambda given: getattr(given, "name", None))
def test_a_planted_fault_is_found(row: Row, fault: str, sizes: dict[str, int], miss: str) -> None:
    judgement = row.judge(1, fault, False, False, **sizes)
    assert any(miss in found.what for found in judgement.misses), judgement.misses
