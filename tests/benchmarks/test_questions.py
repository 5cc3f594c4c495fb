"""The benchmark of whole collections asks once more for the score of each quote that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest
from tieback_client import Abstention, AbstentionReason, Answer, Client
from tieback_client.shown import Level

from benchmarks.questions import scored

pytestmark = pytest.mark.all


@dataclass
class Unsure:
    """A client whose answers are all abstained from, with a score."""

    score: float

    def answer(self, collection: str, question: str, **how: Any) -> Unsure:
        """The only answer that it has."""
        assert (collection, how["grounding"].abstain_below) == ("sea", 1.0)
        return self

    def collect(self) -> Answer:
        """Its end."""
        abstention = Abstention(AbstentionReason.WEAK_EVIDENCE, self.score, 1.0, "It is not sure.")
        return Answer("", [], [], {}, abstention=abstention)


def test_quotes_that_are_shown_have_their_score_and_whether_they_are_right() -> None:
    answers = [
        {"question": "Who?", "level": "quote", "outcome": "right and shown"},
        {"question": "When?", "level": "passages", "outcome": "from another file"},
        {"question": "Why?", "level": "", "outcome": "abstained rightly"},
        {"question": "How?", "level": "supported", "outcome": "right and shown"},
    ]

    found = scored(cast("Client", Unsure(0.4)), "sea", answers)

    assert [(one.level, one.is_right, one.score) for one in found] == [
        (Level.QUOTE, True, 0.4),
        (Level.PASSAGES, False, 0.4),
    ]
