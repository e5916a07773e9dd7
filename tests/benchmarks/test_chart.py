"""The chart drawn from given data: where points land, what is said, and that it is well-formed."""

import math
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from benchmarks.harness.chart import Axis, Line, Panel, Point, decades, draw, from_zero, short
from benchmarks.harness.scaling_chart import panels, picture

SVG = "{http://www.w3.org/2000/svg}"


def drawn(y: Axis, *points: Point) -> ElementTree.Element:
    x = Axis("workers", [(1, "1"), (8, "8")], True)
    return ElementTree.fromstring(draw([Panel("A & B", x, y, [Line("<fast>", points)])], "Title", ["caption"]))  # noqa: S314


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def dots(picture: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in picture.iter(f"{SVG}circle")]


def test_text_stays_text_and_is_escaped() -> None:
    found = texts(drawn(from_zero("tasks a second", [10]), Point(1, 5, 5, 5)))
    assert {"Title", "A & B", "<fast>", "workers", "tasks a second", "caption", "1", "8"} <= set(found)


def test_more_is_higher_and_later_is_further_right() -> None:
    (x1, y1), (x2, y2) = dots(drawn(from_zero("", [10]), Point(1, 2, 2, 2), Point(8, 10, 10, 10)))
    assert x1 < x2
    assert y1 > y2


def test_doublings_are_evenly_spaced_on_a_logarithmic_axis() -> None:
    found = dots(drawn(from_zero("", [10]), *(Point(x, 5, 5, 5) for x in (1, 2, 4, 8))))
    gaps = [right - left for (left, _), (right, _) in pairwise(found)]
    assert max(gaps) - min(gaps) <= 0.3


def test_a_bar_spans_the_range() -> None:
    picture = drawn(from_zero("", [10]), Point(2, 2, 5, 10))
    [bar] = [line.attrib for line in picture.iter(f"{SVG}line") if "bar" in line.attrib["class"]]
    [(_, y)] = dots(picture)
    assert float(bar["y1"]) > y > float(bar["y2"])


@pytest.mark.parametrize("most", [0.7, 1, 9.9, 10, 137, 1200, 8000, 99_999])
def test_a_linear_axis_starts_at_zero_and_ends_above_the_largest(most: float) -> None:
    ticks = [value for value, _ in from_zero("", [most]).ticks]
    assert ticks[0] == 0
    assert ticks[-1] > most
    assert 4 <= len(ticks) <= 10


@pytest.mark.parametrize("values", [[1.0], [10.0, 10.0], [0.02, 700.0], [5.0, 1_000_000.0]])
def test_powers_of_ten_enclose_all_values(values: list[float]) -> None:
    ticks = [value for value, _ in decades("", values).ticks]
    assert ticks[0] <= min(values) <= max(values) <= ticks[-1]
    assert len(ticks) >= 2
    assert all(math.isclose(b / a, 10) for a, b in pairwise(ticks))


def test_numbers_are_written_as_people_write_them() -> None:
    assert [short(n) for n in (0.1, 0, 5, 1500, 1_000_000)] == ["0.1", "0", "5", "1,500", "1 M"]


def point(chart: str, series: str, x: int, rate: float, round: int = 1) -> dict[str, Any]:
    return {"chart": chart, "series": series, "x": x, "rate": rate, "round": round}


POINTS = [
    *(point("workers", "empty tasks", x, 1000.0 * x) for x in (1, 2)),
    *(point("backlog", "loop", x, rate, n) for x in (1, 1_000_000) for n, rate in enumerate((10.0, 30.0, 20.0))),
    *(point("payload", "enqueue_many", x, 50.0) for x in (100, 262_144)),
]
DATA = {
    "machine": "a machine of 2 cores",
    "when": "21 November 2026",
    "rounds": 3,
    "others": 0.04,
    "points": POINTS,
}


def test_the_picture_says_where_and_when_it_was_measured() -> None:
    said = " ".join(texts(ElementTree.fromstring(picture(DATA))))  # noqa: S314
    for word in ("21 November 2026", "a machine of 2 cores", "median of 3 rounds", "0.04 cores", "256 KiB", "1 M"):
        assert word in said


def test_a_point_is_the_median_of_its_rounds_with_their_range() -> None:
    [backlog] = [panel for panel in panels(POINTS) if panel.title == "More waiting"]
    assert backlog.lines[0].points[0] == Point(1, 10.0, 20.0, 30.0)


def test_bytes_a_second_are_tasks_times_their_size() -> None:
    [in_bytes] = [panel for panel in panels(POINTS) if panel.title.endswith("in bytes")]
    assert in_bytes.lines[0].points[1].middle == pytest.approx(50 * 262_144 / 1e6)
