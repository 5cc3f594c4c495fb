"""How likely a language model finds a claim, behind its evidence and alone: two streams."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.models.decoder import Streams
from tieback.models.language_model import LanguageModel

EVIDENCE_TOKENS, CLAIM_TOKENS = 1500, 128
"""Tokens that are read; of both the beginning."""


def claim_likelihoods(model: LanguageModel, evidence: str, claim: str) -> Array:
    """The mean log-probability of the claim's tokens behind the evidence, and behind nothing `[2]`.

    Both begin with the token that ends answers, which stands between the texts that the model learned from.
    """
    start = [min(model.end_tokens)]
    said = model.tokens(evidence)[:EVIDENCE_TOKENS]
    behind = [*start, *said, *model.tokens("\n")]
    stated = model.tokens(claim)[:CLAIM_TOKENS]
    if not stated:
        return np.zeros(2, np.float32)
    return np.array([_mean(model, before, stated) for before in (behind, start)], np.float32)


def _mean(model: LanguageModel, before: list[int], stated: list[int]) -> float:
    tokens = np.array([*before, *stated], np.int64)
    streams: Streams[str] = Streams(model.decoder, {"claim": tokens.tolist()}, room=0)
    places = np.arange(len(before) - 1, len(tokens) - 1)[None]
    logits = streams.run(slice(0, 1), tokens[None], past=np.zeros(1, int), places=places)[0, :, 0]
    highest = logits.max(axis=1)
    whole = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((logits[np.arange(len(stated)), stated] - whole).mean())
