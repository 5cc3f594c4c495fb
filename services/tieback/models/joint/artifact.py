"""A joint space as an artifact: blocks, the space projections into them, routers, imputations, measurements.

A joint vector is blocks side by side (docs/decisions/0003). Each block belongs to one space; the vectors of
that space and of others are projected into it. The artifact's facts describe these, its arrays are the states
of projections, routers and imputations, and its files are their graphs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact, Kind, check_weights
from tieback.core.errors import OtherWeights

REMEDY = "bind again: tieback bind"
BINDING = Kind("joint_space", "binding", 2, REMEDY)
NATIVE = "native"
"""The method of a projection that leaves the vectors of the block's own space unchanged."""

GRAPH = ".onnx"
"""Ends the name of a graph's file in the artifact."""


@dataclass(frozen=True, slots=True)
class SpaceBlock:
    """A block of the joint vector, named by the space it belongs to; `width` may be less than the space's.

    `modality` is what is found in the block. Where several encoders share the space, `encodes` are the
    modalities of those that were bound; empty where there is one encoder, of `modality`.
    """

    space: SpaceRef
    modality: Modality
    width: int
    encodes: tuple[Modality, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class BoundProjection:
    """How dense vectors of `source` (`source_width` wide) are projected into the block named `block`.

    `method` is of the family projection, or NATIVE; `parameters` are its parameters and `state` its arrays. A
    projection that `imputes` is used only for contents without a vector of the block's own space. Graphs do
    not contain it, since they use all of their projections.
    """

    source: SpaceRef
    source_width: int
    block: str
    method: str = NATIVE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    imputes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class BoundRouter:
    """The router of one modality: weights blocks by the dense vectors of `inputs`, side by side.

    `method` is of the family routing; `state` holds its arrays. `weight_ranges` is, by block, the range in
    which the mean weight of a hundred queries was at binding, and `mean_weights` the mean weight.
    """

    modality: Modality
    inputs: tuple[str, ...]
    method: str
    parameters: Mapping[str, Any]
    state: Mapping[str, Array]
    weight_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    mean_weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class BoundImputation:
    """How the blocks of missing spaces are imputed in queries.

    `method` is of the family imputation, `state` its arrays, in which blocks are named by their places; they
    may be of half precision. `losses` are those of `JointSpaceArtifact`, with this method in place.
    """

    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of the state."""
        return sum(array.nbytes for array in self.state.values())


@dataclass(frozen=True, eq=False)  # without slots: the revision is kept
class JointSpaceArtifact:
    """The whole binding.

    `losses` are the points of recall that queries of a modality lost at binding without a space: by modality,
    then by space. `metrics` and `provenance` (data, seeds, seconds) are for reports; no server reads them.
    The first of the `imputations` is the default, and `losses` are its own; without any, missing blocks stay
    empty.
    `centres` are, by space and modality, what is taken off a dense vector before anything reads it: two
    encoders of one space hold the same thing a constant apart (Liang et al., 2022, arXiv:2203.02053).
    `graphs` are ONNX graphs by their names (`models/joint/graphs.py`); what has none is left to its methods.
    `stays` are, by the joint spaces that this one was made of by replacing components, the modalities whose
    stored vectors are the same in both, bit by bit (`recipes/binding/replacing.py`).
    """

    blocks: tuple[SpaceBlock, ...]
    projections: tuple[BoundProjection, ...]
    routers: tuple[BoundRouter, ...] = ()
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    centres: Mapping[str, Mapping[Modality, Array]] = field(default_factory=dict)
    graphs: Mapping[str, bytes] = field(default_factory=dict)
    imputations: tuple[BoundImputation, ...] = ()
    stays: Mapping[SpaceRef, frozenset[Modality]] = field(default_factory=dict)

    @cached_property
    def revision(self) -> str:
        """Names the binding by its content, of which every byte is hashed once."""
        return self._artifact().revision

    @property
    def width(self) -> int:
        """Of a joint vector."""
        return sum(block.width for block in self.blocks)

    @property
    def spaces(self) -> dict[str, SpaceRef]:
        """Every space that takes part, by name."""
        return {projection.source.name: projection.source for projection in self.projections}

    def takes(self, space: str, modality: Modality) -> bool:
        """Whether the modality enters by that space: of a shared one, an encoder may be left out."""
        encodes = next((block.encodes for block in self.blocks if block.space.name == space), ())
        return space in self.spaces and (not encodes or modality in encodes)

    def check(
        self, served: Iterable[SpaceRef], towers: Collection[tuple[SpaceRef, Modality]] | None = None
    ) -> None:
        """OtherWeights where the spaces that are served are not those that were bound.

        `towers` are the served spaces with what they encode; with them, a shared space is held to that too.
        """
        by_name = {space.name: space for space in served}
        check_weights(f"the binding {self.revision}", self.spaces.values(), by_name, REMEDY)
        every = {(block.space, modality) for block in self.blocks for modality in block.encodes}
        for space, modality in sorted(every - set(towers), key=str) if towers is not None else ():
            raise OtherWeights(
                f"the binding {self.revision} binds the {modality} encoder of the space {space.name!r}, "
                f"which is not served; serve it, or leave it out and {REMEDY}"
            )

    def save(self, root: Path) -> Path:
        """Writes the binding into a folder of its revision's name, and returns that."""
        return self._artifact().save(root)

    @classmethod
    def load(cls, folder: Path) -> JointSpaceArtifact:
        """Reads a binding. ArtifactError where a file is missing, not what it was, or does not fit."""
        artifact = Artifact.load(folder, BINDING)
        try:
            return cls._read(artifact)
        except (ValueError, TypeError, KeyError) as error:
            raise BINDING.unreadable(folder, error) from error

    @classmethod
    def _read(cls, artifact: Artifact) -> JointSpaceArtifact:
        facts, arrays = artifact.facts, artifact.arrays
        projections = [
            BoundProjection(
                SpaceRef(**one["source"]),
                one["source_width"],
                one["block"],
                one["method"],
                one["parameters"],
                _under(f"projections.{number}", arrays),
                one["imputes"],
            )
            for number, one in enumerate(facts["projections"])
        ]
        routers = [
            BoundRouter(
                Modality(one["modality"]),
                tuple(one["inputs"]),
                one["method"],
                one["parameters"],
                _under(f"routers.{number}", arrays),
                {name: (low, high) for name, (low, high) in one["weight_ranges"].items()},
                one["mean_weights"],
            )
            for number, one in enumerate(facts["routers"])
        ]
        blocks = [
            SpaceBlock(
                SpaceRef(**one["space"]),
                Modality(one["modality"]),
                one["width"],
                tuple(Modality(modality) for modality in one["encodes"]),
            )
            for one in facts["blocks"]
        ]
        imputations = [
            BoundImputation(
                one["method"], one["parameters"], _under(f"imputations.{number}", arrays), one["losses"]
            )
            for number, one in enumerate(facts["imputations"])
        ]
        centres = {
            space: {Modality(modality): arrays[f"centres.{space}.{modality}"] for modality in modalities}
            for space, modalities in facts["centres"].items()
        }
        bound = cls(
            tuple(blocks),
            tuple(projections),
            tuple(routers),
            facts["losses"],
            facts["metrics"],
            artifact.provenance,
            centres,
            {name.removesuffix(GRAPH): graph for name, graph in artifact.files.items()},
            tuple(imputations),
            {
                SpaceRef(**one["space"]): frozenset(map(Modality, one["modalities"]))
                for one in facts.get(
                    "stays", ()
                )  # of a binding in which nothing was replaced, there are none
            },
        )
        bound._check_projections()
        return bound

    def _check_projections(self) -> None:
        widths = {block.space.name: block.width for block in self.blocks}
        for projection in self.projections:
            if projection.block not in widths:
                raise ValueError(
                    f"a projection of {projection.source.name} is into {projection.block!r}, "
                    "which is not a block"
                )
            if projection.method == NATIVE and projection.source_width != widths[projection.block]:
                raise ValueError(
                    f"{projection.source.name} has width {projection.source_width} and its block "
                    f"{widths[projection.block]}"
                )

    def _artifact(self) -> Artifact:
        facts: dict[str, Any] = {
            "blocks": [asdict(block) for block in self.blocks],
            "projections": [
                {
                    "source": asdict(projection.source),
                    "source_width": projection.source_width,
                    "block": projection.block,
                    "method": projection.method,
                    "parameters": dict(projection.parameters),
                    "imputes": projection.imputes,
                }
                for projection in self.projections
            ],
            "routers": [
                {
                    "modality": router.modality,
                    "inputs": router.inputs,
                    "method": router.method,
                    "parameters": dict(router.parameters),
                    "weight_ranges": dict(router.weight_ranges),
                    "mean_weights": dict(router.mean_weights),
                }
                for router in self.routers
            ],
            "imputations": [
                {"method": one.method, "parameters": dict(one.parameters), "losses": _plain(one.losses)}
                for one in self.imputations
            ],
            "centres": {space: sorted(known) for space, known in self.centres.items()},
            "losses": _plain(self.losses),
            "metrics": dict(self.metrics),
        }
        if self.stays:
            facts["stays"] = [
                {"space": asdict(space), "modalities": sorted(modalities)}
                for space, modalities in self.stays.items()
            ]
        arrays = {
            f"{kind}.{number}.{name}": array
            for kind, states in (
                ("projections", [projection.state for projection in self.projections]),
                ("routers", [router.state for router in self.routers]),
                ("imputations", [one.state for one in self.imputations]),
            )
            for number, state in enumerate(states)
            for name, array in state.items()
        } | {
            f"centres.{space}.{modality}": np.asarray(centre, np.float32)
            for space, known in self.centres.items()
            for modality, centre in known.items()
        }
        graphs = {f"{name}{GRAPH}": graph for name, graph in self.graphs.items()}
        spaces = tuple(self.spaces.values())
        return Artifact(BINDING, arrays, facts, spaces, graphs, self.provenance)


def _plain(losses: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {modality: dict(of_space) for modality, of_space in losses.items()}


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(f"{prefix}."): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }
