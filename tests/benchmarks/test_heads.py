"""What the benchmark of heads makes of labelled vectors."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.projection import unit_rows

from benchmarks.lab.heads import (
    BOTH,
    CORPUS,
    CORPUS_MEMORY,
    INPUTS,
    IRRELEVANT,
    LOGISTIC,
    MEANS,
    OWN,
    SHARE,
    SHARE_IRRELEVANT,
    SVM,
    Found,
    LabelledSet,
    claim,
    dealt,
    measured,
    tell_found,
)
from benchmarks.report import Report

pytestmark = pytest.mark.all

DRAW = np.random.default_rng(0)
CENTRES = unit_rows(DRAW.normal(size=(3, 16)))


def apart(of_each: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(3), of_each)
    return CENTRES[labels] + 0.05 * DRAW.normal(size=(len(labels), 16)), labels


def test_examples_and_corpus_are_different_ones_as_many_of_each_class() -> None:
    labels = np.repeat(np.arange(4), 30)

    examples, others = dealt(labels, 3, seed=1)
    again, _ = dealt(labels, 3, seed=1)
    other, _ = dealt(labels, 3, seed=2)

    assert np.bincount(labels[examples]).tolist() == [3] * 4
    assert np.bincount(labels[others]).tolist() == [CORPUS] * 4
    assert not set(examples) & set(others)
    assert (examples == again).all()
    assert set(examples) != set(other)


def test_every_way_is_measured_and_classes_that_lie_apart_are_told_apart() -> None:
    learnt, tested = apart(10), apart(10)
    inputs = DRAW.normal(size=(30, 4)), DRAW.normal(size=(30, 4))
    one = LabelledSet("apart", *learnt, *tested, DRAW.normal(size=(50, 16)), inputs)

    found = measured(one, 2, seed=0)

    for way in (MEANS, LOGISTIC, SVM, OWN, CORPUS_MEMORY, BOTH, IRRELEVANT):
        assert found[way] == 100
    assert found[INPUTS] < 80, "the inputs say nothing"
    assert 0 <= found[SHARE_IRRELEVANT] < found[SHARE] <= 1


def test_where_all_are_examples_there_is_no_corpus() -> None:
    one = LabelledSet("few", *apart(4), *apart(4), DRAW.normal(size=(50, 16)))

    assert {CORPUS_MEMORY, BOTH, SHARE, INPUTS}.isdisjoint(measured(one, 4, seed=0))


def test_claims_are_of_means_over_seeds_and_tables_show_their_range() -> None:
    def seed(gain: float, share: float) -> Found:
        return {
            MEANS: 60,
            INPUTS: 50,
            LOGISTIC: 70,
            SVM: 50 + gain,
            OWN: 70,
            CORPUS_MEMORY: 60 + gain,
            BOTH: 75,
            IRRELEVANT: 69.5,
            SHARE: 0.5,
            SHARE_IRRELEVANT: share,
        }

    found = {("digits", count): [seed(10, 0.1), seed(40, 0.2)] for count in (1, 8)}
    report = Report()

    tell_found(found, report)
    claim(found, report)

    features, memory, share, lost, *_ = report.claims
    assert (features.value, features.low, features.high, features.met) == (25, 10, 40, False)
    assert "8 examples a class" in features.name
    assert (memory.value, memory.met) == (25, True)
    assert share.value == pytest.approx(0.15)
    assert share.met
    assert (lost.value, lost.met) == (0.5, True)
    accuracy, gates = report.tables.values()
    assert accuracy[0][LOGISTIC] == "70.0 (70.0 to 70.0)"
    assert gates[0][SHARE_IRRELEVANT] == "0.150 (0.100 to 0.200)"
