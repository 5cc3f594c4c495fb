"""What merging tokens saves and loses is told by the rule that cards are held to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback_lab.catalog.reduction import MeasuredRatio

from benchmarks.__main__ import main
from benchmarks.lab.reduction import LENGTHS, SPACE, Found, _claim
from benchmarks.report import Report

pytestmark = pytest.mark.all

ROOT = Path(__file__).parents[2]
CARD = next(card for card in Catalog.load().encoders() if card.name == SPACE)
WHOLE = Found({}, {"STS": 0.7, "nDCG": 0.4})


def found(speed: float, *, lost: float) -> Found:
    return Found(
        {128: np.full(5, speed), 256: np.full(5, 2 * speed)}, {"STS": 0.7 - lost, "nDCG": 0.4 + lost}
    )


def test_the_fastest_ratio_that_loses_little_is_claimed_at_the_length_that_gains_least() -> None:
    report = Report()

    _claim(
        CARD,
        {
            ("pitome", 0.9): found(1.1, lost=0.001),
            ("pitome", 0.8): found(1.4, lost=0.009),
            ("pitome", 0.7): found(1.9, lost=0.02),
        },
        WHOLE,
        report,
    )

    (claim,) = report.claims
    assert (claim.value, claim.met) == (1.4, True)
    assert "at a ratio of 0.8" in claim.note


def test_where_every_ratio_loses_too_much_the_claim_is_missed() -> None:
    report = Report()

    _claim(CARD, {("pitome", 0.9): found(2.0, lost=0.02)}, WHOLE, report)

    (claim,) = report.claims
    assert (claim.value, claim.met) == (1.0, False)


def test_a_space_that_is_no_text_encoder_ends_the_program_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "sts").mkdir()
    (tmp_path / "cranfield").mkdir()
    for name in ("documents", "queries"):
        (tmp_path / "cranfield" / f"{name}.jsonl").write_text("")

    with pytest.raises(SystemExit, match="yamnet is no text encoder; they are: all-minilm-l6-v2"):
        main(["reduction", "--data", str(tmp_path), "--space", "yamnet"])


def test_no_ratio_that_was_measured_gains_enough_to_be_served() -> None:
    result = json.loads((ROOT / "benchmarks/results/reduction.json").read_text(encoding="utf-8"))
    rows = result["tables"][f"{SPACE} in {CARD.precision}: tokens merged"]

    measured = [
        MeasuredRatio(
            ratio=row["ratio"],
            speed={tokens: row[f"{tokens} tokens, times"] for tokens in LENGTHS},
            lost={key: value for key, value in row.items() if key.startswith("lost, ")},
        )
        for row in rows
    ]

    assert measured
    assert not any(one.is_served for one in measured)
