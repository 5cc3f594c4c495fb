"""Passages that disagree, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.claims import Conflict, ConflictingPlace, ConflictKind

from tieback_client.control_characters import in_a_line
from tieback_client.shown.excerpts import Run

_KINDS = {
    ConflictKind.NUMBER: "another number",
    ConflictKind.DATE: "another date",
    ConflictKind.NAME: "another name",
    ConflictKind.NEGATION: "one says so, the other says not",
    ConflictKind.STATEMENT: "in other words",
}


@dataclass(frozen=True, slots=True)
class ShownConflict:
    """Two sentences of passages that disagree."""

    heading: str
    """That they disagree, and in what."""
    places: Sequence[tuple[str, Sequence[Run]]]
    """Of each the number of its passage, and the sentence; what it says differently is marked."""


def of_conflict(one: Conflict) -> ShownConflict:
    """A conflict for people."""
    places = [(place.evidence_id, _runs(place)) for place in (one.cited, one.other)]
    return ShownConflict(f"The sources disagree ({_KINDS[one.kind]}). Read both.", places)


def _runs(place: ConflictingPlace) -> list[Run]:
    whole = place.text.encode()
    begin, end = (byte - place.span[0] for byte in place.differs or (place.span[1], place.span[1]))
    parts = (whole[:begin], whole[begin:end], whole[end:])
    texts = [in_a_line(part.decode(errors="replace")) for part in parts]
    return [Run(text, is_marked=number == 1) for number, text in enumerate(texts) if text]
