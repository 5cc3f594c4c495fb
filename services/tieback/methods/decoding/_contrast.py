"""What strategies that compare two streams share: log-probabilities, their difference, plausibility."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

EXCLUDED = -np.inf
"""The score of a token that must not be chosen."""


def log_probabilities(logits: Array) -> Array:
    """The log-softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def contrast(expert: Array, amateur: Array) -> Array:
    """The difference log p(expert) − log p(amateur) of each token `[vocabulary]`, from logits.

    Contrastive decoding (Li et al., 2023, arXiv:2210.15097).
    """
    return np.asarray(log_probabilities(expert) - log_probabilities(amateur))


def plausible(logits: Array, share: float) -> Array:
    """Which tokens `[vocabulary]` are at least so many times as probable as the likeliest one.

    The adaptive plausibility constraint of contrastive decoding (Li et al., 2023, arXiv:2210.15097): without
    it, a difference of logits prefers tokens that both streams hold for impossible. A share of 0 keeps all.
    """
    if share <= 0.0:
        return np.ones(logits.shape, bool)
    return np.asarray(logits >= logits.max() + np.log(share))


def among_plausible(scores: Array, expert: Array, share: float) -> Array:
    """The scores, with those excluded that the expert's logits alone make implausible."""
    return np.where(plausible(expert, share), scores, EXCLUDED)
