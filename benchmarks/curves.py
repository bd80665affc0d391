"""Draws the measured growth as pictures for docs/performance.md.

    python -m benchmarks.growth --json benchmarks/measured/growth-with-tasks.json
    python -m benchmarks.history --json benchmarks/measured/growth-with-executions.json
    python -m benchmarks.curves

Each picture is an SVG with a background of its own, in the colours that the reader prefers. The horizontal axis is
logarithmic. The caption has the machine, its load and the date, from the file of figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("measured")
PICTURES = Path(__file__).parent.parent / "docs" / "pictures"

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 76, 220, 66, 92
"""Margins of the plot. The names of the lines are to the right of their ends."""
LINE_OF_TEXT = 17
TICKS_WANTED = 5
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11px; fill: #59636e }
  .ground { fill: #ffffff }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .curve { fill: none; stroke-width: 2 }
  .p95 { stroke-dasharray: none }
  .p50 { stroke-dasharray: 5 4 }
  .a { stroke: #0969da } .b { stroke: #bc4c00 } .c { stroke: #1a7f37 } .d { stroke: #8250df }
  .e { stroke: #cf222e } .f { stroke: #6e7781 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .ground { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .a { stroke: #58a6ff } .b { stroke: #f0883e } .c { stroke: #3fb950 } .d { stroke: #bc8cff }
    .e { stroke: #ff7b72 } .f { stroke: #9198a1 }
  }
"""

Level = Mapping[str, Any]
Place = Callable[[float], float]


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    label: str
    look: str
    """Its classes in `STYLE`."""
    value: Callable[[Level], float | None]
    """None where it was not measured."""


@dataclass(frozen=True)
class Chart:
    """One picture."""

    name: str
    title: str
    measured: str
    """The file of figures, without its suffix."""
    along: str
    """What grows: the name in the file, and below the axis."""
    unit: str
    curves: Sequence[Curve]
    is_logarithmic: bool = False


def main() -> None:
    for chart in CHARTS:
        (PICTURES / f"{chart.name}.svg").write_text(drawn(chart))


def drawn(chart: Chart) -> str:
    """The picture of a chart, from its stored figures."""
    figures = json.loads((MEASURED / f"{chart.measured}.json").read_text())
    levels: Sequence[Level] = figures["levels"]
    values = [y for curve in chart.curves for _, y in points_of(curve, levels, chart.along)]
    ticks = decades(values) if chart.is_logarithmic else steps(max(values))
    across = logarithmic([level[chart.along] for level in levels], LEFT, WIDTH - RIGHT)
    up = (logarithmic if chart.is_logarithmic else linear)(ticks, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
        text(LEFT, 26, chart.title, "title"),
        *vertical_axis(ticks, up, chart),
        *horizontal_axis([level[chart.along] for level in levels], across, chart),
        *lines(chart.curves, levels, chart.along, across, up),
        *caption(figures),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def steps(most: float) -> list[float]:
    """Round numbers from 0 to the first that is not below `most`."""
    rough = most / TICKS_WANTED
    tens = 10 ** math.floor(math.log10(rough))
    step = next(each * tens for each in (1, 2, 5, 10) if each * tens >= rough)
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1)]


