"""Text that people are told of an answer, in a terminal: colours for what `tieback_client.shown` says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from tieback_client.cli.query.search import indented
from tieback_client.shown import Run, ShownAnswer, ShownAs, ShownConflict, ShownPassage, ShownRepair
from tieback_client.shown.answers import behind, told

DIFFERS = "yellow"
TONES = {"good": "green", "bad": "bold red", "open": "yellow", "none": "dim", "quote": "dim"}


def answered(shown: ShownAnswer) -> Text:
    """The heading, the text with its marks, what to do with it, and what was withdrawn."""
    style = "bold yellow" if shown.kind is ShownAs.NOTHING or shown.level else "bold"
    text = Text("".join(f"{one}\n" for one in shown.notices), style="yellow")
    text.append(shown.heading, style=style)
    for part in shown.parts:
        if part.claim is None:
            text.append(part.text)
        else:
            end = behind(part.claim)
            words = underlined(part.claim.runs) if part.claim.runs else told(part.claim).removesuffix(end)
            text.append(words).append(end, style=TONES[part.claim.tone])
    text = text[: len(text.plain.rstrip())]
    if shown.note:
        text.append(f"\n{shown.note}", style="dim")
    for one in shown.differences:
        text.append(f"\n{one}", style=DIFFERS)
    if shown.withdrawn:
        text.append(f"\n\n{shown.withdrawn_heading} {shown.withdrawn}", style="dim")
    return text


def listed(shown: ShownAnswer, facts: dict[str, str], *, width: int) -> list[Text]:
    """The passages under their heading. `facts` has more to tell of some, by their numbers."""
    heading = Text(f"\n{shown.passages_heading}".rstrip(), style="dim")
    lines = [passage(one, facts.get(one.id, ""), width=width) for one in shown.passages]
    return [heading, *lines] if lines else []


def passage(one: ShownPassage, facts: str = "", *, width: int) -> Text:
    """A passage with what is cited in bold, and between » and «."""
    head = Text.assemble((f"[{one.id}] ", "bold"), (one.title, "bold"), (f"  {one.kind}".rstrip(), "magenta"))
    parts = [head]
    if one.section:
        parts.append(indented(Text(one.section, style="cyan"), width=width))
    if one.runs:
        parts.append(indented(marked(one.runs), width=width))
    place = "   ".join(filter(None, (one.place, facts)))
    if place:
        parts.append(indented(Text(place, style="dim"), width=width))
    return Text("\n").join(parts)


def marked(runs: Iterable[Run]) -> Text:
    """A text with its marked parts in bold, and between » and «."""
    text = Text()
    for run in runs:
        if run.is_marked:
            text.append(f"»{run.text.strip()}«", style="bold yellow")
        else:
            text.append(run.text)
    return text


def underlined(runs: Iterable[Run]) -> Text:
    """A claim with the words underlined that the passages do not have or say otherwise."""
    return Text.assemble(*((run.text, "underline bold" if run.is_marked else "") for run in runs))


def conflict(one: ShownConflict) -> Text:
    """Two passages that disagree, each by its number and what it says differently."""
    text = Text(f"\n{one.heading}", style="bold yellow")
    for name, runs in one.places:
        text.append(f"\n  [{name}] ", style="bold").append("“")
        for run in runs:
            text.append(run.text, style="bold yellow" if run.is_marked else "")
        text.append("”")
    return text


def repaired(repairs: Sequence[ShownRepair]) -> list[Text]:
    """Claims that were written and are not in the answer, each with its mark."""
    lines = []
    for one in repairs:
        line = Text(f"{one.heading} ", style="dim")
        line.append(one.claim.text, style="dim strike")
        line.append(f" {one.claim.sign}", style=TONES[one.claim.tone])
        lines.append(line.append(f" → {one.instead}" if one.instead else "", style="dim"))
    return [Text(), *lines] if lines else []


def legend(lines: Sequence[str]) -> list[Text]:
    """Lines that say what the marks mean."""
    return [Text("\n" + "\n".join(lines), style="dim")] if lines else []
