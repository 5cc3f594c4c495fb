"""What is decided about a question before it is answered."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class AnswerAction(enum.StrEnum):
    """What is done about a question, by what was found for it."""

    ANSWER = "answer"
    """It is answered from the passages."""
    ITEM = "item"
    """The item itself is what is asked for; nothing is written."""
    SEARCH = "search"
    """The passages are about it and do not answer it; another search may."""
    ABSTAIN = "abstain"
    """Nothing that was found bears on it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The likeliest action, and how likely each is."""

    action: AnswerAction
    """What is done."""
    probabilities: Mapping[AnswerAction, float]
    """Of each action; they add up to 1."""
    method: str
    """The method of the family "answer_decision" that decided."""
    evidence_id: str = ""
    """The passage that is nearest to the question: the item that is asked for, where that is the action."""
    item_id: str = ""
    """The item it is in."""
    section_id: str = ""
    """The section within the item."""
