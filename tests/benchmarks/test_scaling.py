"""The sizes of the scaling chart, and the chart in the docs."""

import json

from benchmarks.harness.scaling_chart import picture
from benchmarks.scaling import DATA, PICTURE, Sizes


def test_bigger_payloads_are_fewer_within_limits() -> None:
    sizes = Sizes(tasks=1000, volume=1_000_000, fewest=50)
    assert [sizes.of(payload) for payload in (100, 10_000, 1_000_000)] == [1000, 100, 50]


def test_the_chart_in_the_docs_is_drawn_from_the_data_beside_the_benchmark() -> None:
    assert PICTURE.read_text() == picture(json.loads(DATA.read_text())), "run `python benchmarks/scaling.py --draw`"
