"""Vector, full-text and hybrid search over one collection in memory. Runs in a thread, under the lock.

A ranking (`ranking.py`) becomes hits (`grouping.py`), which are diversified where that is asked for
(`diversity.py`). With query expansion the ranking is that of the expanded query (`feedback.py`); what a hit
says of its similarity and its words is of the query as it was given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import islice

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit, ReadIn
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.query import Granularity
from tieback_contract.reports import Timing
from tieback_contract.vectors import MultiVector, Vector

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.search import Reached, SearchReply, StageScores
from tieback.index.comparison import Comparison, vectors_of
from tieback.index.diversity import candidates_for, diversified
from tieback.index.documents import documents
from tieback.index.feedback import expanded_ranker
from tieback.index.filters import Check
from tieback.index.grouping import full_items, grouped, takes_several_rows
from tieback.index.highlights import with_highlights
from tieback.index.memory import Memory
from tieback.index.query import Query
from tieback.index.ranking import Ranker, Ranking
from tieback.index.recorder import (
    DIVERSITY,
    FILTER,
    GROUP,
    HIGHLIGHTS,
    HITS,
    MEASURE,
    RANGE,
    SIGNALS,
    VECTORS,
    WORDS,
    Recorder,
    enter,
)
from tieback.index.same_texts import same_texts
from tieback.index.searched import searched
from tieback.index.signals import signals_of
from tieback.index.stage_notes import (
    note_diversity,
    note_documents,
    note_filter,
    note_groups,
    note_range,
    note_ties,
)
from tieback.methods.vector_search import Reach

# Bytes of the multi-vectors of one reply: those of regions, and those of tokens in half precision.
_MULTI_VECTOR_BYTES = 8 << 20
_TOKEN_VECTOR_BYTES = 16 << 20
_FLOAT_BYTES, _HALF_BYTES = 4, 2

_TIME_SHARE = 0.5  # of the time that is left, for the search by the vector

# Of a ranking that is collapsed so many rows are read for each hit, at first: of ten sections of abstracts
# seven are of different texts.
_ROWS_A_HIT = 2


def search(
    memory: Memory,
    query: Query,
    check: Check,
    recorder: Recorder | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> SearchReply:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal.

    Where the query is to be explained, `recorder` is told of every step.
    """
    enter(recorder, FILTER)
    scans = memory.scan(query.filter, check)
    with memory.lock.reading():
        allowed = memory.allowed(query.filter, scans, check)
        if recorder is not None:
            note_filter(recorder, memory.section_count, allowed)
        query = _as_moved(memory, query)
        query, reached = _reaching(memory, query, check, recorder, deadline)
        allowed = _within(memory, query, allowed, recorder)
        if not allowed.any():
            return SearchReply([], _explained(recorder), reached=reached)
        enter(recorder, WORDS if query.text else VECTORS)
        words = memory.words.shares(query.text, check) if query.text else None
        first = Ranker(
            *(memory, query, allowed, check),
            vector=query.vector,
            words=words,
            recorder=recorder,
            second=query.second,
        )
        second = None
        if query.expansion is not None:
            second = expanded_ranker(memory, query, query.expansion, first, check, recorder)
        found = _Search(memory, query, allowed, first, second or first, check, recorder)
        by_documents = query.granularity is Granularity.DOCUMENT
        hits = found.documents() if by_documents else found.hits()
        if reached is not None and reached.seconds is not None:
            memory.recalls.took(reached, first.vector_seconds)
        return SearchReply(hits, _explained(recorder), second is not None, reached, found.steps)


def _reaching(
    memory: Memory, query: Query, check: Check, recorder: Recorder | None, deadline: Deadline
) -> tuple[Query, Reached | None]:
    """The query with the breadth that a measurement chose, and what is expected of it."""
    wanted, seconds = query.reach.recall, query.reach.seconds
    if wanted is None and seconds is None:
        return query, None
    enter(recorder, MEASURE)
    with searched(memory, by_both=query.second is not None) as kinds:
        if seconds is None:
            reached = Reached(*memory.recalls.breadth_for(kinds, wanted or 0.0, check))
        else:
            seconds = min(seconds, _TIME_SHARE * deadline.remaining())
            reached = memory.recalls.breadth_within(kinds, seconds, check)
    return dataclasses.replace(query, reach=Reach(reached.breadth)), reached


def _as_moved(memory: Memory, query: Query) -> Query:
    """The query, without its second vector where that is of no use.

    That is where the collection is not on its way to that space any more, or too few sections are there.
    Documents, and queries that their first hits expand, are made of stored vectors: those of one space.
    """
    following, second = memory.next, query.second
    if second is None:
        return query
    if (
        following is not None
        and following.space == second.space
        and (following.by_translation is not None or following.is_read(memory.section_count))
        and len(second.vector) == following.made.width
        and query.expansion is None
        and query.granularity is Granularity.SECTION
    ):
        return query
    return dataclasses.replace(query, second=None)


