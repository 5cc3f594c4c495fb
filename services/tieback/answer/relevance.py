"""The probability that a hit is relevant: a logistic function of its similarity and of the words it shares.

Of words, the share of the query's content words counts that the hit or its titles have, each by its rarity,
and not the score that they give: a heading that is the query itself has a low one. The share is squared: half
of the words tell little, all of them much.

The coefficients were fitted with the default binding on half the questions of the mixed library that the
project ships (`benchmarks/pipeline/mixed`), and on nothing else; docs/retrieval.md says how well they hold
elsewhere. They are for the joint space: of another one nothing is said.
"""

from __future__ import annotations

import math

from tieback.core.types.fusion import JOINT_SPACE
from tieback.core.types.search import FoundPiece, Hit

CONSTANT, OF_SIMILARITY, OF_WORDS = -4.9, 7.4, 3.3

RELEVANCE_FLOOR = 0.08
"""What has all words of a query is above it, whatever its similarity. Its errors: docs/retrieval.md."""


def relevance_of(hit: Hit | FoundPiece, space: str) -> float | None:
    """The probability, 0 to 1, by the scores in a collection of the space; None where it is unknown."""
    if space != JOINT_SPACE or hit.vector_score is None:
        return None
    similarity = max(hit.vector_score, 0.0)
    evidence = CONSTANT + OF_SIMILARITY * similarity + OF_WORDS * (hit.words_matched or 0.0) ** 2
    return 1 / (1 + math.exp(-min(evidence, 30.0)))
