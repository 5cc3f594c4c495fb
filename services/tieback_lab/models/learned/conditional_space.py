"""Conditions under which contents of one space are alike, such as "colour" or "shape" of photos.

An artifact that `tieback train conditional_space` or `separate` made for one encoder. It projects the
encoder's vectors, stored ones as well, to a space for each condition; nothing is encoded again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard
from tieback.catalog.source import short_hash
from tieback.core.state import State, check_state
from tieback.encoder.conditional import ConditionalVectors
from tieback.models.content_rows import padded, row_kinds
from tieback.models.learned import ServedKind
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback_lab.methods.conditional_projection import conditional_projections

CONDITIONAL_SPACE = Kind(
    "conditional_space", "conditional space", 1, "train it again by its recipe: tieback recipes"
)


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalSpace(ConditionalVectors):
    """By `method`, with `state`, of vectors of `encoder`, which reads `modality` and whose space is `space`.

    `conditions` are their names, in the order of the state. With `regions`, contents were compared by the
    rows of their multi-vectors too when it was learned.
    """

    encoder: str
    modality: Modality
    space: SpaceRef
    conditions: Sequence[str]
    method: str
    state: State
    regions: bool
    revision: str

    @classmethod
    def load(cls, folder: Path, served: Sequence[EncoderCard]) -> ConditionalSpace:
        """ArtifactError where the folder holds none, or it is for another encoder than those `served`."""
        artifact = Artifact.load(folder, CONDITIONAL_SPACE)
        artifact.check_weights([card.space for card in served])
        facts = artifact.facts
        card = next(card for card in served if card.name == facts["encoder"])
        check_state(artifact.arrays, conditional_projections.state(facts["method"]))
        return cls(
            card.name,
            card.modality,
            card.space,
            tuple(facts["conditions"]),
            facts["method"],
            artifact.arrays,
            facts["regions"],
            artifact.revision,
        )

    @property
    def kinds(self) -> frozenset[VectorKind]:
        """What is asked of the encoder."""
        return row_kinds(self.regions)

    @property
    def width(self) -> int:
        """Dimensions of the projected vectors."""
        return int(self.state["out"].shape[-1])

    def space_under(self, condition: str) -> SpaceRef:
        """The space of the projected vectors."""
        own = short_hash(self.space.fingerprint, self.revision, condition)
        return dataclasses.replace(self.space, fingerprint=own)

    def project(self, contents: Sequence[Array], condition: str) -> Array:
        """Unit rows `[n, width]` of contents, each by its rows `[rows, input width]`, the whole's first."""
        rows, mask = padded(contents)
        method = conditional_projections.configure(self.method)
        return method(rows, mask, self.conditions.index(condition), self.state)


SERVED = ServedKind(
    CONDITIONAL_SPACE,
    ConditionalSpace,
    lambda folder, models: ConditionalSpace.load(folder, models.encoders),
    lambda one: [f"the condition {name!r} of {one.encoder}" for name in one.conditions],
)
