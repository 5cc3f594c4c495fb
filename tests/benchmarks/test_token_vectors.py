"""What the benchmark of token vectors makes of a judged collection."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bag_of_words import WIDTH, BagOfWords, card
from tieback.training.step_cache import StepCache

from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.report import Report
from benchmarks.token_vectors import CHOICES, DEFAULT, claim, measured

pytestmark = pytest.mark.all

DOCUMENTS = [
    Document("tides", "the moon pulls the sea and makes the tides", "Tides"),
    Document("bread", "bread is made from flour water salt and yeast"),
    Document("ships", "ships sail on the sea with the wind"),
]
QUESTIONS = [
    Question("1", ["what makes the tides"], {"tides": 1}),
    Question("2", ["flour and yeast"], {"bread": 1}),
]


async def test_a_row_for_each_way_to_keep_vectors_and_claims_of_the_default(tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("0")
    choices = [("ward", 1, "float32"), ("ward", 1, "binary"), DEFAULT]

    judged, cache = Judged("small", DOCUMENTS, QUESTIONS), StepCache(tmp_path / "steps")
    every, binary, default = await measured(judged, BagOfWords(card(tmp_path)), cache, choices)

    assert DEFAULT in CHOICES
    assert (every["reranked"], every["reranked, lost"], every["merged, lost"]) == (1, 0, 0)
    assert every["share of every row in float32"] == 1
    assert binary["share of every row in float32"] == pytest.approx(
        (WIDTH / 4 + 8) / (4 * WIDTH + 8), rel=0.3
    )
    assert default["bytes a section"] < 0.2 * every["bytes a section"]
    report = Report()
    claim("small", [every, default], report)
    by_name = {one.name.removeprefix("small: "): one.value for one in report.claims}
    assert by_name["bytes by default, of every row in float32"] == pytest.approx(
        default["share of every row in float32"], rel=1e-3
    )
    assert by_name["nDCG@10 that is lost by default, reranked"] == pytest.approx(default["reranked, lost"])
    assert by_name["nDCG@10 that is lost by default, merged"] == pytest.approx(default["merged, lost"])
    assert len(by_name) == 4
