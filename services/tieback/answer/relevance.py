"""The probability that a hit is relevant: a logistic function of its similarity and of the words it shares.

The coefficients were fitted on judged hits of Cranfield, MEDLINE and CACM and of half the questions of the
mixed library (`benchmarks/pipeline/mixed`), each collection with the same weight; docs/retrieval.md says how
well they hold elsewhere. They are for the joint space: of another one nothing is said.
"""

from __future__ import annotations

import math

from tieback.core.types import JOINT_SPACE, Hit

CONSTANT, OF_SIMILARITY, OF_WORDS = -3.8, 6.6, 0.7

RELEVANCE_FLOOR = 0.1
"""Of the right first hits of the mixed library 2 % are below 0.12; of the first hits of questions that
nothing in it answers, half are below it."""


def relevance_of(hit: Hit, space: str) -> float | None:
    """The probability, 0 to 1, by the hit's scores in a collection of the space; None where it is unknown."""
    if space != JOINT_SPACE or hit.vector_score is None:
        return None
    evidence = CONSTANT + OF_SIMILARITY * hit.vector_score + OF_WORDS * (hit.text_score or 0.0)
    return 1 / (1 + math.exp(-min(max(evidence, -30.0), 30.0)))
