"""Hits as they are given: their texts, titles and metadata, each with its scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.hits import Hit, ReadIn

from tieback.index.query.ranking import Ranking
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step


def _read(state: Searching) -> None:
    """Reads a hit for each group with its other pieces, or of a document a hit for each section."""
    ranking = state.ranking
    if state.ranker is not state.asked:  # similarities are those to the query as it was given
        similarities = state.asked.similarities(ranking.positions)
        state.ranking = ranking = dataclasses.replace(ranking, similarities=similarities)
    groups = state.groups
    if state.by_documents:
        groups = [[row] for group in groups for row in group]
    state.hits = [_hit(state, row, others) for row, *others in groups]
    state.positions = [int(ranking.positions[row]) for row, *_ in groups]


STEP = Step(_read)


def _hit(state: Searching, row: int, others: Sequence[int]) -> Hit:
    """The hit of a row; `others` are rows of further pieces of its text."""
    pieces = []
    for one in others:
        position, score, similarity = _row(state.ranking, one)
        _, matched = state.asked.words_at(position)
        pieces.append(state.memory.found_piece(position, score, similarity, matched))
    position, score, similarity = _row(state.ranking, row)
    share, matched = state.asked.words_at(position)
    vector = state.asked.vector_for(position)
    region = None if vector is None else state.memory.regions.best_box(position, vector)
    hit = state.memory.hit(position, score, similarity, share, matched, region, pieces)
    following = state.memory.next
    if following is None:
        return hit
    following.uses[hit.item_id] += 1
    if similarity is None:
        return hit
    read_in, own = state.asked.read_as(position) or (ReadIn.OLD, similarity)
    trust = 1.0
    if read_in is ReadIn.TRANSLATED and following.transform is not None:
        trust = following.transform.trust
    elif read_in is ReadIn.OLD and state.query.led and following.transform is not None:
        read_in, trust = ReadIn.TRANSLATED, following.transform.led_trust
    return dataclasses.replace(hit, read_in=read_in, own_score=own, trust=trust)


def _row(ranking: Ranking, row: int) -> tuple[int, float, float | None]:
    """The position of a row, its score, and its similarity where a vector was given."""
    return (
        int(ranking.positions[row]),
        float(ranking.scores[row]),
        None if ranking.similarities is None else float(ranking.similarities[row]),
    )