def _within(memory: Memory, query: Query, allowed: Array, recorder: Recorder | None) -> Array:
    """The mask of sections that are similar enough."""
    least = query.reach.similarity
    if least is None or query.vector is None:
        return allowed
    enter(recorder, RANGE)
    compared = Comparison(memory, query.vector, query.ignored, by_modality=False, second=query.second)
    within = compared.within(least, allowed)
    if recorder is not None:
        note_range(recorder, allowed, within)
    return within


def _explained(recorder: Recorder | None) -> Timing:
    return Timing() if recorder is None else Timing(stages=recorder.stages())


class _Search:
    """One search: the hits of a `ranker`, described by the ranker of the query as it was `asked`."""

    def __init__(
        self,
        memory: Memory,
        query: Query,
        allowed: Array,
        asked: Ranker,
        ranker: Ranker,
        check: Check,
        recorder: Recorder | None,
    ) -> None:
        self._memory = memory
        self._query = query
        self._allowed = allowed
        self._asked = asked
        self._ranker = ranker
        self._recorder = recorder
        self._check = check
        self.steps: Sequence[StageScores] = ()
        """What the steps made of the hits, where that is asked for."""

    def hits(self) -> list[Hit]:
        """Hits that were found."""
        limit = self._query.limit
        wanted = candidates_for(limit) if self._query.diversity else limit
        several = takes_several_rows(self._memory, self._query)
        rows = _ROWS_A_HIT * wanted if several else wanted
        while True:
            ranking = self._ranker.ranking(rows)
            positions = ranking.positions.tolist()
            if several:
                enter(self._recorder, GROUP)
            is_all = len(positions) < rows
            hits = grouped(self._memory, self._query, positions, wanted, fill=self._query.fills and is_all)
            full = full_items(self._memory, self._query, positions, hits) if self._query.fills else ()
            if full and len(hits) < wanted and not is_all:
                ranking, fill = self._with_other_items(ranking, full, rows)
                positions = ranking.positions.tolist()
                hits = grouped(self._memory, self._query, positions, wanted, fill=fill)
            # The rows double until there are enough hits, or all sections are read.
            if len(hits) == wanted or is_all:
                break
            rows *= 2
        as_ranked = [[row] for row in range(min(wanted, len(positions)))]
        if self._recorder is not None and (several or hits != as_ranked):
            enter(self._recorder, GROUP)
            note_groups(self._recorder, self._memory, ranking, hits, wanted)
        elif self._recorder is not None:
            note_ties(self._recorder, self._ranker.last_step, ranking, wanted)
        if self._query.diversity and hits:
            scores = ranking.scores[[row for row, *_ in hits]]
            hits = [hits[place] for place in self._diversified(ranking, hits, scores)]
        enter(self._recorder, HITS)
        ranking = self._as_asked(ranking)
        found = [self._hit(ranking, row, others) for row, *others in hits]
        places = [positions[row] for row, *_ in hits]
        if self._query.signals:
            enter(self._recorder, SIGNALS)
            signals = signals_of(self._memory, self._query, self._asked, ranking, hits, self._check)
            if self._recorder is not None:
                self._recorder.passed(SIGNALS, len(hits), len(hits))
            found = [dataclasses.replace(hit, signals=one) for hit, one in zip(found, signals, strict=True)]
        self._note_hits(found, places)
        return self._with_copies(self._with_vectors(self._with_highlights(found, places), places), places)

    def _with_other_items(self, ranking: Ranking, full: Sequence[int], rows: int) -> tuple[Ranking, bool]:
        """The ranking with the best `rows` of other items, and whether these are all.

        Items of which sections are at `full` may have no more hits.
        """
        left_out = np.zeros(len(self._allowed), bool)
        left_out[ranking.positions] = True
        for position in full:
            left_out[self._memory.sections_beside(position)] = True
        if not (self._allowed & ~left_out).any():
            return ranking, True
        others = self._ranker.without(left_out).ranking(rows).positions
        return self._ranker.ranking_of(np.concatenate((ranking.positions, others))), len(others) < rows

    def documents(self) -> list[Hit]:
        """What was found by documents: of each its best section, with the next best ones beside it."""
        limit, diversity = self._query.limit, self._query.diversity
        wanted = candidates_for(limit) if diversity else limit
        sections, rows, scores = documents(
            *(self._memory, self._ranker, self._allowed, wanted), folds=self._query.folds
        )
        if self._recorder is not None:
            note_documents(self._recorder, sections, rows, scores)
        chosen: Sequence[int] = range(len(rows))
        if diversity and rows:
            chosen = self._diversified(sections, rows, scores)
        enter(self._recorder, HITS)
        sections = self._as_asked(sections)
        given = [row for place in chosen for row in rows[place]]
        hits = [self._hit(sections, row, ()) for row in given]
        positions = sections.positions[given].tolist()
        each = iter(self._with_vectors(self._with_highlights(hits, positions), positions))
        found = [
            dataclasses.replace(
                next(each), score=float(scores[place]), sections=list(islice(each, len(rows[place]) - 1))
            )
            for place in chosen
        ]
        places = [int(sections.positions[rows[place][0]]) for place in chosen]
        self._note_hits(found, places)
        return self._with_copies(found, places)

    def _diversified(self, ranking: Ranking, hits: Sequence[Sequence[int]], scores: Array) -> list[int]:
        """The places of as many as are asked for; each is compared by its best section."""
        enter(self._recorder, DIVERSITY)
        best = ranking.positions[[row for row, *_ in hits]]
        vectors = vectors_of(self._memory, best, self._query.ignored)
        chosen = diversified(scores, vectors, self._query.diversity, self._query.limit)
        if self._recorder is not None:
            note_diversity(self._recorder, best, scores, chosen)
        return chosen

    def _as_asked(self, ranking: Ranking) -> Ranking:
        """The ranking with the similarities to the query as it was asked."""
        if self._ranker is self._asked:
            return ranking
        return dataclasses.replace(ranking, similarities=self._asked.similarities(ranking.positions))

    def _note_hits(self, hits: Sequence[Hit], positions: Sequence[int]) -> None:
        """Notes what the steps made of the hits, where that is asked for."""
        if self._recorder is not None:
            self._recorder.passed(HITS, len(hits), len(hits))
            self.steps = self._recorder.of_hits(positions)

    def _with_copies(self, hits: list[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, with the other items that hold their texts."""
        if not self._query.folds:
            return hits
        whole = self._query.granularity is Granularity.DOCUMENT
        others = same_texts(self._memory, positions, self._allowed, whole=whole)
        each = zip(hits, others, strict=True)
        return [dataclasses.replace(hit, also_in=same) if same else hit for hit, same in each]

    def _with_highlights(self, hits: list[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, those of texts with sentences that have words of the query, where they are wanted."""
        if not self._query.highlights:
            return hits
        enter(self._recorder, HIGHLIGHTS)
        found = with_highlights(self._memory, self._query, hits, positions, self._check)
        if self._recorder is not None:
            self._recorder.passed(HIGHLIGHTS, len(hits), len(hits))
        return found

    def _with_vectors(self, hits: Sequence[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, with the vectors of those that have several where they are wanted and there is room."""
        space, room = self._query.multi_vectors, _MULTI_VECTOR_BYTES
        found: list[Hit] = []
        for hit, position in zip(hits, positions, strict=True):
            several = None if space is None else self._memory.regions.all_of(position)
            if space is not None and several is not None and (room := room - several[0].nbytes) >= 0:
                values, boxes = several
                multi = MultiVector(values, space, Locators(LocatorKind.BOX, boxes))
                hit = dataclasses.replace(hit, multi_vector=multi)
            found.append(hit)
        return self._with_wholes(self._with_token_vectors(found, positions), positions)

    def _with_wholes(self, hits: list[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, those that there is room for with their vectors as wholes where these are wanted."""
        space = self._query.vectors
        if space is None or not hits:
            return hits
        most = _MULTI_VECTOR_BYTES // (_FLOAT_BYTES * self._memory.width)
        values = vectors_of(self._memory, np.array(positions[:most]), ())
        near = zip(hits[:most], values, strict=True)
        # Vectors of a joint space are not of length 1.
        wholes = [(hit, Vector(one, space, normalized=False)) for hit, one in near]
        return [dataclasses.replace(hit, vector=one) for hit, one in wholes] + hits[most:]

    def _with_token_vectors(self, hits: list[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, those of texts with the vectors of their tokens, where these are wanted and kept."""
        tokens = self._memory.tokens
        if tokens is None or not self._query.token_vectors:
            return hits
        most = _TOKEN_VECTOR_BYTES // (_HALF_BYTES * tokens.coding.kept.width)
        return [
            hit if multi is None else dataclasses.replace(hit, multi_vector=multi)
            for hit, multi in zip(hits, tokens.take(positions, most), strict=True)
        ]

    def _hit(self, ranking: Ranking, row: int, others: Sequence[int]) -> Hit:
        """The hit of a row; `others` are rows of further pieces of its text."""
        pieces = []
        for one in others:
            position, score, similarity = _row(ranking, one)
            _, matched = self._asked.words_at(position)
            pieces.append(self._memory.found_piece(position, score, similarity, matched))
        position, score, similarity = _row(ranking, row)
        share, matched = self._asked.words_at(position)
        vector = self._asked.vector_for(position)
        region = None if vector is None else self._memory.regions.best_box(position, vector)
        hit = self._memory.hit(position, score, similarity, share, matched, region, pieces)
        following = self._memory.next
        if following is None:
            return hit
        following.uses[hit.item_id] += 1
        if similarity is None:
            return hit
        read_in, own = self._asked.read_as(position) or (ReadIn.OLD, similarity)
        trust = 1.0
        if read_in is ReadIn.TRANSLATED and following.transform is not None:
            trust = following.transform.trust
        elif read_in is ReadIn.OLD and self._query.led and following.transform is not None:
            read_in, trust = ReadIn.TRANSLATED, following.transform.led_trust
        return dataclasses.replace(hit, read_in=read_in, own_score=own, trust=trust)


def _row(ranking: Ranking, row: int) -> tuple[int, float, float | None]:
    """The position of a row, its score, and its similarity where a vector was given."""
    return (
        int(ranking.positions[row]),
        float(ranking.scores[row]),
        None if ranking.similarities is None else float(ranking.similarities[row]),
    )
