"""Curves over an axis, as inline SVG: a few of one measure, with their scale and levels to compare them with.

Nothing in a picture loads anything. It keeps its shape and takes the width that there is, up to that of the
page's style; its letters are large enough on a phone. Every text is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from tieback.reports.pictures import figure

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 20, 12, 38
TICKS = 5
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST_SPAN = 0.02
"""Of the measure: a picture of less would make waves of nothing."""


def lines(
    title: str,
    across: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    axis: str,
    marks: Mapping[str, float],
) -> str:
    """Curves over values from 0 to 1, which are written in percent, and levels that they are compared with.

    The first curve is drawn strong, the others broken. Their names are in the legend below; a mark without a
    name has that of the one before it.
    """
    every = [*marks.values(), *(value for curve in curves.values() for value in curve)]
    if not every or len(across) < 2:
        return ""
    low, high, step = _scale(min(every), max(every))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    drawn = []
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        drawn.append(f'<path class="axis" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        drawn.append(_text(LEFT - 6, y(value), figure(value, _digits(step)), "end", ".35em"))
    drawn += [_text(x(one), HEIGHT - BOTTOM + 15, f"{one:.0%}", "middle") for one in QUARTERS]
    drawn.append(_text(x(0.5), HEIGHT - 5, axis, "middle"))
    drawn += [f'<path class="mark" d="M{LEFT} {y(one):.1f}H{WIDTH - RIGHT}"/>' for one in marks.values()]
    for place, curve in enumerate(curves.values()):
        points = " ".join(
            f"{x(share):.1f},{y(value):.1f}" for share, value in zip(across, curve, strict=True)
        )
        drawn.append(f'<polyline class="{"first" if place == 0 else "other"}" points="{points}"/>')
    legend = "".join(
        f'<span><svg width="26" height="10" viewBox="0 0 26 10" aria-hidden="true"><path class="{kind}" '
        f'd="M0 5H26"/></svg>{escape(name)}</span>'
        for names, kinds in ((curves, ("first", "other")), (marks, ("mark", "mark")))
        for name, kind in zip(names, (kinds[0], *[kinds[1]] * len(names)), strict=False)
        if name
    )
    said = "; ".join(
        f"{name} from {figure(curve[0], 3)} to {figure(curve[-1], 3)}" for name, curve in curves.items()
    )
    return (
        f'<figure class="chart"><svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{escape(f'{title}: {said}')}</title>{''.join(drawn)}</svg>"
        f'<p class="legend">{legend}</p></figure>'
    )


def _text(x: float, y: float, said: str, anchor: str, down: str = "0") -> str:
    return (
        f'<text class="name" x="{x:.1f}" y="{y:.1f}" dy="{down}" text-anchor="{anchor}">{escape(said)}</text>'
    )


def _scale(least: float, most: float) -> tuple[float, float, float]:
    """Ends and step of a scale of round numbers that holds both."""
    if most - least < LEAST_SPAN:
        middle = (least + most) / 2
        least, most = middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2
    rough = (most - least) / TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return step * math.floor(least / step + 1e-9), step * math.ceil(most / step - 1e-9), step


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
