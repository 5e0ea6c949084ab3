"""Draws docs/reference/world-cost.svg from the figures of `ci/benchmark -k cost`, with the standard library alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

__all__ = ["draw"]

CHECKOUT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 380, 70, 40, 150, 60
LOW, HIGH = 1e-4, 1e1
COLOURS = {"100": "#0072b2", "1000": "#d55e00"}


def draw(figures: list[dict[str, object]], machine: dict[str, object]) -> str:
    """The SVG: cost against loss, a line for each pulse rate, and real time as a line across."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for one in figures:
        name = str(one["name"])
        if name.startswith("world.cost.rate_"):
            rate, loss = name.removeprefix("world.cost.rate_").removesuffix("db").split("mhz.loss_")
            curves.setdefault(rate, []).append((float(loss), float(str(one["value"]))))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22">Seconds of one core for a second of the link ({machine["processor"]})</text>',
        *_grid(),
    ]
    for rate, points in sorted(curves.items()):
        path = " ".join(f"{_x(loss):.1f},{_y(cost):.1f}" for loss, cost in sorted(points))
        loss, cost = max(points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[rate]}" stroke-width="2"/>')
        parts.append(
            f'<text x="{_x(loss) + 6:.1f}" y="{_y(cost) + 4:.1f}" fill="{COLOURS[rate]}">{int(rate) / 1000:g} GHz</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _grid() -> list[str]:
    lines = []
    for decade in range(round(math.log10(LOW)), round(math.log10(HIGH)) + 1):
        y, strong = _y(10.0**decade), decade == 0
        lines.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{"black" if strong else "#ddd"}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>'
        )
    lines.append(f'<text x="{WIDTH - RIGHT + 6}" y="{_y(1.0) + 4:.1f}">real time</text>')
    lines += [
        f'<text x="{_x(loss):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{loss}</text>' for loss in range(10, 41, 5)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">dB from the transmitter to a click</text>')
    return lines


def _x(loss_db: float) -> float:
    return LEFT + (loss_db - 10.0) / 30.0 * (WIDTH - LEFT - RIGHT)


def _y(cost: float) -> float:
    share = math.log(min(max(cost, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


if __name__ == "__main__":
    read = [json.loads((CHECKOUT / ".hil" / name).read_text()) for name in ("benchmarks.json", "benchmarks-machine.json")]
    (CHECKOUT / "docs" / "reference" / "world-cost.svg").write_text(draw(*read), encoding="utf-8")
