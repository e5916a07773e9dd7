"""The scaling chart: which panels it has, made from the data that `scaling.py` measured."""

import statistics
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.harness.chart import Axis, Line, Panel, Point, decades, draw, from_zero

CAPTION_WIDTH = 125
TASKS = "tasks a second"
MEGA = 1e6


def picture(data: dict[str, Any]) -> str:
    """The SVG of a data file."""
    return draw(panels(data["points"]), "How the embedded queue scales", caption(data))


def panels(points: list[dict[str, Any]]) -> list[Panel]:
    """Four of them; every chart's lines in the order measured."""
    workers = lines(points, "workers")
    backlog = lines(points, "backlog")
    payload = lines(points, "payload")
    bytes_too = lines(points, "payload", lambda x, rate: x * rate / MEGA)
    sizes = Axis("bytes of payload, logarithmic", [(x, _bytes(x)) for x in _xs(payload)], True)
    processes = Axis("worker processes, logarithmic", [(x, f"{x:g}") for x in _xs(workers)], True)
    return [
        Panel("More workers", processes, from_zero(TASKS, _highs(workers)), workers),
        Panel("More waiting", decades("tasks waiting, logarithmic", _xs(backlog)), _rates(backlog), backlog),
        Panel("Bigger payloads, in tasks", sizes, decades(f"{TASKS}, logarithmic", _all(payload)), payload),
        Panel("Bigger payloads, in bytes", sizes, decades("MB a second, logarithmic", _all(bytes_too)), bytes_too),
    ]


def lines(
    points: list[dict[str, Any]], chart: str, value: Callable[[float, float], float] = lambda x, rate: rate
) -> list[Line]:
    """A line for each series of a chart, a point for each x: lowest, median and highest of its rounds."""
    series: dict[str, dict[float, list[float]]] = {}
    for point in points:
        if point["chart"] == chart:
            at = series.setdefault(point["series"], {}).setdefault(point["x"], [])
            at.append(value(point["x"], point["rate"]))
    return [Line(name, [_point(x, found) for x, found in sorted(by_x.items())]) for name, by_x in series.items()]


def caption(data: dict[str, Any]) -> list[str]:
    """Where and when, and what others did meanwhile, in lines."""
    rounds = data["rounds"]
    text = f"{data['when']}. {data['machine']}. Default durability, results kept; "
    text += f"median of {rounds} rounds, bars from lowest to highest." if rounds > 1 else "one round."
    if data["others"] is not None:
        text += f" Others used {data['others']:.2f} cores meanwhile."
    return textwrap.wrap(text, CAPTION_WIDTH)


def _point(x: float, found: list[float]) -> Point:
    return Point(x, min(found), statistics.median(found), max(found))


def _xs(found: list[Line]) -> list[float]:
    return sorted({point.x for line in found for point in line.points})


def _highs(found: list[Line]) -> Iterable[float]:
    return [point.high for line in found for point in line.points]


def _all(found: list[Line]) -> Iterable[float]:
    return [value for line in found for point in line.points for value in (point.low, point.high)]


def _rates(found: list[Line]) -> Axis:
    return decades(f"{TASKS}, logarithmic", _all(found))


def _bytes(size: float) -> str:
    return f"{size / 1024:g} KiB" if size >= 1024 else f"{size:g} B"
