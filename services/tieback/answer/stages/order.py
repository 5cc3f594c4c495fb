"""The order of the hits: the search's, or that of the search and a reranker together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.hits import Hit

from tieback.answer.documents import ranked_documents
from tieback.answer.ranked import ranked
from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step


async def _order(state: Retrieving) -> None:
    hits = shown(state.found.hits)
    order = ranked_documents if state.by_documents else ranked
    state.ordered = order(hits, state.reranked, state.most_ordered)


STEP = Step(_order, lambda state: state.ordered is None)


def shown(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without vectors, which the caller did not ask for."""
    return [
        dataclasses.replace(hit, multi_vector=None, sections=shown(hit.sections))
        if hit.multi_vector is not None or hit.sections
        else hit
        for hit in hits
    ]
