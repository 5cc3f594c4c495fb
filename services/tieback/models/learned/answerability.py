"""A judge of answerability that aligns the tokens of question and passages."""

from __future__ import annotations

from tieback.artifacts import Kind
from tieback.methods.answerability import answerabilities
from tieback.models.joint.states import LearnedJudge, StateArtifact

JUDGE = StateArtifact(
    Kind("answerability", "judge of answerability", 1, "train it again: tieback train answerability"),
    answerabilities,
    "question_alignment",
    "shipped_answerability",
)
SERVED = JUDGE.served_as(LearnedJudge)
