"""Sections of a ranking as hits: pieces of one text are one, and an item has at most so many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.collections.grouping import full_items, grouped, takes_several_rows
from tieback.index.query.ranking import Ranking
from tieback.index.query.recorder import GROUP, enter, note_groups, note_ties
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step

# Of a ranking that is collapsed so many rows are read for each hit, at first: of ten sections of abstracts
# seven are of different texts.
_ROWS_A_HIT = 2


def _group(state: Searching) -> None:
    memory, query, wanted = state.memory, state.query, state.wanted
    several = takes_several_rows(memory, query)
    rows = _ROWS_A_HIT * wanted if several else wanted
    while True:
        ranking = state.ranker.ranking(rows)
        positions = ranking.positions.tolist()
        if several:
            enter(state.recorder, GROUP)
        is_all = len(positions) < rows
        hits = grouped(memory, query, positions, wanted, fill=query.request.fill_up and is_all)
        full = full_items(memory, query, positions, hits) if query.request.fill_up else ()
        if full and len(hits) < wanted and not is_all:
            ranking, fill = _with_other_items(state, ranking, full, rows)
            hits = grouped(memory, query, ranking.positions.tolist(), wanted, fill=fill)
        # The rows double until there are enough hits, or all sections are read.
        if len(hits) == wanted or is_all:
            break
        rows *= 2
    state.ranking, state.groups = ranking, hits
    state.scores = ranking.scores[[row for row, *_ in hits]]
    if state.recorder is None:
        return
    if several or hits != [[row] for row in range(min(wanted, len(ranking.positions)))]:
        enter(state.recorder, GROUP)
        note_groups(state.recorder, memory, ranking, hits, wanted)
    else:
        note_ties(state.recorder, state.ranker.last_step, ranking, wanted)


def _with_other_items(
    state: Searching, ranking: Ranking, full: Sequence[int], rows: int
) -> tuple[Ranking, bool]:
    """The ranking with the best `rows` of other items, and whether these are all.

    Items of which sections are at `full` may have no more hits.
    """
    left_out = np.zeros(len(state.allowed), bool)
    left_out[ranking.positions] = True
    for position in full:
        left_out[state.memory.sections_beside(position)] = True
    if not (state.allowed & ~left_out).any():
        return ranking, True
    others = state.ranker.without(left_out).ranking(rows).positions
    return state.ranker.ranking_of(np.concatenate((ranking.positions, others))), len(others) < rows


STEP = Step(_group, lambda state: not state.by_documents, enters_itself=True)
