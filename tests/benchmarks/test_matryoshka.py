"""What the Matryoshka benchmark makes of queries' numbers."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog

from benchmarks.lab.matryoshka import LEARNED, PLAIN, _claim, _lost, _of_queries
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.report import Report

pytestmark = pytest.mark.all

FULL = [np.full(30, 0.5), np.full(10, 0.3)]


def test_what_is_lost_is_a_share_of_the_mean_over_collections_whatever_their_sizes() -> None:
    value, low, high = _lost(FULL, [np.full(30, 0.5), np.full(10, 0.1)])

    assert value == pytest.approx(25)
    assert [low, high] == pytest.approx([25, 25])
    assert _lost(FULL, FULL)[0] == 0
    assert _lost(FULL, [np.full(30, 0.4), np.full(10, 0.3)], FULL)[0] == pytest.approx(12.5)


def test_the_interval_is_wide_where_queries_differ() -> None:
    draw = np.random.default_rng(0)
    served = [one - draw.uniform(0, 0.3, len(one)) for one in FULL]

    value, low, high = _lost(FULL, served)

    assert low < value < high
    assert high - low > 3


def test_queries_are_scored_by_the_documents_that_are_nearest() -> None:
    judged = Judged(
        "small",
        [Document(name, text=name) for name in ("a", "b", "c")],
        [Question("1", ["x"], {"b": 1}), Question("2", ["y"], {"a": 1})],
    )

    found = _of_queries(np.array([[0.1, 0.9, 0.3], [0.1, 0.9, 0.3]]), judged)

    assert found[0] == 1
    assert found[1] == pytest.approx(1 / np.log2(4))


def test_claims_leave_out_the_collection_that_settings_were_tuned_on() -> None:
    known = Catalog.load().get("all-minilm-l6-v2")
    assert isinstance(known, EncoderCard)
    card = known.model_copy(update={"widths": (128, 384)})
    gained = {
        (model, name, width): np.full(8, value)
        for model in (PLAIN, LEARNED)
        for name, base in (("cisi", 0.4), ("cranfield", 0.9))
        for width in (128, card.width)
        for value in [base if width == card.width else base - (0.02 if model == PLAIN else 0.004)]
    }
    report = Report()

    _claim(gained, card, report)

    lost, less = report.claims
    assert [lost.value, less.value] == pytest.approx([1.0, 4.0])
    assert lost.met
    assert less.met
    assert lost.note == "mean of cisi"
