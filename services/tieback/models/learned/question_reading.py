"""A judge of answerability whose network reads question and passages together."""

from __future__ import annotations

from tieback.artifacts import Kind
from tieback.methods.answerability import answerabilities
from tieback.models.joint.states import LearnedJudge, StateArtifact

READER = StateArtifact(
    Kind(
        "question_reading", "judge that reads passages", 1, "train it again: tieback train question_reading"
    ),
    answerabilities,
    "question_reading",
    "shipped_reading",
    reads=True,
)
SERVED = READER.served_as(LearnedJudge)
