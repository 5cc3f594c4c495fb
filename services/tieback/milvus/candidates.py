"""Sections that Milvus finds by a vector and by words, and what each of the two says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.modality import Modality

from tieback.collections.balance import SAMPLE, as_of_reference, merging_scales, own_kind_first, related_first
from tieback.collections.query import Query
from tieback.core.deadline import Deadline
from tieback.core.order import best, level, with_equal
from tieback.milvus import words
from tieback.milvus.connection import Milvus
from tieback.milvus.filtering import together
from tieback.milvus.numbers import NumbersHead
from tieback.milvus.rows import BUCKETS, Row

MOST_CANDIDATES = 16_384
"""What Milvus gives for one search."""
# Words are searched for by nominal scores, so more are compared by their true ones than are ranked.
_WORDS_DEEPER, _FEWEST_WITH_WORDS = 2, 100
_RANKED = ("item", "ordinal", "short_text", "modality")


@dataclass(frozen=True)
class Group:
    """Sections that are compared with one vector: those of these modalities, or all."""

    vector: Array
    modalities: tuple[Modality, ...] = ()

    @property
    def filter(self) -> str:
        """What lets these through."""
        names = ", ".join(f'"{one.value}"' for one in self.modalities)
        return f"modality in [{names}]" if names else ""


@dataclass(frozen=True)
class Candidates:
    """Sections `[n]` in the order of their keys: `rows` have what ranking reads.

    `scores` are what the query makes of them; `similarities` there are with a vector, `shares` and `matched`
    with words.
    """

    rows: Sequence[Row]
    scores: Array
    similarities: Array | None
    shares: Array | None
    matched: Array | None
    continuing: int

    def text_of(self, position: int) -> tuple[str, int]:
        """See `grouping.Ranked`."""
        row = self.rows[position]
        return row["item"], row["short_text"]

    def copy_of(self, position: int) -> int:  # noqa: ARG002 - see `grouping.Ranked`
        """See `grouping.Ranked`. The numbers of texts are not kept in Milvus."""
        return 0

    def order_key(self, position: int) -> tuple[str, int]:
        """See `grouping.Ranked`."""
        row = self.rows[position]
        return row["item"], row["ordinal"]


class Finder:
    """Finds candidates for a checked query in one collection.

    `search` asks Milvus in it, and `sampled` gives vectors of a modality.
    """

    def __init__(
        self,
        search: Callable[..., Any],
        query: Query,
        passing: str,
        head: NumbersHead,
        asked: words.Query | None,
        executor: Executor,
        sampled: Callable[[Modality], Array],
    ) -> None:
        self._call, self._query, self._passing = search, query, passing
        self._head, self.asked, self._executor = head, asked, executor
        self._groups = [] if query.vector is None else groups_of(query, query.vector, head.modalities)
        self._backgrounds: list[Array] = []
        if query.options.balance_modalities and len(self._groups) > 1:
            self._backgrounds = [sampled(one.modalities[0]) @ one.vector for one in self._groups]

    def find(self, depth: int) -> Candidates:
        """The best `depth` by the vector, and by the words."""
        depth = min(depth, MOST_CANDIDATES)
        deeper = min(max(_WORDS_DEEPER * depth, _FEWEST_WITH_WORDS), MOST_CANDIDATES)
        calls = [self._executor.submit(self._nearest, one, depth) for one in self._groups]
        if self.asked is not None:
            calls.append(self._executor.submit(self._search, "words", self.asked.vector, "", deeper))
        found = [call.result() for call in calls]
        near = {row["pk"]: row for rows in found[: len(self._groups)] for row in rows}
        with_words = found[len(self._groups) :]
        every = dict(near)
        for row in (row for rows in with_words for row in rows if row["distance"] > 0):
            every.setdefault(row["pk"], row)
        rows = [every[pk] for pk in sorted(every)]
        return self._compared(rows, near, depth)

    def _compared(self, rows: list[Row], near: Mapping[str, Row], depth: int) -> Candidates:
        similarities = shares = matched = None
        if self.asked is not None:
            lengths = np.array([row["length"] for row in rows], np.float32)
            shares, matched = self.asked.shares([row["words"] for row in rows], lengths)
            kept = best(shares, depth) & (shares > 0)
            kept |= np.array([row["pk"] in near for row in rows], bool)
            rows = [row for row, one in zip(rows, kept.tolist(), strict=True) if one]
            shares, matched = shares[kept], matched[kept]
        if self._groups:
            similarities = np.array(
                [near[row["pk"]]["distance"] if row["pk"] in near else self._similarity(row) for row in rows],
                np.float32,
            )
            similarities = level(similarities)
        scores = self._scores(rows, similarities, shares)
        return Candidates(rows, scores, similarities, shares, matched, self._head.continuing)

    def _scores(self, rows: Sequence[Row], similarities: Array | None, shares: Array | None) -> Array:
        if not rows:
            return np.zeros(0, np.float32)
        if similarities is None:
            return np.asarray(shares)
        ranked = self._balanced(rows, similarities)
        if shares is None or self.asked is None:
            return self._related_first(rows, similarities, ranked)
        return self._query.fuse(merging_scales(ranked, shares, self.asked.words))

    def _balanced(self, rows: Sequence[Row], similarities: Array) -> Array:
        if not self._backgrounds:
            return similarities
        kinds = np.array([row["modality"] for row in rows])
        members = [kinds == one.modalities[0].value for one in self._groups]
        complete = [self._head.modalities[one.modalities[0]] <= SAMPLE for one in self._groups]
        hits = [similarities[member] for member in members]
        compared = similarities.astype(np.float64)
        for member, scores in zip(members, as_of_reference(hits, self._backgrounds, complete), strict=True):
            compared[member] = scores
        return compared

    def _related_first(self, rows: Sequence[Row], similarities: Array, ranked: Array) -> Array:
        """See `collections/balance.py`."""
        least, first = self._query.related_from, self._query.request.first_modality
        if self._backgrounds:
            return related_first(ranked, similarities, least)
        if first is not None and len(self._groups) > 1:
            own = np.array([row["modality"] == first.value for row in rows])
            return own_kind_first(similarities, own, least)
        return ranked

    def _similarity(self, row: Row) -> float:
        """Of a section that was found by words alone."""
        own = next(
            one for one in self._groups if not one.modalities or Modality(row["modality"]) in one.modalities
        )
        return float(np.asarray(row["vector"], np.float32) @ own.vector)

    def _nearest(self, group: Group, depth: int) -> list[Row]:
        """The best `depth` of a group, and all that are equal to the last."""
        rows: list[Row] = []

        def find(most: int) -> tuple[Array, Array]:
            rows[:] = self._search("vector", group.vector, group.filter, min(most, MOST_CANDIDATES))
            return np.arange(len(rows)), np.array([row["distance"] for row in rows], np.float32)

        return [rows[place] for place in with_equal(find, depth)[0].tolist()]

    def _search(self, field: str, asked: Any, passing: str, limit: int) -> list[Row]:
        fields = [*_RANKED]
        if self.asked is not None:
            fields += ["length", "words"]
        if self._query.options.diversity or (field == "words" and self._groups):
            fields.append("vector")
        (hits,) = self._call(
            data=[asked.tolist() if isinstance(asked, np.ndarray) else dict(asked)],
            anns_field=field,
            filter=together(self._passing, passing),
            limit=limit,
            output_fields=fields,
            search_params={"metric_type": "IP"},
        )
        return [{**hit["entity"], "pk": hit["pk"], "distance": hit["distance"]} for hit in hits]


def groups_of(query: Query, vector: Array, modalities: Mapping[Modality, int]) -> list[Group]:
    """The modalities that are there, each by itself or those that are compared with one vector together."""
    by_modality = query.by_modality
    if not query.ignored and not by_modality:
        return [Group(vector)]
    groups: dict[object, Group] = {}
    for modality in modalities:
        own = without(vector, query.ignored, modality)
        key = modality if by_modality else own.tobytes()
        before = groups[key].modalities if key in groups else ()
        groups[key] = Group(own, (*before, modality))
    return list(groups.values())


def without(vector: Array, ignored: Sequence[IgnoredDimensions], modality: Modality) -> Array:
    """The vector with zeros in the dimensions that are ignored of a modality."""
    own = vector.copy()
    for one in ignored:
        if one.modality is modality:
            own[one.begin : one.end] = 0
    return own


def sample(milvus: Milvus, collection: str, modality: Modality, count: int, deadline: Deadline) -> Array:
    """Vectors of a modality that has `count` sections, at most `SAMPLE`: all, or by chance."""
    parts = -(-BUCKETS * 2 * SAMPLE // count) if count > SAMPLE else BUCKETS
    rows = milvus.call(
        *("query", collection, f'modality == "{modality.value}" and bucket < {parts}'),
        output_fields=["vector"],
        limit=SAMPLE,
        deadline=deadline,
    )
    return np.array([row["vector"] for row in rows], np.float32)
