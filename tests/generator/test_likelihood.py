"""How likely a language model finds a claim, behind its evidence and alone."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.decoding import log_probabilities
from tieback.models.language.model import CLAIM_TOKENS, LanguageModel, claim_likelihoods

SAID = "The toll of the bridge at Olbia is two crowns."


def test_a_claim_is_likelier_behind_what_says_it(real_model: LanguageModel) -> None:
    behind, alone = claim_likelihoods(real_model, SAID, "At Olbia the bridge's toll is two crowns.")
    elsewhere, _ = claim_likelihoods(
        real_model, "Moss grows on stones.", "At Olbia the bridge's toll is two crowns."
    )

    assert behind > elsewhere > alone


def test_it_is_the_mean_of_what_the_decoder_gives_each_token(small_model: LanguageModel) -> None:
    start = min(small_model.end_tokens)
    before, stated = [start, *small_model.tokens("ab\n")], small_model.tokens("cde")
    whole = np.array([*before, *stated])
    given = log_probabilities(small_model.decoder.score(whole).astype(np.float64))
    wanted = [given[len(before) - 1 + place, token] for place, token in enumerate(stated)]

    assert claim_likelihoods(small_model, "ab", "cde")[0] == pytest.approx(np.mean(wanted), abs=1e-4)


def test_a_long_claim_is_cut_and_an_empty_one_says_nothing(small_model: LanguageModel) -> None:
    long = "ab" * CLAIM_TOKENS
    assert np.array_equal(
        claim_likelihoods(small_model, "x", long), claim_likelihoods(small_model, "x", long[:CLAIM_TOKENS])
    )
    assert not claim_likelihoods(small_model, "x", "").any()
