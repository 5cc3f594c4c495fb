"""An explained search: the time of each step as a waterfall, what it left out, what it made of each hit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from tieback_contract.hits import StageScore
from tieback_contract.reports import DroppedSection, Stage, Timing

from tieback_client.cli.bars import milliseconds
from tieback_client.control_characters import in_a_line

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
            Text(bar(stage, timing.total), style=style),
            Text(milliseconds(stage.seconds)),
            Text(passed(stage), style="dim"),
            Text(remarks(stage), style="dim"),
        )
    return table


def bar(stage: Stage, total: float) -> str:
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
