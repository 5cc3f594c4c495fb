"""The judges of answerability that come with the package."""

from __future__ import annotations

import pytest
from tieback.catalog.catalog import Catalog
from tieback.generator.evidence.answerability import LEARNED, WITHOUT_STATE, Judges
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.models.learned.answerability import JUDGE
from tieback.models.learned.question_reading import READER
from tieback.models.store import Store
from tieback.models.text.question_reader import GRAPH, load_question_reader

SPACE = "all-minilm-l6-v2"
READING, ALIGNMENT = LEARNED


def test_the_shipped_judge_is_small_and_of_the_served_text_space() -> None:
    served = [card.space for card in Catalog.load().encoders() if card.name == SPACE]
    state = JUDGE.learned(JUDGE.shipped(), served)

    assert state is not None
    assert sum(path.stat().st_size for path in JUDGE.shipped().iterdir()) < 1_000_000
    assert Judges({ALIGNMENT: state}).default.name == ALIGNMENT
    assert [threshold_of(wanted, state) for wanted in (0.6, 0.7, 0.8)] == pytest.approx([0.29, 0.53, 0.69])


def test_the_shipped_reader_is_smaller_than_its_encoder_and_tells_whether_the_answer_is_there() -> None:
    [card] = [card for card in Catalog.load().encoders() if card.name == SPACE]
    state = READER.learned(READER.shipped(), [card.space])
    reader = load_question_reader(READER.file(READER.shipped(), GRAPH), card, Store())
    said = "The bridge over the Aare was built of stone. It was opened in 1884 and repaired twice."

    assert state is not None
    assert sum(path.stat().st_size for path in READER.shipped().iterdir()) < 12_000_000
    assert Judges({READING: state}, reader).default.name == READING
    assert reader("When was the bridge opened?", said) > reader("Who paid for the bridge?", said)
    assert reader("When was the bridge opened?", said) > reader("When was the library opened?", said)


def test_with_another_text_space_the_rule_judges() -> None:
    assert JUDGE.learned(JUDGE.shipped(), []) is None
    assert READER.learned(READER.shipped(), []) is None
    assert Judges().default.name == WITHOUT_STATE
