"""Panels of lines as an SVG: text stays text, and colours follow the reader's light or dark scheme.

A point is a median with the range of its rounds as a bar. Axes are linear from zero or logarithmic.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 480, 310
LEFT, RIGHT, TOP, BOTTOM = 70, 36, 48, 78
HEAD, LINE = 44, 18
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; } .title { font-weight: 600; font-size: 15px; }
.small { font-size: 12px; fill: #59636e; } .back { fill: #ffffff; } .grid { stroke: #d1d9e0; stroke-width: 1; }
.line { fill: none; stroke-width: 2; } .bar { stroke-width: 1.5; opacity: 0.6; }
.s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; stroke-dasharray: 6 4; } .d0 { fill: #0969da; } .d1 { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .small { fill: #9198a1; } .back { fill: #0d1117; } .grid { stroke: #3d444d; }
  .s0 { stroke: #4493f8; } .s1 { stroke: #f0883e; } .d0 { fill: #4493f8; } .d1 { fill: #f0883e; }
}
"""


class Point(NamedTuple):
    """Where, and the lowest, median and highest of the rounds."""

    x: float
    low: float
    middle: float
    high: float


class Line(NamedTuple):
    """One series."""

    name: str
    points: Sequence[Point]


class Axis(NamedTuple):
    """From the first tick to the last; a tick is a value and its text."""

    label: str
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool

    def part(self, value: float) -> float:
        """Where a value lies, from 0 at the first tick to 1 at the last."""
        low, high = self.ticks[0][0], self.ticks[-1][0]
        if self.logarithmic:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


class Panel(NamedTuple):
    """One chart of one or two lines."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]


def from_zero(label: str, values: Iterable[float]) -> Axis:
    """A linear axis from 0 to above the largest, in four to nine round steps."""
    most = max(values)
    size = 10 ** math.floor(math.log10(most))
    step = next(size * part for part in (0.2, 0.5, 1, 2) if most / (size * part) <= 8)
    steps = math.floor(most / step) + 1
    return Axis(label, [(step * n, short(step * n)) for n in range(steps + 1)], False)


def decades(label: str, values: Iterable[float]) -> Axis:
    """A logarithmic axis whose powers of ten enclose all values."""
    found = list(values)
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    ticks = [(10.0**n, short(10.0**n)) for n in range(low, max(high, low + 1) + 1)]
    return Axis(label, ticks, True)


def short(value: float) -> str:
    """1,500 or 0.1 or 1 M."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def draw(panels: Sequence[Panel], title: str, caption: Sequence[str]) -> str:
    """All panels, two in a row, as the text of an SVG file."""
    width = 2 * WIDTH
    foot = HEAD + math.ceil(len(panels) / 2) * HEIGHT
    height = foot + LINE * len(caption) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" rx="6"/>',
        _text(LEFT, 28, title, "title"),
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, number % 2 * WIDTH, HEAD + number // 2 * HEIGHT)
    parts += [_text(LEFT, foot + LINE * n + 8, line, "small") for n, line in enumerate(caption)]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, left: int, top: int) -> list[str]:
    x0, x1 = left + LEFT, left + WIDTH - RIGHT
    y0, y1 = top + HEIGHT - BOTTOM, top + TOP

    def across(value: float) -> float:
        return round(x0 + panel.x.part(value) * (x1 - x0), 1)

    def up(value: float) -> float:
        return round(y0 + panel.y.part(value) * (y1 - y0), 1)

    parts = [_text(x0, top + 16, panel.title, "title"), _text(x0, top + 36, panel.y.label, "small")]
    for value, text in panel.y.ticks:
        parts.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{up(value)}" y2="{up(value)}"/>')
        parts.append(_text(x0 - 8, up(value) + 4, text, "small", "end"))
    for value, text in panel.x.ticks:
        parts.append(f'<line class="grid" x1="{across(value)}" x2="{across(value)}" y1="{y0}" y2="{y0 + 5}"/>')
        parts.append(_text(across(value), y0 + 20, text, "small", "middle"))
    parts.append(_text((x0 + x1) / 2, y0 + 38, panel.x.label, "small", "middle"))
    for number, line in enumerate(panel.lines):
        spots = [(across(p.x), up(p.low), up(p.middle), up(p.high)) for p in line.points]
        path = " ".join(f"{x},{y}" for x, _, y, _ in spots)
        parts.append(f'<polyline class="line s{number}" points="{path}"/>')
        for x, low, middle, high in spots:
            parts.append(f'<line class="bar s{number}" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
            parts.append(f'<circle class="d{number}" cx="{x}" cy="{middle}" r="3.5"/>')
        at = x0 + number * (x1 - x0) // 2
        parts.append(f'<line class="line s{number}" x1="{at}" x2="{at + 26}" y1="{y0 + 56}" y2="{y0 + 56}"/>')
        parts.append(_text(at + 33, y0 + 60, line.name, "small"))
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
