"""A passage as it is shown: what it is called, where it is, and its text with sentences marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tieback_contract.claims import Citation
from tieback_contract.generation import Evidence
from tieback_contract.hits import Hit

from tieback_client.control_characters import in_a_line
from tieback_client.shown.excerpts import Run, marked, shown_from
from tieback_client.shown.places import MODALITIES, cited_uri, entry_uri, mark_of, media_place, section_of


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage for people."""

    id: str
    """Its number, as the answer and its citations have it."""
    title: str
    """The title of its item, or the item's id."""
    kind: str
    """Its kind: "text", "photo, upper left", "sound"."""
    section: str
    """Its section and heading; empty where they add nothing."""
    place: str
    """Its place: file and line, the part of a photo, the time of a sound."""
    runs: Sequence[Run]
    """Its text, in parts: the cited sentences are marked."""
    item_id: str
    """Its item."""
    section_id: str
    """The section within the item."""

    def __str__(self) -> str:
        """Its number and title, its text and its place, each in a line of its own."""
        return "\n    ".join(filter(None, (f"[{self.id}] {self.title}".rstrip(), self.text, self.place)))

    @property
    def text(self) -> str:
        """Its text with » and « around what is marked."""
        return "".join(f"»{run.text.strip()}«" if run.is_marked else run.text for run in self.runs)


def of_hit(name: str, hit: Hit, citations: Sequence[Citation], question: str) -> ShownPassage:
    """Passage that was found, with what is cited of it."""
    return ShownPassage(
        name,
        in_a_line(hit.item_title or hit.item_id),
        mark_of(hit),
        in_a_line(section_of(hit)),
        _place(hit.uri, hit.text, citations, question),
        marked(hit.text, _spans(citations), question),
        hit.item_id,
        hit.section_id,
    )


def of_evidence(one: Evidence, citations: Sequence[Citation], claim: str) -> ShownPassage:
    """A passage that a check was given, or found."""
    return ShownPassage(
        one.id,
        in_a_line(one.title or one.item_id),
        MODALITIES.get(one.modality, ""),
        "",
        _place(one.uri or one.item_id, one.text, citations, claim),
        marked(one.text, _spans(citations), claim),
        one.item_id,
        one.section_id,
    )


def of_quote(one: Citation, quote: str) -> ShownPassage:
    """A quote whose passage is not known here, as it was given with the question. Empty: its place alone."""
    place = media_place(one.region, one.time)
    runs = [Run(quote, is_marked=True)] if quote else []
    return ShownPassage(
        one.evidence_id, in_a_line(one.item_id), "", "", place, runs, one.item_id, one.section_id
    )


def _spans(citations: Iterable[Citation]) -> list[tuple[int, int]]:
    return [one.span for one in citations if one.span is not None]


def _place(uri: str, text: str, citations: Sequence[Citation], question: str) -> str:
    first = citations[0] if citations else None
    where = media_place(first.region, first.time) if first is not None else ""
    span = first.span if first is not None else None
    place = cited_uri(uri, text, span)
    if span is None:
        place = entry_uri(uri, text, shown_from(text, question.split()))
    return in_a_line(" ".join(filter(None, (where, place))))
