"""What an answer carries beside its text, as JSON: the object ``tieback`` that plain clients pass over.

`checked` is the answer as a checked text, docs/checked-text.md. Parts of a stream are events of the contract,
whose spans are bytes in the UTF-8 of the text that they are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieback_client import (
    Answer,
    Citation,
    Claim,
    Conflict,
    Repaired,
    RetrievedHit,
    Verdict,
)
from tieback_client.checked_text.document import source_of_hit
from tieback_client.jsonable import jsonable
from tieback_client.shown.answers import is_quoted

NAMES: dict[type, str] = {
    Claim: "claims",
    Citation: "citations",
    Verdict: "verdicts",
    Conflict: "conflicts",
    Repaired: "repaired",
}
"""Lists of the events of a kind in a part of a stream."""


def passages(hits: Sequence[RetrievedHit]) -> list[dict[str, Any]]:
    """What was found, by the ids that citations name."""
    return [source_of_hit(one, str(place)) for place, one in enumerate(hits, 1)]


def of_answer(answer: Answer) -> dict[str, Any]:
    """All of a whole answer."""
    return {
        "repaired": jsonable(answer.repaired),
        "abstention": jsonable(answer.abstention),
        "rewritten": answer.rewritten,
        "degraded": jsonable(answer.degraded),
        **at_end(answer),
    }


def at_end(answer: Answer) -> dict[str, Any]:
    """An answer at its end: as a checked text, and as people are told of it."""
    return {
        "checked": answer.document,
        "supported": supported(answer),
        "style": jsonable(answer.finish.style) if answer.finish is not None else None,
        "shown": jsonable(answer.shown),
    }


def supported(answer: Answer) -> bool | None:
    """Tell whether passages support all that was written; None for quotes, which are not checked."""
    return None if is_quoted(answer) else answer.supported


def content(answer: Answer) -> str:
    """Text for clients that show nothing else: the answer, what to read instead, or why there is none."""
    if answer.abstention is not None:
        return answer.text + withdrawal(answer)
    return answer.shown.instead or answer.text


def withdrawal(answer: Answer) -> str:
    """Why there is no answer, behind what was written."""
    told = answer.abstention.message if answer.abstention is not None else ""
    return f"\n\n{told}" if told and answer.text else told
