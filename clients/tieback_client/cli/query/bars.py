"""Small bar charts of characters, also readable without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text
from tieback_contract.hits import Mixture, StageScore
from tieback_contract.reports import DroppedSection, Stage, Timing

from tieback_client.control_characters import in_a_line

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


def between_spaces(mixture: Mixture | None) -> list[Any]:
    """One line of a collection that is between two spaces; none of another."""
    if mixture is None:
        return []
    read = {"old": mixture.old, "new": mixture.new, "translated": mixture.translated}
    counted = ", ".join(f"{count} {name}" for name, count in read.items() if count) or "none by its vector"
    told = f"Between two spaces, {mixture.done:.0%} upgraded. Hits read: {counted}."
    if mixture.translated:
        told += f" Trust {mixture.trust:.2f}."
    return [Text(told, style="yellow" if mixture.translated else "dim")]


WIDTH = 26
_STYLES = {
    "encode": "magenta",
    "fuse": "blue",
    "search": "cyan",
    "vector_search": "cyan",
    "word_search": "yellow",
    "merge": "green",
    "rerank": "red",
}


def waterfall(timing: Timing) -> Table:
    """A row for each step: when it ran and how long, the sections it was given and gave on, what it left out.

    Parts of a step stand below it.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, width=WIDTH)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for stage in timing.stages:
        style = style_of(stage.name)
        table.add_row(
            Text(("    " if stage.within else "  ") + in_a_line(stage.name), style=style),
            Text(bar_between(stage, timing.total), style=style),
            Text(milliseconds(stage.seconds)),
            Text(passed(stage), style="dim"),
            Text(remarks(stage), style="dim"),
        )
    return table


def bar_between(stage: Stage, total: float) -> str:
    """A bar from where in the whole call the step began to where it ended, of at least one character."""
    scale = WIDTH / total if total > 0 else 0.0
    begin = min(int(stage.begin * scale), WIDTH - 1)
    end = max(min(round((stage.begin + stage.seconds) * scale), WIDTH), begin + 1)
    return " " * begin + "█" * (end - begin)


def passed(stage: Stage) -> str:
    """The numbers of sections that a step was given and gave on."""
    if not stage.candidates_in:
        return ""
    return f"{stage.candidates_in:,} → {stage.candidates_out:,}"


def remarks(stage: Stage) -> str:
    """What a step waited, what found its candidates, and the sections that it left out."""
    waited = [f"{milliseconds(stage.queue)} waiting"] if stage.queue >= 0.0001 else []
    found = [] if stage.structure in ("", "none") else [f"by {in_a_line(stage.structure)}"]
    return ", ".join([*waited, *found, *(f"{one.count:,} {in_a_line(one.reason)}" for one in stage.dropped)])


def left_out(timing: Timing) -> Text:
    """The best sections that each step left out, a line for each reason."""
    lines = [
        Text(in_a_line(f"  {stage.name}, {dropped.reason}: ") + ", ".join(map(_named, dropped.best)), "dim")
        for stage in timing.stages
        for dropped in stage.dropped
        if dropped.best
    ]
    return Text("\n").join(lines)


def _named(section: DroppedSection) -> str:
    return in_a_line(f"{section.item_id} § {section.section_id} ({section.score:.3f})")


def steps_of(scores: Sequence[StageScore]) -> Text:
    """What the steps made of a hit: score, in brackets the score as it was used, place, why it was kept."""
    text = Text()
    for number, one in enumerate(scores):
        text.append("  ·  " if number else "", style="dim")
        text.append(in_a_line(one.stage), style=style_of(one.stage))
        if one.score is not None:
            text.append(f" {one.score:.3f}")
        if one.normalised is not None:
            text.append(f" ({one.normalised:.3f})")
        place = "" if one.score is None else f" #{one.rank + 1}"
        text.append(f"{place} {in_a_line(one.kept)}".rstrip(), style="dim")
    return text


def style_of(name: str) -> str:
    """The colour of a step."""
    return _STYLES.get(name.removeprefix("expanded_").partition(":")[0], "")
