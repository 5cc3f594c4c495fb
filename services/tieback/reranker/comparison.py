"""One request's comparisons, cut into chunks that are short and mostly without padding.

A chunk is what the reranker's thread computes before it turns to another request, so its work is bounded, and
with it the time that others wait and the arrays that it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.field_path import FieldPath
from tieback_contract.hits import AlignedPair, Alignment
from tieback_contract.limits import Limits
from tieback_contract.vectors import MultiVector

from tieback.core.alone import each_alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.methods.reranking import Alignments, Checkpoint, Reranking, Summary

CHUNK_STEPS, CHUNK_PAIRS = 1 << 25, 1 << 18
"""A chunk's steps and pairs of rows at most, where it has more than one candidate: some 60 ms and 8 MB."""

PAIRS_OF_A_PASS = 4096
"""A pass over an array costs as much as over so many pairs more, however small the array is."""

STEP_GRAIN = 1 << 16
"""Steps are rounded up to a multiple of this: it bounds the number of different costs."""

LARGEST_PART = 16
"""One candidate may be a sixteenth of all that may wait: so long nobody else has a turn."""

PADDING = 2
"""A chunk, padded, is at most so many times as large as its candidates."""

PAIRS_SHOWN = 32
PLAN = np.dtype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Candidates that are compared at once, by their places in the request; `tokens` counts steps."""

    comparison: Comparison
    places: Sequence[int]
    tokens: int
    explain: bool


Compared = Sequence[float | Alignment | TiebackError]
"""Results of a chunk, by candidate: its score, or its alignment where the chunk explains."""


@dataclass(slots=True, eq=False)
class Comparison:
    """A query and its candidates by their places, all normalised and of one width.

    `passes` is how many times the method goes over each pair. `checkpoint` raises where nobody waits any
    more; it is called by the reranker's thread. `plan_bytes` is what all transport plans together may have.
    """

    compare: Reranking
    summarise: Summary
    passes: int
    query: MultiVector
    candidates: Mapping[int, MultiVector]
    checkpoint: Checkpoint
    plan_bytes: int
    _planned: int = 0

    def chunks(self, places: Sequence[int], *, explain: bool) -> list[Chunk]:
        """The candidates at these places in chunks."""
        lengths = {place: len(candidate) for place, candidate in self.candidates.items()}
        rows = len(self.query)
        found: list[Chunk] = []
        for chosen in self._alike(sorted(places, key=lengths.__getitem__), lengths):
            pairs = rows * len(chosen) * lengths[chosen[-1]]
            found.append(Chunk(self, chosen, steps_of(pairs, self.passes), explain))
        return found

    def count_plans(self, values: int) -> None:
        """Counts values of plans that are kept. InvalidInput where they would not fit into a message."""
        self._planned += values * PLAN.itemsize
        if self.plan_bytes and self._planned > self.plan_bytes:
            raise InvalidInput(
                f"the plans of these alignments have more than the {self.plan_bytes} bytes of a message; "
                "ask for fewer results (limit), or for no explanation",
                field="explain",
                reason="REQUEST_TOO_LARGE",
            )

    def _alike(self, places: Sequence[int], lengths: Mapping[int, int]) -> Iterator[list[int]]:
        """The places, which ascend by length, in groups that may be one chunk."""
        rows, group, total = len(self.query), list[int](), 0
        for place in places:
            padded = (len(group) + 1) * lengths[place]
            pairs = rows * padded
            if group and (
                padded > PADDING * (total + lengths[place])
                or pairs > CHUNK_PAIRS
                or pairs * self.passes > CHUNK_STEPS
            ):
                yield group
                group, total = [], 0
            group.append(place)
            total += lengths[place]
        if group:
            yield group


def steps_of(pairs: int, passes: int) -> int:
    """What it costs to go so many times over so many pairs."""
    return -(-passes * (pairs + PAIRS_OF_A_PASS) // STEP_GRAIN) * STEP_GRAIN


def within_steps(
    query: MultiVector, candidate: MultiVector, passes: int, limits: Limits, field: FieldPath
) -> MultiVector:
    """The candidate. InvalidInput, at its field, where it alone is too much work."""
    most = limits.rerank_steps // LARGEST_PART
    steps = len(query) * len(candidate) * passes
    if most and steps > most:
        raise InvalidInput(
            f"comparing {len(query)} rows with {len(candidate)} in {passes} passes takes "
            f"{steps} steps, and this server takes {most} at most for one candidate; "
            "send less of each, or ask for fewer iterations",
            field=field,
            reason="REQUEST_TOO_LARGE",
        )
    return candidate


def compared(chunk: Chunk) -> Compared:
    """Compares the candidates of a chunk; where that fails, each by itself."""
    return each_alone(lambda places: _together(chunk, places), chunk.places)


def _together(chunk: Chunk, places: Sequence[int]) -> Sequence[float | Alignment]:
    """Compares candidates, padded to the longest."""
    comparison = chunk.comparison
    comparison.checkpoint()
    query = comparison.query
    candidates = [comparison.candidates[place] for place in places]
    lengths = np.array([len(candidate) for candidate in candidates])
    mask = np.arange(lengths.max()) < lengths[:, None]
    tokens = np.zeros((*mask.shape, query.values.shape[1]), np.float32)
    for row, candidate in enumerate(candidates):
        tokens[row, : lengths[row]] = candidate.values
    if not chunk.explain:
        scores: list[float] = comparison.compare(query.values, tokens, mask, comparison.checkpoint).tolist()
        return scores
    found = comparison.summarise(query.values, tokens, mask, comparison.checkpoint)
    alignments = [_alignment(found, row, query, candidate) for row, candidate in enumerate(candidates)]
    if found.is_plan:
        comparison.count_plans(len(query) * int(lengths.sum()))
    return alignments


def _alignment(found: Alignments, row: int, query: MultiVector, candidate: MultiVector) -> Alignment:
    """The pairs that carry the score, those of rows that stand for nothing (special tokens) left out."""
    length = len(candidate)
    weights, similarities = found.weights[row, :, :length], found.similarities[row, :, :length]
    extended = query.locators.extended[:, None] * candidate.locators.extended
    carried = weights * np.maximum(similarities, 0.0) * extended
    count = min(PAIRS_SHOWN, carried.size)
    largest = np.sort(np.argpartition(carried, carried.size - count, axis=None)[carried.size - count :])
    pairs: list[AlignedPair] = []
    for flat in largest[np.argsort(-carried.flat[largest], kind="stable")]:
        i, j = divmod(int(flat), length)
        if carried[i, j] > 0:
            similarity, weight = float(similarities[i, j]), float(weights[i, j])
            pair = query.locators[i], candidate.locators[j]
            pairs.append(AlignedPair(*pair, similarity, weight))
    return Alignment(pairs, weights.astype(PLAN) if found.is_plan else None)
