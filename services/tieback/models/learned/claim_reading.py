"""A checker of claims whose network reads claim and evidence together."""

from __future__ import annotations

from tieback.artifacts import Kind
from tieback.methods.grounding import checkers
from tieback.models.joint.states import LearnedChecker, StateArtifact

CLAIMS = StateArtifact(
    Kind("claim_reading", "checker that reads claims", 1, "train it again: tieback train claim_reading"),
    checkers,
    "claim_reading",
    "shipped_claims",
    reads=True,
)
SERVED = CLAIMS.served_as(LearnedChecker)
