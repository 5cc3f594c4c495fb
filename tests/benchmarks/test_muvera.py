"""The benchmark of fixed-dimension encodings, on documents whose rows are known."""

import numpy as np
import pytest
from tieback.models.encoder_model import RawEncoding
from tieback_contract.arrays import Array
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import SpaceRef

from benchmarks.lab.muvera import DENSE, EXACT, measured
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.report import Report

pytestmark = pytest.mark.all

SPACE, WIDTH = SpaceRef("small", "r1", "0" * 16), 32


def encoding(rows: Array) -> RawEncoding:
    spans = np.stack((np.arange(len(rows)), np.arange(len(rows)) + 1), axis=1)
    return RawEncoding(rows.mean(axis=0), rows, Locators(LocatorKind.BYTE_SPAN, spans))


def test_encodings_that_are_large_enough_find_what_late_interaction_finds() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 6, WIDTH)).astype(np.float32)
    documents = [Document(str(place), "text", "") for place in range(200)]
    questions = [Question(str(place), ["words"], {str(place): 1}) for place in range(20)]
    asked = rows[:20, :4] + 0.2 * random.standard_normal((20, 4, WIDTH)).astype(np.float32)
    report = Report()

    measured(
        Judged("made", documents, questions),
        *(SPACE, WIDTH, [encoding(one) for one in rows], [encoding(one) for one in asked], report),
        [{"bits": 0, "repetitions": 1, "projected": 1}, {"bits": 4, "repetitions": 20, "projected": 32}],
    )

    (table,) = report.tables.values()
    exact, dense, poor, good = table
    assert [row["candidates by"] for row in table[:2]] == [EXACT, DENSE]
    assert exact["recall@50 of the exact 10"] == 1
    assert poor["recall@50 of the exact 10"] < 0.7 < good["recall@50 of the exact 10"]
    assert dense["nDCG@10"] <= exact["nDCG@10"] == good["nDCG@10"] == 1
    assert len(report.claims) == 1
