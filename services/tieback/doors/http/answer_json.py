"""What an answer carries beside its text, as JSON: the object ``tieback`` that plain clients pass over.

Spans are bytes in the UTF-8 of the text that they are of, as in the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieback_client import (
    Answer,
    Citation,
    Claim,
    Conflict,
    Evidence,
    Repaired,
    RetrievedHit,
    Verdict,
)
from tieback_client.jsonable import jsonable
from tieback_client.shown.answers import is_quoted

NAMES: dict[type, str] = {
    Claim: "claims",
    Citation: "citations",
    Verdict: "verdicts",
    Conflict: "conflicts",
    Repaired: "repaired",
}
"""Where events of a kind are listed."""


def passages(hits: Sequence[RetrievedHit]) -> list[dict[str, Any]]:
    """What was found, by the ids that citations name."""
    return [passage(one, str(place)) for place, one in enumerate(hits, 1)]


def passage(found: RetrievedHit, name: str) -> dict[str, Any]:
    """One hit."""
    hit = found.hit
    return {
        "id": name,
        "item_id": hit.item_id,
        "section_id": hit.section_id,
        "title": hit.item_title,
        "section_title": hit.section_title,
        "modality": jsonable(hit.modality),
        "text": hit.text,
        "uri": hit.uri,
        "span": jsonable(hit.span),
        "region": jsonable(hit.region),
        "metadata": jsonable(hit.metadata),
        "score": jsonable(hit.score),
        "relevance": jsonable(found.relevance),
        "below_floor": found.below_floor,
        "also_in": [one.item_id for one in hit.also_in],
    }


def given(one: Evidence) -> dict[str, Any]:
    """A passage that a check was given, or found."""
    return {
        "id": one.id,
        "item_id": one.item_id,
        "section_id": one.section_id,
        "title": one.title,
        "text": one.text,
        "uri": one.uri,
    }


def of_answer(answer: Answer) -> dict[str, Any]:
    """All of a whole answer."""
    return {
        "evidence": passages(answer.retrieval.hits) if answer.retrieval is not None else [],
        "claims": jsonable(answer.claims),
        "citations": jsonable(answer.citations),
        "verdicts": jsonable(list(answer.verdicts.values())),
        "conflicts": jsonable(answer.conflicts),
        "repaired": jsonable(answer.repaired),
        "abstention": jsonable(answer.abstention),
        "rewritten": answer.rewritten,
        "degraded": jsonable(answer.degraded),
        "supported": supported(answer),
        "style": jsonable(answer.finish.style) if answer.finish is not None else None,
        "shown": jsonable(answer.shown),
    }


def supported(answer: Answer) -> bool | None:
    """Tell whether passages support all that was written; None for quotes, which are not checked."""
    return None if is_quoted(answer) else answer.supported


def beside(answer: Answer) -> str:
    """Text to add where a client shows the answer's text alone: why there is no answer, or where to read."""
    told = answer.shown.plain_note if answer.abstention is None else answer.abstention.message
    return f"\n\n{told}" if told and answer.text else told
