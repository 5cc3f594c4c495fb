"""A decision about questions, before they are answered."""

from __future__ import annotations

from tieback.artifacts import Kind
from tieback.methods.answer_decision import decisions
from tieback.models.joint.states import LearnedDecision, StateArtifact

DECIDER = StateArtifact(
    Kind("answer_decision", "decision about questions", 1, "train it again: tieback train answer_decision"),
    decisions,
    "linear",
    "tieback_lab.models/shipped_decision",
)
SERVED = DECIDER.served_as(LearnedDecision)
