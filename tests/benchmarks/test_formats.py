"""What the benchmark of vector formats makes of vectors."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.codecs import codecs
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from benchmarks.formats import FUNNEL, choices, claim, measured, more_of
from benchmarks.report import Report

pytestmark = pytest.mark.all

WIDTH = 64


def unit(count: int, seed: int = 0) -> Array:
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_vectors_beyond_those_of_texts_are_mixed_and_have_length_1() -> None:
    vectors = unit(50)

    more = more_of(vectors, 300)

    assert (more[:50] == vectors).all()
    assert np.linalg.norm(more, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert len(np.unique(more, axis=0)) == 300
    assert (more_of(vectors, 20) == vectors[:20]).all()


def test_every_codec_is_measured_and_the_claims_are_of_the_funnel() -> None:
    vectors, queries = unit(2500), unit(5, seed=1)
    learned = MethodChoice("itq", {"learned_from": 256, "bits_per_dimension": 0.5})
    chosen = [MethodChoice("float32"), MethodChoice("binary", {"oversampling": 1}), FUNNEL, learned]

    rows = measured(vectors, queries, chosen, rounds=1)

    assert {one.name for one in choices()} == set(codecs.names())
    plain, few, funnel, itq = rows
    assert (plain["recall@10"], plain["oversampling"], plain["on disk"]) == (1.0, None, "")
    assert few["recall@10"] < funnel["recall@10"] <= 1
    assert few["share of float32"] < 0.07 < 1 <= plain["share of float32"]
    assert (itq["rows"], itq["oversampling"]) == ("learned_from 256, bits_per_dimension 0.5", 8)
    assert itq["share of float32"] < 0.07
    report = Report()
    claim(rows, report)
    assert [one.value for one in report.claims] == pytest.approx(
        [funnel["recall@10"], funnel["share of float32"]], rel=1e-3
    )
