"""The joint space: blocks side by side, each of one space, and the input adapters that fill them.

    joint vector    [ all-minilm-l6-v2 | efficientnet-lite0 | wordllama ]
    of a document     unit vector        unit vector          unit vector
    of a query        w1 · unit vector   w2 · unit vector     w3 · unit vector

The inner product of a query with a document is Σ w_k · cosine_k. So a query can weight the spaces freely, and
stored vectors do not change. `class_names` and `bound` make a joint space.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import StartupError
from tieback.models.joint.graphs import ProjectionGraph
from tieback.router.input_adapters import InputAdapter


@dataclass(frozen=True, slots=True)
class Component:
    """A space that has a block of its own, of that width."""

    space: SpaceRef
    width: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which spaces encode a modality, and which blocks they reach."""

    sources: tuple[str, ...]
    blocks: frozenset[str]


@dataclass(frozen=True, slots=True)
class JointSpace:
    """Which blocks a joint vector has, where they are, and how encodings enter them.

    `coverage` is by modality; a modality that is not in it is expected in every block. `native` are, by
    block, the modalities that the block's own space encodes; a block that is not in it is of texts. `binding`
    is the revision of the artifact that the space was made from, empty where it was made from the names of
    classes. `graphs` compute all projections of a modality's dense vectors at once, if the artifact
    has them. `stays` are, by earlier joint spaces, the modalities whose stored vectors are the same here.
    """

    components: tuple[Component, ...]
    adapters: Mapping[str, InputAdapter]
    ref: SpaceRef
    coverage: Mapping[Modality, Coverage] = field(default_factory=dict)
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    binding: str = ""
    graphs: Mapping[Modality, ProjectionGraph] = field(default_factory=dict)
    native: Mapping[str, Collection[Modality]] = field(default_factory=dict)
    stays: Mapping[SpaceRef, frozenset[Modality]] = field(default_factory=dict)
    names: tuple[str, ...] = field(init=False)
    width: int = field(init=False)
    _slices: Mapping[str, slice] = field(init=False)
    _begins: Array = field(init=False)
    _widths: Array = field(init=False)

    def __post_init__(self) -> None:
        """StartupError where there are no blocks, or two of one name."""
        names = tuple(component.space.name for component in self.components)
        if not names or len(set(names)) < len(names):
            raise StartupError("the joint space needs at least one component, each of a name of its own")
        widths = np.array([component.width for component in self.components])
        ends = np.cumsum(widths)
        begins = ends - widths
        slices = dict(zip(names, map(slice, begins.tolist(), ends.tolist()), strict=True))
        derived = {
            "names": names, "width": int(ends[-1]), "_slices": slices, "_begins": begins, "_widths": widths,
        }  # fmt: skip
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def projections(self) -> tuple[str, ...]:
        """Every projection from one space into another, as explanations name it."""
        every = [projection.name for adapter in self.adapters.values() for projection in adapter.projections]
        return tuple(name for name in every if name)

    def block(self, name: str) -> slice:
        """Where a component's block is within a joint vector."""
        return self._slices[name]

    def lengths(self, rows: Array) -> Array:
        """How long each row `[n, width]` is in each block, `[n, blocks]`."""
        return np.asarray(np.sqrt(np.add.reduceat(rows * rows, self._begins, axis=1)))

    def scaled(self, rows: Array, factors: Array) -> Array:
        """Rows `[n, width]`, each block of them by its factor `[n, blocks]`."""
        return np.asarray(rows * factors.astype(np.float32).repeat(self._widths, axis=1))

    def unit(self, rows: Array) -> tuple[Array, Array]:
        """Rows with every block at length 1, and the present blocks `[n, blocks]`; zeros stay zeros."""
        lengths = self.lengths(rows)
        present = lengths > 0
        return self.scaled(rows, 1 / np.where(present, lengths, 1)), present

    def modality_of(self, space: str, otherwise: Modality) -> Modality:
        """The modality of the space; `otherwise` if the joint space has none for it."""
        return self.modalities.get(space, otherwise)

    def expected(self, modalities: Collection[Modality]) -> frozenset[str]:
        """The blocks that contents of these modalities reach together; where there are none, either's."""
        each = [
            self.coverage[one].blocks if one in self.coverage else frozenset(self.names) for one in modalities
        ]
        return frozenset.intersection(*each) or frozenset.union(*each)

    def ignored(
        self, modalities: Collection[Modality], weights: Mapping[str, float]
    ) -> list[IgnoredDimensions]:
        """What does not count of a query of these modalities, whose blocks have these weights.

        Texts are not compared with texts in blocks that they enter by learned projections alone: most texts
        are alike there (docs/decisions/0003). If a query has weights in no other block, all of it counts.
        """
        if set(modalities) != {Modality.TEXT}:
            return []
        used = [name for name in self.names if weights[name] > 0]
        projected = [name for name in used if Modality.TEXT not in self.native.get(name, (Modality.TEXT,))]
        if len(projected) == len(used):
            return []
        blocks = map(self.block, projected)
        return [IgnoredDimensions(Modality.TEXT, one.start, one.stop) for one in blocks]
