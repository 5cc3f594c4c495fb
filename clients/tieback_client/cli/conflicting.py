"""Passages that disagree, as `tieback ask` shows them."""

from __future__ import annotations

from rich.text import Text

from tieback_client.conflicts import Conflict, ConflictingPlace, ConflictKind
from tieback_client.control_characters import in_a_line


def conflicting(one: Conflict) -> Text:
    """Two passages that disagree, each by its name and what it says differently."""
    kind = "in other words" if one.kind is ConflictKind.STATEMENT else one.kind.value
    text = Text(f"\nThe sources disagree ({kind}):", style="bold yellow")
    for place in (one.cited, one.other):
        text.append(f"\n  [{place.evidence_id}] ", style="bold")
        before, said, after = _around(place)
        text.append(f"“{before}").append(said, style="bold yellow").append(f"{after}”")
    return text


def _around(place: ConflictingPlace) -> tuple[str, str, str]:
    """The sentence before, in and after what it says differently."""
    whole = place.text.encode()
    begin, end = (byte - place.span[0] for byte in place.differs or (place.span[1], place.span[1]))
    before, said, after = (
        in_a_line(part.decode(errors="replace")) for part in (whole[:begin], whole[begin:end], whole[end:])
    )
    return before, said, after
