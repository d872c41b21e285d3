"""Plots lines over logarithmic axes as SVG, without a plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 34, 44
COLOURS = (
    "#332288", "#117733", "#44aa99", "#88ccee", "#ddcc77", "#cc6677", "#aa4499", "#882255", "#666666",
)  # fmt: skip
"""Colours of Paul Tol's muted scheme, which colour-blind readers can tell apart."""
_LEAST_GAP = 14
"""Minimum pixels between two labels."""

Line = Sequence[tuple[float, float]]


def log_log(title: str, x_label: str, y_label: str, lines: Mapping[str, Line]) -> str:
    """Return the plot; every line has its name at its end.

    Args:
        title: title of the plot.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        lines: name -> points, both coordinates above 0.
    """
    points = [point for line in lines.values() for point in line]
    spans = [_decades([point[axis] for point in points]) for axis in (0, 1)]

    def at(point: tuple[float, float]) -> tuple[float, float]:
        (x0, x1), (y0, y1) = spans
        right = (log10(point[0]) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        up = (log10(point[1]) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)
        return LEFT + right, HEIGHT - BOTTOM - up

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x_label)}</text>",
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">'
        f"{escape(y_label)}</text>",
    ]
    for decade in range(spans[0][0], spans[0][1] + 1):
        x, bottom = at((10.0**decade, 10.0 ** spans[1][0]))
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{_tick(decade)}</text>')
    for decade in range(spans[1][0], spans[1][1] + 1):
        x, y = at((10.0 ** spans[0][0], 10.0**decade))
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{_tick(decade)}</text>')
    drawn = [(name, [at(point) for point in line]) for name, line in lines.items() if line]
    labels = _spread([line[-1][1] for _, line in drawn])
    for number, ((name, line), label) in enumerate(zip(drawn, labels, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in line)
        parts.append(
            f'<path d="M{line[-1][0]:.1f} {line[-1][1]:.1f}L{WIDTH - RIGHT + 10} {label:.1f}" '
            f'stroke="{colour}" stroke-width="0.5"/>'
        )
        parts.append(
            f'<text x="{WIDTH - RIGHT + 14}" y="{label + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _decades(numbers: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(numbers))), ceil(log10(max(numbers)))
    return low, max(high, low + 1)


def _tick(decade: int) -> str:
    return f"{10**decade:,}" if decade >= 0 else f"{10.0**decade:g}"


def _spread(heights: Sequence[float]) -> list[float]:
    """Move heights downwards so that labels do not cover each other."""
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    found = list(heights)
    for above, below in pairwise(order):
        found[below] = max(found[below], found[above] + _LEAST_GAP)
    return found
