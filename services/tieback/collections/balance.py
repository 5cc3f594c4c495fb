"""Makes scores of several modalities comparable: each hit is standardised within its own modality.

Encoders place pictures, sounds and texts in separate cones of one space (the modality gap, Liang et al.
2022, arXiv:2203.02053), so a text query is nearer to any text than to the best picture. A standard score
against the modality's own rows removes that offset.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

SAMPLE = 512
"""Vectors of a modality that its background is drawn from at most; a section with regions has several. They
tell a spread to 3 %, and cost some 0.2 ms."""
# The pooled spread and mean weigh like so many rows of the modality's own: three clips tell neither.
_PRIOR_ROWS = 10.0


def as_of_reference(hits: list[Array], backgrounds: list[Array], complete: list[bool]) -> list[Array]:
    """Similarities of several modalities on the scale of the first one, which stays as it is.

    A hit of another modality gets the similarity of that hit of the first which stands out among its kind
    as much. The arguments are those of `standard_scores`.
    """
    reference = backgrounds[0].astype(np.float64)
    centre, spread = reference.mean(), max(reference.std(), 1e-6)
    standard = standard_scores(hits, backgrounds, complete)
    return [hits[0].astype(np.float64), *(centre + spread * one for one in standard[1:])]


def standard_scores(hits: list[Array], backgrounds: list[Array], complete: list[bool]) -> list[Array]:
    """Standard scores of each modality's hits against its background.

    `hits[m]` are similarities `[hits]` of modality m; `backgrounds[m]` those of a random sample of its rows
    `[sample]`; `complete[m]` says that the sample is all of them, so that it holds the hits themselves, and a
    hit is then compared with the others: in a modality of three rows it could never stand out by more than
    1.2 deviations otherwise. The spread is drawn towards the pooled one where rows are few, and so is the
    mean where that helps: three clips that are alike would never stand out from one another, whatever was
    asked, though all three may stand out from everything else.
    """
    hits = [one.astype(np.float64) for one in hits]  # squares of long vectors' products pass float32
    backgrounds = [one.astype(np.float64) for one in backgrounds]
    everywhere = float(np.concatenate(backgrounds).mean())
    squares = sum(float(((b - b.mean()) ** 2).sum()) for b in backgrounds if len(b))
    rows = sum(len(b) for b in backgrounds)
    pooled = squares / max(rows - len(backgrounds), 1)
    standard = []
    for scores, background, whole in zip(hits, backgrounds, complete, strict=True):
        size, mean = len(background), background.mean()
        own = float(((background - mean) ** 2).sum())
        if whole:
            # leave one out: the mean of the others, and the sum of squares without the hit's share
            others = max(size - 1, 1)
            centre = (size * mean - scores) / others if size > 1 else scores
            own_rest = np.maximum(own - (scores - mean) ** 2 * size / others, 0.0)
            variance = (own_rest + _PRIOR_ROWS * pooled) / (others + _PRIOR_ROWS)
        else:
            centre = np.full(len(scores), mean)
            variance = np.full(len(scores), (own + _PRIOR_ROWS * pooled) / (size + _PRIOR_ROWS))
        drawn = (size * centre + _PRIOR_ROWS * everywhere) / (size + _PRIOR_ROWS)
        centre = np.minimum(centre, drawn)
        standard.append((scores - centre) / np.sqrt(np.maximum(variance, 1e-12)))
    return standard


# Hits by a vector alone: what is related to it comes first, and of that the query's own kind.
#
# A photo is searched for by its vector. Photos that show the same are related to it, and so are texts about
# that; where nothing in a collection shows the same, its photos are as far from it as most of its texts
# are. `related_from` is the similarity that tells: of the joint space, that below which hits are marked as
# probably unrelated (`answer/relevance.py`).
APART = 1.0
"""Amount that is added to a score, or taken from it: similarities are cosines, or of shorter vectors."""


def related_first(balanced: Array, similarities: Array, related_from: float) -> Array:
    """Balanced scores `[n]`, those of unrelated sections below all others."""
    return np.where(similarities >= related_from, balanced, balanced - APART)


def own_kind_first(similarities: Array, own: Array, related_from: float) -> Array:
    """Similarities `[n]`, those of related sections of the mask `own` above all others."""
    return np.where(own & (similarities >= related_from), similarities + APART, similarities)


def merging_scales(similarities: Array, shares: Array, words: float) -> Array:
    """Scores of candidates by a vector and by words, `[2, n]`, on scales that can be merged.

    NaN stands where a candidate has none of the `words`, which are as many as `Matches` says.
    """
    by_words = shares.astype(np.float64) * words**0.5
    return np.stack((_of_the_best(similarities), np.where(by_words > 0, by_words, np.nan)))


def _of_the_best(similarities: Array) -> Array:
    """Similarities as shares of the best one: encoders differ in how similar anything is to a query."""
    best = similarities.max()
    return similarities / best if best > 0 else similarities
