"""Small bar charts of characters, also readable without colour."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text
from tieback_contract.reports import Timing

LINE = 92
ROWS, QUIET, NAME = 6, 0.05, 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STAGES = (
    ("█", "cyan"),
    ("▓", "magenta"),
    ("▒", "yellow"),
    ("░", "green"),
    ("▚", "blue"),
    ("▞", "red"),
    ("▬", "bright_cyan"),
    ("▪", "bright_magenta"),
)


def bar(fraction: float, width: int = 12) -> str:
    """A bar that fills so much of its width, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def weights(shares: Mapping[str, float]) -> Table:
    """The weights of spaces, one per line, the largest first; small ones beyond `ROWS` share a line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    rows = sorted(shares.items(), key=lambda pair: -pair[1])
    quiet = [share for _, share in rows[ROWS:] if share < QUIET]
    shown = rows[: len(rows) - len(quiet)] if len(quiet) > 1 else rows
    if len(shown) < len(rows):
        shown = [*shown, (f"{len(quiet)} others", sum(quiet))]
    for space, share in shown:
        name = space if len(space) <= NAME else f"{space[: NAME - 1]}…"
        table.add_row(
            Text(f"  {name}"), Text(bar(share), style="cyan"), Text(f"{share:.0%}", justify="right")
        )
    return table


def timing(spent: Timing, *, width: int = 48, seconds: float | None = None) -> Text:
    """The time of each stage: one bar with their proportions, and their names below.

    `seconds` is the time that the client measured, if it should be shown too.
    """
    stages = [(one.name, one.seconds) for one in spent.stages if not one.within] or [
        ("queue", spent.queue),
        ("prepare", spent.prepare),
        ("compute", spent.compute),
    ]
    stages = [(name, took) for name, took in _merged(stages).items() if took > 0]
    # Stages may run side by side, so that the parts are shares of their sum and not of the whole.
    total = sum(took for _, took in stages) or 1.0
    text = Text("  ")
    legend, used = Text(), LINE
    for number, (name, took) in enumerate(stages):
        glyph, colour = _STAGES[number % len(_STAGES)]
        text.append(glyph * max(1, round(took / total * width)), style=colour)
        entry = f" {name} {milliseconds(took)}"
        used += len(entry) + 4
        if used > LINE:
            used = len(entry) + 3
            legend.append("\n  ")
        else:
            legend.append("   ")
        legend.append(glyph, style=colour)
        legend.append(entry)
    text.append(f"  {milliseconds(spent.total)} at the server", style="dim")
    if seconds is not None:
        text.append(f", {milliseconds(seconds)} in all", style="dim")
    return text + legend


def milliseconds(seconds: float) -> str:
    """A time as people read it."""
    if seconds >= 10:
        return f"{seconds:.0f} s"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    thousandths = seconds * 1000
    return f"{thousandths:.0f} ms" if thousandths >= 10 else f"{thousandths:.1f} ms"


def _merged(stages: list[tuple[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for name, took in stages:
        merged[name] = merged.get(name, 0.0) + took
    return merged
