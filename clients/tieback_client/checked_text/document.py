"""A checked text or an answer as JSON, in the form of schema.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from tieback_contract.claims import Citation, Claim, Conflict, ConflictingPlace, Verdict, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.hits import RetrievedHit

from tieback_client.checked_text import FORM
from tieback_client.jsonable import jsonable
from tieback_client.shown.answers import is_quoted, passages_of
from tieback_client.values.events import Answer, Checked, CheckedText, supported_share

QUOTED = "quoted"
"""The label of a claim that is the words of a source, which no model wrote."""


class _Text:
    """A text that spans are of."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        found = np.frombuffer(self._bytes, np.uint8)
        self._begins = np.flatnonzero((found & 0xC0) != 0x80)
        """The first byte of each character."""

    def span(self, span: tuple[int, int]) -> dict[str, Any]:
        """A span of bytes, and the same in characters."""
        return {"bytes": list(span), "characters": np.searchsorted(self._begins, span).tolist()}

    def words(self, span: tuple[int, int]) -> str:
        return self._bytes[slice(*span)].decode(errors="replace")


def document(checked: CheckedText) -> dict[str, Any]:
    """A checked text as JSON. Spans of sources that are not known have no characters and no words."""
    sources = list(_sources(checked))
    texts = {one["id"]: _Text(one["text"]) for one in sources}
    text = _Text(checked.text)
    quoted = isinstance(checked, Answer) and is_quoted(checked)
    return {
        "schema": FORM,
        "text": checked.text,
        "supported_share": None if quoted else supported_share(checked.verdicts.values()),
        "claims": [
            {
                "id": claim.id,
                "text": claim.text,
                "span": text.span(claim.span),
                "verdict": _verdict(checked.verdicts.get(claim.id), text, texts, quoted=quoted),
                "citations": [_citation(one, texts) for one in checked.citations_of(claim)],
                "nearest": _nearest(checked, claim, texts),
            }
            for claim in checked.claims
        ],
        "sources": sources,
        "conflicts": [_conflict(one, texts) for one in checked.conflicts],
    }


def source_of_hit(found: RetrievedHit, name: str) -> dict[str, Any]:
    """A passage that was found, by the name that citations have of it."""
    hit = found.hit
    return {
        "id": name,
        "item_id": hit.item_id,
        "section_id": hit.section_id,
        "title": hit.item_title or hit.section_title,
        "uri": hit.uri,
        "modality": jsonable(hit.modality) or "text",
        "text": hit.text,
        "section_title": hit.section_title,
        "span": jsonable(hit.span),
        "region": jsonable(hit.region),
        "metadata": jsonable(hit.metadata),
        "score": jsonable(hit.score),
        "relevance": jsonable(found.relevance),
        "below_floor": found.below_floor,
        "also_in": [one.item_id for one in hit.also_in],
    }


def _sources(checked: CheckedText) -> Iterable[dict[str, Any]]:
    if isinstance(checked, Checked):
        yield from map(_given, checked.evidence)
    elif isinstance(checked, Answer):
        yield from (source_of_hit(one, name) for name, one in passages_of(checked).items())


def _given(one: Evidence) -> dict[str, Any]:
    return {
        "id": one.id,
        "item_id": one.item_id,
        "section_id": one.section_id,
        "title": one.title,
        "uri": one.uri,
        "modality": one.modality.value,
        "text": one.text,
    }


def _verdict(
    verdict: Verdict | None, text: _Text, sources: Mapping[str, _Text], *, quoted: bool
) -> dict[str, Any] | None:
    if verdict is None:
        return None
    decides = not quoted and verdict.label is not VerdictLabel.NOT_CHECKED
    return {
        "label": QUOTED if quoted else verdict.label.value,
        "score": jsonable(verdict.score) if decides else None,
        "reason": jsonable(verdict.reason),
        "answers_question": jsonable(verdict.answers_question),
        "disagreement": jsonable(verdict.disagreement),
        "marked": [{"span": text.span(one), "text": text.words(one)} for one in verdict.marked],
        "compared": None if verdict.compared is None else _place(verdict.compared, sources),
        "checker": {"name": verdict.checker, "revision": verdict.checker_revision},
    }


def _nearest(checked: CheckedText, claim: Claim, sources: Mapping[str, _Text]) -> dict[str, Any] | None:
    verdict = checked.verdicts.get(claim.id)
    return None if verdict is None or verdict.nearest is None else _citation(verdict.nearest, sources)


def _citation(one: Citation, sources: Mapping[str, _Text]) -> dict[str, Any]:
    return {
        "source_id": one.evidence_id,
        "item_id": one.item_id,
        "section_id": one.section_id,
        "span": None if one.span is None else _span(one.evidence_id, one.span, sources),
        "quote": _words(one.evidence_id, one.span, sources),
        "support": jsonable(one.support),
        "region": jsonable(one.region),
        "time": jsonable(one.time),
    }


def _conflict(one: Conflict, sources: Mapping[str, _Text]) -> dict[str, Any]:
    return {
        "claim_id": one.claim_id,
        "kind": one.kind.value,
        "cited": _place(one.cited, sources),
        "other": _place(one.other, sources),
    }


def _place(one: ConflictingPlace, sources: Mapping[str, _Text]) -> dict[str, Any]:
    differs = None
    if one.differs is not None:
        differs = {"span": _span(one.evidence_id, one.differs, sources), "text": one.said}
    return {
        "source_id": one.evidence_id,
        "item_id": one.item_id,
        "section_id": one.section_id,
        "span": _span(one.evidence_id, one.span, sources),
        "quote": one.text,
        "differs": differs,
    }


def _span(name: str, span: tuple[int, int], sources: Mapping[str, _Text]) -> dict[str, Any]:
    source = sources.get(name)
    return {"bytes": list(span), "characters": None} if source is None else source.span(span)


def _words(name: str, span: tuple[int, int] | None, sources: Mapping[str, _Text]) -> str:
    source = sources.get(name)
    return "" if source is None or span is None else source.words(span)
