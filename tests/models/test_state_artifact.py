"""The judge of answerability that comes with the package."""

from __future__ import annotations

import pytest
from tieback.catalog.catalog import Catalog
from tieback.generator.judging import LEARNED, WITHOUT_STATE, Judges
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.models.state_artifact import JUDGE

SPACE = "all-minilm-l6-v2"


def test_the_shipped_judge_is_small_and_of_the_served_text_space() -> None:
    served = [card.space for card in Catalog.load().encoders() if card.name == SPACE]
    state = JUDGE.learned(JUDGE.shipped(), served)

    assert state is not None
    assert sum(path.stat().st_size for path in JUDGE.shipped().iterdir()) < 1_000_000
    assert Judges({LEARNED: state}).default.name == LEARNED
    assert [threshold_of(wanted, state) for wanted in (0.6, 0.7, 0.8)] == pytest.approx([0.29, 0.53, 0.69])


def test_with_another_text_space_the_rule_judges() -> None:
    assert JUDGE.learned(JUDGE.shipped(), []) is None
    assert Judges().default.name == WITHOUT_STATE
