"""The space that a collection is being moved to: it is searched too, where enough sections are there."""

from __future__ import annotations

import dataclasses

from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _decide(state: Searching) -> None:
    """Leaves the second vector out where it is of no use.

    That is where the collection is not on its way to that space any more, or too few sections are there.
    Documents, and queries that their first hits expand, are made of stored vectors: those of one space.
    """
    query, memory = state.query, state.memory
    following, second = memory.next, query.second
    if (
        following is None
        or second is None
        or following.space != second.space
        or (following.by_translation is None and not following.is_read(memory.section_count))
        or len(second.vector) != following.made.width
        or query.expansion is not None
        or state.by_documents
    ):
        state.query = dataclasses.replace(query, second=None)


STEP = Step(_decide, lambda state: state.query.second is not None)
