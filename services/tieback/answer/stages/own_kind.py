"""A search by a photo alone, or by sounds alone, gives photos or sounds of that kind first.

What is of that kind is what is related to the query (`relevance.py`). Modalities are not balanced for it:
a photo that stands out among the few of a collection, or a text among many, can be unrelated all the same
(docs/decisions/0003).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.modality import Modality

from tieback.answer.relevance import similarity_of
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.core.types.fusion import JOINT_SPACE
from tieback.core.types.retrieval import QueryPart


async def _find(state: Retrieving) -> None:
    """Finds the modality that comes first, where there is one.

    There is one for a query of one modality that is not words, in a collection in the joint space, unless the
    query says how modalities are compared, or asks for documents.
    """
    own = _modality_of(state.request.query)
    asked = state.request.options.balance_modalities is not None or state.plan.options.hybrid
    if own is not None and not asked and state.space == JOINT_SPACE and not state.by_documents:
        state.plan = dataclasses.replace(state.plan, first_modality=own)


STEP = Step(_find, lambda state: state.fused is not None)


def related_from(state: Retrieving) -> float | None:
    """The similarity from which on a hit without words is not marked as unrelated; None where none is."""
    is_used = state.plan.first_modality is not None or state.plan.options.balance_modalities
    return similarity_of(state.plan.relevance_floor) if is_used and state.space == JOINT_SPACE else None


def _modality_of(query: Sequence[QueryPart]) -> Modality | None:
    modalities = {part.content.modality for part in query if part.weight > 0}
    return modalities.pop() if len(modalities) == 1 and Modality.TEXT not in modalities else None
