"""Rocchio's feedback (Rocchio 1971, "Relevance feedback in information retrieval"), with a guard.

The query of length 1 plus `weight` times the mean of the relevant documents, each of length 1; nothing is
subtracted, because nothing is known to be irrelevant. Of words, the query's own and at most `terms` others
are kept: those that weigh most in the mean.

It fails where the first documents are wrong: then it finds more of them. So there is a guard. Where vectors
and words find different documents, one of them is probably wrong, and the query stays as it is: if fewer than
the share `agreement` of the ten best by the one are among the ten best by the other. This follows the
estimate of a query's difficulty by the overlap of its results (Yom-Tov et al., SIGIR 2005). With 0 every
query is expanded. A search by a vector alone, or by words alone, has nothing to compare and no guard.
"""

from __future__ import annotations

from itertools import combinations
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.order import best
from tieback.methods.query_expansion import MOST_DOCUMENTS, query_expansions

COMPARED = 10
"""Candidates of each ranking that the guard compares, the best."""


@query_expansions.method
def rocchio(
    query: Array,
    relevant: Array,
    *,
    documents: Annotated[int, Field(ge=1, le=MOST_DOCUMENTS)] = 3,  # noqa: ARG001 - `feedback` reads it
    weight: Annotated[float, Field(gt=0, le=10)] = 0.4,
    terms: Annotated[int, Field(ge=1, le=100)] = 15,  # noqa: ARG001 - `words` reads it
    agreement: Annotated[float, Field(ge=0, le=1)] = 0.2,  # noqa: ARG001 - `feedback` reads it
) -> Array:
    """The expanded vector, float32, as long as the query."""
    return _moved(query, _unit(relevant).mean(axis=0), weight).astype(np.float32)


def words(query: Array, relevant: Array, *, weight: float, terms: int) -> Array:
    """The weights of the query's words and of those that are added."""
    mean = _unit(relevant).mean(axis=0)
    others = np.where(query > 0, 0.0, mean)
    dropped = np.argsort(-others, kind="stable")[terms:]
    mean[dropped[query[dropped] <= 0]] = 0.0
    return _moved(query, mean, weight)


def feedback(scores: Array, *, documents: int, agreement: float) -> int:
    """`documents`, or none where the rankings agree too little."""
    return 0 if _agreement(scores) < agreement else documents


def _agreement(scores: Array) -> float:
    """The share of the best candidates of one ranking that are among the best of another; 1 of one alone.

    Of more than two rankings, the mean over their pairs.
    """
    best = [_best(ranking) for ranking in scores]
    shares = [len(one & other) / max(min(len(one), len(other)), 1) for one, other in combinations(best, 2)]
    return float(np.mean(shares)) if shares else 1.0


def _best(ranking: Array) -> set[int]:
    """The places of the best candidates that a ranking holds, with all that are equal to the last."""
    held = np.flatnonzero(~np.isnan(ranking))
    return set(held[best(ranking[held], COMPARED)].tolist())


def _moved(query: Array, mean: Array, weight: float) -> Array:
    """The query of length 1 plus the weighted mean, float64, at the query's own length."""
    moved = _unit(_unit(query) + weight * mean)
    return np.asarray(moved * np.linalg.norm(query.astype(np.float64)))


def _unit(rows: Array) -> Array:
    """Rows, or one, at length 1 in float64; those of length 0 stay."""
    exact = rows.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    return np.asarray(exact / np.where(lengths > 0, lengths, 1.0))
