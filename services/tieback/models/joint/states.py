"""What a method learned in a text space, as an artifact; one of each kind ships with the package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind
from tieback.core.errors import InvalidInput, OtherWeights
from tieback.core.family import Family
from tieback.core.state import State, check_state
from tieback.models.learned import ServedKind, ServedModels, shipped_folder

if TYPE_CHECKING:
    from tieback.models.text.question_reader import QuestionReader


@dataclass(frozen=True, slots=True, eq=False)
class LearnedState:
    """The state of a `method`, the artifact's revision and facts, and its network where it has one."""

    method: str
    state: State
    revision: str
    facts: Mapping[str, Any]
    reader: QuestionReader | None = None


class LearnedChecker(LearnedState):
    """Learned state of a checker of claims."""


class LearnedJudge(LearnedState):
    """Learned state of a judge of answerability."""


class LearnedDecision(LearnedState):
    """Learned state of a decision about questions."""


S = TypeVar("S", bound=LearnedState)


@dataclass(frozen=True, slots=True)
class StateArtifact:
    """A kind of artifact that holds the state of one method of a family, with a network if it `reads`."""

    kind: Kind
    family: Family[Any]
    method: str
    folder: str
    """Folder of the shipped one, as `shipped_folder` takes it."""
    reads: bool = False

    def shipped(self) -> Path:
        """The folder of the one that comes with the package."""
        return shipped_folder(self.folder)

    def learned(self, folder: Path, served: Iterable[SpaceRef]) -> State | None:
        """The state in a folder; None where its space is not served, or has other weights.

        ArtifactError where it is not whole, or not for this release.
        """
        try:
            return self._checked(folder, served).arrays
        except OtherWeights:
            return None

    def file(self, folder: Path, name: str) -> bytes:
        """A further file of the one in a folder. ArtifactError where it has none, or is not whole."""
        return self._file(Artifact.load(folder, self.kind), folder, name)

    def served_as(self, serves: type[S]) -> ServedKind[S]:
        """Way in which a server serves it; one at a time."""

        def load(folder: Path, models: ServedModels) -> S:
            try:
                artifact = self._checked(folder, [card.space for card in models.text_space])
            except OtherWeights as error:
                space = models.text_space[0].name if models.text_space else "the text space"
                raise OtherWeights(
                    f"{folder} was not learned in {space} as it is served; {self.kind.remedy}"
                ) from error
            reader = None
            if self.reads:
                from tieback.models.text.question_reader import GRAPH, load_question_reader

                graph = self._file(artifact, folder, GRAPH)
                reader = load_question_reader(graph, models.text_space[0], models.store)
            return serves(self.method, artifact.arrays, folder.name, artifact.facts, reader)

        return ServedKind(self.kind, serves, load, lambda _: (f"a {self.kind.called}",), self.folder)

    def _checked(self, folder: Path, served: Iterable[SpaceRef]) -> Artifact:
        artifact = Artifact.load(folder, self.kind)
        try:
            check_state(artifact.arrays, self.family.state(self.method))
        except InvalidInput as error:
            raise self.kind.unreadable(folder, error) from error
        artifact.check_weights(served)
        return artifact

    def _file(self, artifact: Artifact, folder: Path, name: str) -> bytes:
        if name not in artifact.files:
            raise self.kind.unreadable(folder, KeyError(name))
        return artifact.files[name]
