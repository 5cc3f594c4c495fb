"""A decision by two thresholds and a list of words, which learned nothing.

A request that begins with a word of asking for a thing ("show", "find") asks for the item. Otherwise it is
answered where the judge of answerability says so, searched for again where a passage is near to the
question, and abstained from elsewhere. Probabilities are 0 and 1.
"""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.answer_decision import ACTIONS, Found, decisions
from tieback_contract.answers import AnswerAction
from tieback_contract.arrays import Array

ASKS_FOR_IT = re.compile(
    r"\W*(?:please\s+|can you\s+|could you\s+)?"
    r"(?:show|find|open|get|give|fetch|bring|display|list|look up)\b",
    re.IGNORECASE,
)
NEAR = 0.45
"""The cosine of question and sentence, in MiniLM's space, from which on they are about the same matter."""


@decisions.method
def thresholds(
    found: Found,
    state: State,  # noqa: ARG001 - it has learned nothing
    *,
    near: Annotated[float, Field(ge=-1, le=1)] = NEAR,
) -> Array:
    """The one action, with a probability of 1."""
    judged = found.judgement
    nearest = max(
        (float((one.vectors @ found.question.vector).max(initial=-1.0)) for one in found.passages),
        default=-1.0,
    )
    if ASKS_FOR_IT.match(found.question.text):
        action = AnswerAction.ITEM if nearest >= near else AnswerAction.ABSTAIN
    elif judged.score >= judged.threshold:
        action = AnswerAction.ANSWER
    else:
        action = AnswerAction.SEARCH if nearest >= near else AnswerAction.ABSTAIN
    return np.array([float(one is action) for one in ACTIONS])
