"""The probability that a hit is relevant: a logistic function of its similarity and of the words it shares.

Of words, the share of the query's content words counts that the hit or its titles have, each by its rarity,
and not the score that they give: a heading that is the query itself has a low one. The share is squared: half
of the words tell little, all of them much.

The coefficients were fitted with the default binding on half the questions of the mixed library that the
project ships (`benchmarks/pipeline/mixed`), and on nothing else; docs/search.md says how well they hold
elsewhere. They are for the joint space: of another one nothing is said.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from tieback_contract.hits import FoundPiece, Hit, RetrievedHit

from tieback.core.types.fusion import JOINT_SPACE

CONSTANT, OF_SIMILARITY, OF_WORDS = -4.9, 7.4, 3.3

RELEVANCE_FLOOR = 0.08
"""A hit with all words of the query is above it, whatever its similarity. Its errors: docs/search.md."""


def relevance_of(hit: Hit | FoundPiece, space: str) -> float | None:
    """The probability, 0 to 1, by the scores in a collection of the space; None where it is unknown."""
    if space != JOINT_SPACE or hit.vector_score is None:
        return None
    similarity = max(hit.vector_score, 0.0)
    evidence = CONSTANT + OF_SIMILARITY * similarity + OF_WORDS * (hit.words_matched or 0.0) ** 2
    return 1 / (1 + math.exp(-min(evidence, 30.0)))


def similarity_of(relevance: float) -> float:
    """The similarity of a hit without words that has this relevance, in the joint space."""
    return (math.log(relevance / (1 - relevance)) - CONSTANT) / OF_SIMILARITY


def related_first(hits: Sequence[RetrievedHit]) -> list[RetrievedHit]:
    """The hits, those that are marked as probably unrelated behind the others."""
    return sorted(hits, key=lambda one: one.below_floor)


def with_relevance(
    hits: Sequence[RetrievedHit], space: str, floor: float, least: float
) -> list[RetrievedHit]:
    """The hits, their pieces and their sections with their relevance, those below the floor marked.

    Without those below `least`. A hit is judged by its own piece of the text, a document by its best section.
    """
    judged = []
    for one in hits:
        if one.sections:
            one = dataclasses.replace(one, sections=with_relevance(one.sections, space, floor, least))
        relevance = relevance_of(one.hit, space)
        if relevance is None:
            judged.append(one)
        elif relevance >= least:
            hit = one.hit
            if hit.pieces:
                hit = dataclasses.replace(hit, pieces=_pieces(hit.pieces, space, floor, least))
            judged.append(
                dataclasses.replace(one, hit=hit, relevance=relevance, below_floor=relevance < floor)
            )
    return judged


def _pieces(pieces: Sequence[FoundPiece], space: str, floor: float, least: float) -> list[FoundPiece]:
    found = [(one, relevance_of(one, space) or 0.0) for one in pieces]
    return [
        dataclasses.replace(one, relevance=relevance, below_floor=relevance < floor)
        for one, relevance in found
        if relevance >= least
    ]