def decades(values: Sequence[float]) -> list[float]:
    """Powers of ten that enclose the values."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**exponent for exponent in range(first, max(last, first + 1) + 1)]


def linear(values: Sequence[float], begin: float, end: float) -> Place:
    """Places the values between `begin` and `end`."""
    low, high = min(values), max(values)
    return lambda value: begin + (value - low) / (high - low) * (end - begin)


def logarithmic(values: Sequence[float], begin: float, end: float) -> Place:
    """Places the values between `begin` and `end`, equal ratios equally far apart."""
    place = linear([math.log10(each) for each in values], begin, end)
    return lambda value: place(math.log10(value))


def vertical_axis(ticks: Sequence[float], up: Place, chart: Chart) -> list[str]:
    parts = [text(LEFT - 60, TOP - 20, chart.unit, "small")]
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {up(tick):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text(LEFT - 8, up(tick) + 4, number(tick), anchor="end"))
    return parts


def horizontal_axis(values: Sequence[float], across: Place, chart: Chart) -> list[str]:
    middle, bottom = (LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM
    parts = [text(middle, bottom + 40, f"{chart.along} (logarithmic)", "small", "middle")]
    return parts + [text(across(each), bottom + 20, number(each), anchor="middle") for each in values]


def lines(curves: Sequence[Curve], levels: Sequence[Level], along: str, across: Place, up: Place) -> list[str]:
    """The curves, and beside the end of each its name and last value."""
    parts: list[str] = []
    measured = {curve.label: points_of(curve, levels, along) for curve in curves}
    beside = apart({label: up(points[-1][1]) for label, points in measured.items()})
    for curve in curves:
        points, last = [(across(x), up(y)) for x, y in measured[curve.label]], measured[curve.label][-1][1]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path class="curve {curve.look}" d="M{path}"/>')
        dot = f'<circle class="curve {curve.look.split()[0]}" r="2"'
        parts += [f'{dot} cx="{x:.1f}" cy="{y:.1f}"/>' for x, y in points]
        end, label = WIDTH - RIGHT, beside[curve.label]
        parts.append(f'<path class="curve {curve.look}" d="M{end + 4} {points[-1][1]:.1f}L{end + 26} {label:.1f}"/>')
        parts.append(text(end + 31, label + 4, f"{curve.label}: {number(last)}"))
    return parts


def points_of(curve: Curve, levels: Sequence[Level], along: str) -> list[tuple[float, float]]:
    """What was measured of a curve."""
    measured = [(float(level[along]), curve.value(level)) for level in levels]
    return [(x, y) for x, y in measured if y is not None]


def apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Where the names go: near the given heights, and no two in one line. Names may rise above, none sinks."""
    placed: dict[str, float] = {}
    free_above = float(HEIGHT - BOTTOM)
    for name, height in sorted(heights.items(), key=lambda each: -each[1]):
        placed[name] = min(height, free_above)
        free_above = placed[name] - LINE_OF_TEXT
    return placed


def caption(figures: Mapping[str, Any]) -> list[str]:
    parts = (figures["measured_by"], figures["load"], figures["date"], figures.get("note"))
    machine, rest = figures["machine"], ", ".join(filter(None, parts))
    return [text(LEFT - 60, HEIGHT - 28, machine, "small"), text(LEFT - 60, HEIGHT - 12, rest, "small")]


def text(x: float, y: float, content: str, look: str = "", anchor: str = "start") -> str:
    named = f' class="{look}"' if look else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def number(value: float) -> str:
    """With thousands apart, and no more digits than help."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def of(name: str) -> Callable[[Level], float | None]:
    """A figure of a level."""
    return lambda level: level[name]


def of_process(name: str) -> Callable[[Level], float]:
    """The cores that a process uses while nothing happens."""
    return lambda level: float(level["idle_core_by_process"][name])


def p95_of(read: str) -> Callable[[Level], float]:
    """The 95th percentile of a read; those below the clock's resolution in the table count as one millisecond."""
    return lambda level: max(float(level["reads"][read.format(**_pages(level))]["p95_ms"]), 1)


def _pages(level: Level) -> Mapping[str, int]:
    last = int(level["executions"]) // 20
    return {"middle": last // 2, "last": last}


CHARTS = (
    Chart(
        "growth-idle",
        "CPU while nothing happens",
        "growth-with-tasks",
        "tasks",
        "cores",
        (
            Curve("all processes", "a", of("idle_core")),
            Curve("Prefect's server", "b", of_process("prefect")),
            Curve("facade", "c", of_process("facade")),
            Curve("embedded MongoDB", "d", of_process("mongo")),
            Curve("PostgreSQL", "e", of_process("postgres")),
        ),
    ),
    Chart(
        "growth-times",
        "What a request for an execution waits for",
        "growth-with-tasks",
        "tasks",
        "milliseconds",
        (
            Curve("answer, p95", "a p95", of("execute_p95_ms")),
            Curve("answer, p50", "a p50", of("execute_p50_ms")),
            Curve("work begun, p95", "b p95", of("start_p95_ms")),
            Curve("work begun, p50", "b p50", of("start_p50_ms")),
        ),
    ),
    Chart(
        "growth-start",
        "From the start of the facade until it is ready",
        "growth-with-tasks",
        "tasks",
        "seconds",
        (Curve("facade ready", "c", of("facade_start_seconds")),),
    ),
    Chart(
        "growth-history",
        "Lists of executions on MongoDB, p95",
        "growth-with-executions",
        "executions",
        "milliseconds (logarithmic)",
        (
            Curve("the newest", "a", p95_of("the newest")),
            Curve("of a task", "c", p95_of("of a task")),
            Curve("the newest that failed", "e", p95_of("the newest that failed")),
            Curve("middle, by `after`", "d", p95_of("behind page {middle}")),
            Curve("middle, by number", "b", p95_of("page {middle}")),
            Curve("last page, by number", "f", p95_of("page {last}")),
        ),
        is_logarithmic=True,
    ),
)


if __name__ == "__main__":
    main()
