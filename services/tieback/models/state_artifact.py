"""What a method learned in a text space, as an artifact; one of each kind ships with the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tieback.artifacts import HEADER, Artifact, Kind, stored
from tieback.core.errors import InvalidInput, OtherWeights
from tieback.core.state import Schema, State, check_state
from tieback.core.types.vectors import SpaceRef
from tieback.methods.answer_decision import decisions
from tieback.methods.answerability import answerabilities
from tieback.methods.grounding import checkers


@dataclass(frozen=True, slots=True)
class StateArtifact:
    """A kind of artifact that holds the state of one method, whose arrays `schema` says."""

    kind: Kind
    schema: Callable[[], Schema]
    folder: str
    """Where the shipped one is, beside this file."""

    def shipped(self) -> Path:
        """The folder of the one that comes with the package."""
        with resources.as_file(resources.files("tieback.models") / self.folder) as folder:
            return stored(folder)[0]

    def learned(self, folder: Path, served: Iterable[SpaceRef]) -> State | None:
        """The state in a folder; None where its space is not served, or has other weights.

        ArtifactError where it is not whole, or not for this release.
        """
        artifact = Artifact.load(folder, self.kind)
        try:
            check_state(artifact.arrays, self.schema())
        except InvalidInput as error:
            raise self.kind.unreadable(folder, error) from error
        try:
            artifact.check_weights(served)
        except OtherWeights:
            return None
        return artifact.arrays

    def is_in(self, folder: Path) -> bool:
        """Whether what is in a folder says that it is of this kind."""
        try:
            return bool(json.loads((folder / HEADER).read_bytes())["kind"] == self.kind.name)
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def file(self, folder: Path, name: str) -> bytes:
        """A further file of the one in a folder. ArtifactError where it has none, or is not whole."""
        files = Artifact.load(folder, self.kind).files
        if name not in files:
            raise self.kind.unreadable(folder, KeyError(name))
        return files[name]

    def facts(self, folder: Path) -> Mapping[str, Any]:
        """What is known of the one in a folder. ArtifactError where it is not whole."""
        return Artifact.load(folder, self.kind).facts


CLAIMS = StateArtifact(
    Kind("claim_reading", "checker that reads claims", 1, "train it again: tieback train claim_reading"),
    lambda: checkers.state("claim_reading"),
    "shipped_claims",
)
DECIDER = StateArtifact(
    Kind("answer_decision", "decision about questions", 1, "train it again: tieback train answer_decision"),
    lambda: decisions.state("linear"),
    "shipped_decision",
)
READER = StateArtifact(
    Kind(
        "question_reading", "judge that reads passages", 1, "train it again: tieback train question_reading"
    ),
    lambda: answerabilities.state("question_reading"),
    "shipped_reading",
)
JUDGE = StateArtifact(
    Kind("answerability", "judge of answerability", 1, "train it again: tieback train answerability"),
    lambda: answerabilities.state("question_alignment"),
    "shipped_answerability",
)
