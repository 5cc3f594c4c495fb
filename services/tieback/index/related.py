"""Hits by a vector alone: what is related to it comes first, and of that the query's own kind.

A photo is searched for by its vector. Photos that show the same are related to it, and so are texts about
that; where nothing in a collection shows the same, its photos are as far from it as most of its texts are.
`related_from` is the similarity that tells: of the joint space, that below which hits are marked as probably
unrelated (`answer/relevance.py`).
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

APART = 1.0
"""Amount that is added to a score, or taken from it: similarities are cosines, or of shorter vectors."""


def related_first(balanced: Array, similarities: Array, related_from: float) -> Array:
    """Balanced scores `[n]`, those of unrelated sections below all others."""
    return np.where(similarities >= related_from, balanced, balanced - APART)


def own_kind_first(similarities: Array, own: Array, related_from: float) -> Array:
    """Similarities `[n]`, those of related sections of the mask `own` above all others."""
    return np.where(own & (similarities >= related_from), similarities + APART, similarities)
