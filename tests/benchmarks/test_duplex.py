"""The study of dense and sparse views: its tokens, its losses, and what it claims."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.present import present

from benchmarks.claims import duplex
from benchmarks.claims.duplex import CLS, MASKED, OWN, PAD, UNKNOWN
from benchmarks.report import Report

pytestmark = pytest.mark.all


def sentences() -> duplex.Sentences:
    """Forty texts of three of twenty words, and queries of two of these."""
    draw = np.random.default_rng(0)
    corpus = [draw.choice(20, 3, replace=False).tolist() for _ in range(40)]
    return duplex.numbered(corpus, [text[:2] for text in corpus])


def test_words_are_numbered_by_the_corpus_and_others_are_unknown() -> None:
    found = duplex.numbered([[70, 50], [50, 90]], [[90, 1, 70]])

    assert found.vocabulary == OWN + 3
    assert found.corpus[:, :4].tolist() == [[CLS, OWN + 1, OWN, PAD], [CLS, OWN, OWN + 2, PAD]]
    assert found.queries[0, :5].tolist() == [CLS, OWN + 2, UNKNOWN, OWN + 1, PAD]


def test_words_alone_are_masked_about_as_many_as_asked() -> None:
    tokens = duplex.numbered([list(range(15))] * 200, []).corpus

    found = duplex.masked(tokens, 0.3, torch.Generator().manual_seed(0))

    assert (found[:, 0] == CLS).all()
    assert float((found == MASKED).float().mean()) == pytest.approx(0.3 * 15 / 16, abs=0.02)
    assert torch.equal(found[found != MASKED], tokens[found != MASKED])


def test_the_largest_logit_is_that_of_a_word_and_not_of_cls_or_padding() -> None:
    logits = torch.zeros(1, 4, 6)
    logits[0, 0], logits[0, 1, 4], logits[0, 2, 4], logits[0, 3] = 9, 1, 2, 9

    found = duplex.largest(logits, torch.tensor([[False, True, True, False]]))

    assert found.tolist() == [[0, 0, 0, 0, 2, 0]]


def test_the_bag_of_words_counts_each_word_of_a_text_once() -> None:
    tokens = torch.tensor([[CLS, OWN, OWN, OWN + 1, PAD]])
    logits = torch.randn(1, OWN + 3, generator=torch.Generator().manual_seed(0))

    loss = duplex.bag_of_words(logits, tokens)

    likely = logits.log_softmax(dim=1)[0]
    torch.testing.assert_close(loss, -(likely[OWN] + likely[OWN + 1]) / 2)


def test_ndcg_is_of_one_text_that_is_to_be_found() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])

    assert duplex.ndcg(scores) == pytest.approx(100 * (1 + 1 / np.log2(3) + 1 / np.log2(4)) / 3)


def test_the_decoder_rebuilds_by_cls_and_by_what_is_not_masked() -> None:
    made = sentences()
    module = duplex.Duplex(made.vocabulary, 0)
    tokens, cls = made.corpus[:2], torch.randn(2, duplex.WIDTH, generator=torch.Generator().manual_seed(0))
    padded = tokens.clone()
    padded[0, 1] = MASKED

    with torch.no_grad():
        found = module.rebuilt(cls, tokens)
        other_cls, other_tokens = module.rebuilt(-cls, tokens), module.rebuilt(cls, padded)

    assert found.shape == (2, duplex.LONGEST, made.vocabulary)
    assert not torch.allclose(found, other_cls, atol=1e-3)
    assert not torch.allclose(found[0], other_tokens[0], atol=1e-3)
    torch.testing.assert_close(found[1], other_tokens[1])


def test_both_claims_are_measured_also_when_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplex, "read", lambda _: sentences())
    monkeypatch.setattr(duplex, "data_folder", lambda: None)
    monkeypatch.setattr(duplex, "STEPS", 2)
    report = Report()

    duplex.study(report, range(2), lambda _line: None)

    assert [claim.target for claim in report.claims] == [">= 2", "< 2"]
    for claim in report.claims:
        assert claim.name.startswith(duplex.METHOD)
        assert present(claim.low) <= present(claim.value) <= present(claim.high)
