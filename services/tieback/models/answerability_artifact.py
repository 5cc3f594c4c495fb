"""A learned judge of answerability as an artifact: the state of the method `question_alignment`.

One ships with the package (`shipped_answerability/`); `tieback train answerability` makes others.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from tieback.artifacts import Artifact, Kind, stored
from tieback.core.errors import InvalidInput, OtherWeights
from tieback.core.state import State, check_state
from tieback.core.types.vectors import SpaceRef
from tieback.methods.answerability import answerabilities

METHOD = "question_alignment"
ANSWERABILITY = Kind(
    "answerability", "judge of answerability", 1, "train it again: tieback train answerability"
)


def shipped() -> Path:
    """The folder of the judge that comes with the package."""
    with resources.as_file(resources.files("tieback.models") / "shipped_answerability") as folder:
        return stored(folder)[0]


def learned(folder: Path, served: Iterable[SpaceRef]) -> State | None:
    """The state in a folder; None where the space that it was learned in is not served, or has other weights.

    ArtifactError where it is not whole, or not for this release.
    """
    artifact = Artifact.load(folder, ANSWERABILITY)
    try:
        check_state(artifact.arrays, answerabilities.state(METHOD))
    except InvalidInput as error:
        raise ANSWERABILITY.unreadable(folder, error) from error
    try:
        artifact.check_weights(served)
    except OtherWeights:
        return None
    return artifact.arrays
