"""A query expanded by what it found (pseudo-relevance feedback). Runs under the lock for reading.

The first search is that of the query as it is given: with its filter, and with as many hits of a text or an
item as the query allows. The method (`methods/query_expansion/`) says how many of the best hits it takes as
relevant, and what the vector and the words become by them.
"""

from __future__ import annotations

from tieback.index.filters import Check
from tieback.index.grouping import grouped
from tieback.index.memory import Memory
from tieback.index.query import Query
from tieback.index.ranking import Ranker
from tieback.index.recorder import FEEDBACK, VECTORS, WORDS, Recorder, enter
from tieback.index.words import expanded
from tieback.methods.query_expansion import Expansion

_ROWS = 25
"""Sections of the first ranking that are read: some more than documents that a method takes, because several
can be of one text, and as many as a hybrid search for ten hits ranks anyway."""


def expanded_ranker(
    memory: Memory,
    query: Query,
    expansion: Expansion,
    first: Ranker,
    check: Check,
    recorder: Recorder | None = None,
) -> Ranker | None:
    """The ranker of the second search; None where the query stays as it is, or found nothing."""
    pool = first.pool(_ROWS)
    enter(recorder, FEEDBACK)
    count = expansion.feedback(pool.rankings)
    if not count:
        return None
    positions = first.ranking(_ROWS).positions
    enter(recorder, FEEDBACK)
    hits = grouped(memory, query, positions.tolist(), count)
    if not hits:
        return None
    check("the second search")
    relevant = positions[[row for row, *_ in hits]]
    vector, words = query.vector, None
    if vector is not None:
        vector = expansion.vector(vector, memory.vectors.take(relevant))
    if query.text:
        terms = memory.words.terms(query.text)
        if terms:
            sections = [memory.words_of(position) for position in relevant.tolist()]
            terms = expanded(memory.words, terms, sections, expansion.words)
    if recorder is not None:
        recorder.passed(FEEDBACK, len(relevant), len(relevant))
        recorder.expanded()
        recorder.enter(WORDS if query.text else VECTORS)
    if query.text:
        words = memory.words.matches(terms, check)
    return first.with_query(vector, words)
