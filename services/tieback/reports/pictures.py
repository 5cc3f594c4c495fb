"""Heat maps, bars, ranges and lines as inline SVG.

Nothing in a picture loads anything. Lengths are in units of the picture's own viewBox; a heat map keeps its
size and the page scrolls it, since shrunk numbers are not read. Every text is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from tieback.reports.style import ink_on, shade

Number = float | None

CELL_WIDTH, CELL_HEIGHT, GAP = 50, 34, 2
LETTER, LINE = 6.1, 13  # units that a letter takes, about, and a line
LONGEST_LINE = 13  # letters of a name that stand on one line; longer ones are broken in two
SLANT = 55  # degrees that column names are turned by


def heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[Number]],
    *,
    low: float = 0.0,
    high: float = 1.0,
    texts: Sequence[Sequence[str]] | None = None,
    meaning: str = "{row}, {column}: {text}",
) -> str:
    """Cells coloured from `low` to `high`; a value of None is an empty cell.

    `texts` are what stands in the cells, else the values with two digits. `meaning` is what a cell says of
    itself when it is pointed at, or read aloud.
    """
    left = LETTER * _longest(rows) + 16
    longest = LETTER * _longest(columns)
    turn = math.radians(SLANT)
    top = longest * math.sin(turn) + 20
    right = max(0.0, longest * math.cos(turn) - CELL_WIDTH / 2 + LINE)
    width, height = left + CELL_WIDTH * len(columns) + right, top + CELL_HEIGHT * len(rows)
    parts = [
        f'<g transform="translate({left + CELL_WIDTH * (place + 0.5):.1f} {top - 8:.1f}) rotate(-{SLANT})">'
        f"{_name(name, 0, 0, 'start')}</g>"
        for place, name in enumerate(columns)
    ]
    for line, (name, cells) in enumerate(zip(rows, values, strict=True)):
        y = top + CELL_HEIGHT * line
        parts.append(_name(name, left - 8, y + CELL_HEIGHT / 2, "end"))
        for place, (column, value) in enumerate(zip(columns, cells, strict=True)):
            text = texts[line][place] if texts else figure(value, 2)
            said = meaning.format(row=name, column=column, text=text if known(value) else "not measured")
            parts.append(_cell(left + CELL_WIDTH * place, y, value, text, said, low, high))
    return (
        f'<svg class="map" role="img" aria-label="{escape(title)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">{"".join(parts)}</svg>'
    )


def _longest(names: Sequence[str]) -> int:
    return max((len(line) for name in names for line in broken(name)), default=0)


def broken(name: str) -> list[str]:
    """A long name on two lines, as equal as its hyphens and blanks allow."""
    ends = [place + 1 for place, letter in enumerate(name[:-1]) if letter in "-_ "]
    if len(name) <= LONGEST_LINE or not ends:
        return [name]
    end = min(ends, key=lambda place: max(place, len(name) - place))
    return [name[:end].rstrip(), name[end:]]


def _name(name: str, x: float, y: float, anchor: str) -> str:
    lines = broken(name)
    first = y - LINE / 2 * (len(lines) - 1)
    return "".join(
        f'<text class="name" x="{x:.1f}" y="{first + LINE * place:.1f}" dy=".35em" '
        f'text-anchor="{anchor}">{escape(line)}</text>'
        for place, line in enumerate(lines)
    )


def _cell(x: float, y: float, value: Number, text: str, said: str, low: float, high: float) -> str:
    at = f'x="{x + GAP / 2:.1f}" y="{y + GAP / 2:.1f}"'
    box = f'{at} width="{CELL_WIDTH - GAP}" height="{CELL_HEIGHT - GAP}" rx="3"'
    middle = f'x="{x + CELL_WIDTH / 2:.1f}" y="{y + CELL_HEIGHT / 2:.1f}" dy=".35em" text-anchor="middle"'
    if value is None or not math.isfinite(value):
        drawn = f'<rect class="empty" {box}/><text class="none" {middle}>–</text>'
    else:
        colour = shade((value - low) / (high - low) if high > low else 1.0)
        drawn = f'<rect {box} fill="{colour}"/><text {middle} fill="{ink_on(colour)}">{escape(text)}</text>'
    return f"<g><title>{escape(said)}</title>{drawn}</g>"


def legend(low: float, high: float) -> str:
    """The scale with its ends, for beside a heat map."""
    steps = "".join(
        f'<rect x="{12 * step}" width="12.5" height="10" fill="{shade(step / 10)}"/>' for step in range(11)
    )
    scale = (
        f'<svg class="scale" width="132" height="10" viewBox="0 0 132 10" aria-hidden="true">{steps}</svg>'
    )
    return f'<p class="legend"><span>{figure(low, 2)}</span>{scale}<span>{figure(high, 2)}</span></p>'


def bar(
    value: float, *, top: float, low: Number = None, high: Number = None, mark: Number = None, kind: str = ""
) -> str:
    """A bar from 0 to `value` of `top`, its interval as a whisker, and a dashed line at `mark`.

    It is stretched to whatever place the page gives it.
    """
    drawn = [f'<rect class="bar {escape(kind)}" y="3" width="{_place(value, top):.2f}" height="10"/>']
    if low is not None and high is not None and known(low) and known(high):
        begin, end = _place(low, top), _place(high, top)
        drawn.append(f'<path class="whisker" d="M{begin:.2f} 8H{end:.2f}M{begin:.2f} 4v8M{end:.2f} 4v8"/>')
    if mark is not None and known(mark):
        drawn.append(f'<path class="mark" d="M{_place(mark, top):.2f} 0V16"/>')
    return _stretched(drawn)


def span(low: float, high: float, mean: Number, *, top: float) -> str:
    """A range on a line from 0 to `top`, with a tick at its mean."""
    begin, end = _place(low, top), _place(high, top)
    drawn = [
        '<path class="axis" d="M0 8H100"/>',
        f'<rect class="bar" x="{begin:.2f}" y="3" width="{max(end - begin, 0.4):.2f}" height="10"/>',
    ]
    if mean is not None and known(mean):
        drawn.append(f'<path class="whisker" d="M{_place(mean, top):.2f} 0V16"/>')
    return _stretched(drawn)


def _stretched(drawn: Sequence[str]) -> str:
    return (
        '<svg class="stretched" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )


def _place(value: float, top: float) -> float:
    return 100 * min(max(value / top, 0.0), 1.0) if top > 0 else 0.0


def known(value: Number) -> bool:
    """Whether there is a number."""
    return value is not None and math.isfinite(value)


def figure(value: Number, digits: int) -> str:
    """A number as the page writes it: a true minus, none before zero, and a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    said = f"{value:.{digits}f}"
    return said.removeprefix("-") if not float(said) else said.replace("-", "−")


# Curves over an axis, as inline SVG: a few of one measure, with their scale and levels to compare them
# with.
#
# Nothing in a picture loads anything. It keeps its shape and takes the width that there is, up to that of
# the page's style; its letters are large enough on a phone. Every text is escaped here.
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
