"""Sentences of the hits that have words of the query."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.hits import Hit
from tieback_contract.modality import Modality

from tieback.collections.highlights import best_sentences
from tieback.collections.query import Query
from tieback.collections.words import QueryWords
from tieback.filters import Check
from tieback.index.memory.collection import Memory
from tieback.index.query.recorder import HIGHLIGHTS
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _choose(state: Searching) -> None:
    state.hits = with_highlights(state.memory, state.query, state.hits, state.positions, state.check)
    if state.recorder is not None:
        state.recorder.passed(HIGHLIGHTS, len(state.hits), len(state.hits))


# The sentences of hits that have words of the query. Runs under the lock for reading.
#
# A sentence counts by the share of the query's content words that it has, each by its rarity in the
# collection, in the form that the language of its section gives it.
def with_highlights(
    memory: Memory, query: Query, hits: Sequence[Hit], positions: Sequence[int], check: Check
) -> list[Hit]:
    """The hits of those positions; of texts with as many sentences as the query wants, best first."""
    words = QueryWords(memory.words, query.text)
    found = []
    for hit, position in zip(hits, positions, strict=True):
        check("the highlights of the hits")
        if hit.modality is Modality.TEXT:
            language = memory.words.language_at(position)
            best = best_sentences(hit.text, language, words.share, query.options.highlights or 0)
            hit = dataclasses.replace(hit, highlights=best)
        found.append(hit)
    return found


STEP = Step(_choose, lambda state: bool(state.query.options.highlights))
