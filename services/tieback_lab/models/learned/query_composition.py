"""A learned composition of queries: how a photo and words become one vector in the space of photos.

An artifact that `tieback train composed_query` made, for one encoder of photos and one of texts. It is arrays
for a method of the family `query_composition`, and knows neither encoder by more than its exact space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.state import State, check_state
from tieback.models.learned import ServedKind
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback_lab.methods.query_composition import query_compositions

QUERY_COMPOSITION = Kind(
    "query_composition", "composition of queries", 1, "train it again: tieback train composed_query"
)


@dataclass(frozen=True, slots=True, eq=False)
class LearnedComposition:
    """By `method`, with `state`, from rows of the encoders `image` and `text`, named as they are asked.

    `space` is that of photos. With `regions`, a photo's rows are its whole and its regions.
    """

    name: str
    method: str
    state: State
    image: str
    text: str
    space: SpaceRef
    regions: bool
    tokens: bool

    @classmethod
    def load(cls, folder: Path, served: Sequence[EncoderCard]) -> LearnedComposition:
        """ArtifactError where the folder holds none, or it is for other encoders than those `served`."""
        artifact = Artifact.load(folder, QUERY_COMPOSITION)
        artifact.check_weights([card.space for card in served])
        facts = artifact.facts
        cards = {card.name: card for card in served}
        for name in (facts["image"], facts["text"]):
            if name not in cards:
                raise StartupError(f"the composition {facts['name']} needs the encoder {name}; serve it")
        check_state(artifact.arrays, query_compositions.state(facts["method"]))
        return cls(
            facts["name"],
            facts["method"],
            artifact.arrays,
            facts["image"],
            facts["text"],
            cards[facts["image"]].space,
            facts["regions"],
            facts["tokens"],
        )

    @property
    def image_kinds(self) -> frozenset[VectorKind]:
        """What is asked of the encoder of photos."""
        return image_kinds(self.regions)

    @property
    def text_kinds(self) -> frozenset[VectorKind]:
        """What is asked of the encoder of texts."""
        return text_kinds(self.tokens)

    def compose(self, image: Array, text: Array) -> Array:
        """The query vector `[width]`, of length 1, for the rows of a photo and of a text."""
        method = query_compositions.configure(self.method)
        return np.asarray(method(image[None], text[None], np.ones((1, len(text)), bool), self.state)[0])


SERVED = ServedKind(
    QUERY_COMPOSITION,
    LearnedComposition,
    lambda folder, models: LearnedComposition.load(folder, models.encoders),
    lambda one: (f"the composition {one.name!r}",),
)


def image_kinds(regions: bool) -> frozenset[VectorKind]:
    """The kinds of which a photo's rows are made."""
    return frozenset({VectorKind.DENSE, *([VectorKind.MULTI_VECTOR] if regions else [])})


def text_kinds(tokens: bool) -> frozenset[VectorKind]:
    """The kinds of which a text's rows are made: its tokens, or its one vector."""
    return frozenset({VectorKind.MULTI_VECTOR if tokens else VectorKind.DENSE})


def rows_of(dense: Array | None, rows: Array | None) -> Array:
    """The rows `[rows, width]`, float32, of what an encoder gives: the whole first, then the parts."""
    parts = [one for one in (None if dense is None else dense[None], rows) if one is not None]
    return np.concatenate(parts).astype(np.float32)
