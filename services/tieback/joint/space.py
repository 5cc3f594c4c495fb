"""A joint space for many inputs at once: the whole of a binding, a part of it, or one that is being made.

The router serves one input at a time and always the whole. What recipes and reports compare are parts: some
blocks, some projections, one policy against another, a space that is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.block_weights import block_weights
from tieback.joint.graphs import by_block, projection_graphs, router_graphs
from tieback.joint.projecting import Dense, project_inputs
from tieback.methods.imputation import imputations
from tieback.models.joint.artifact import (
    BoundImputation,
    BoundProjection,
    BoundRouter,
    JointSpaceArtifact,
    SpaceBlock,
)
from tieback.models.joint.graphs import ProjectionGraph, RouterGraph


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Blocks, projections and routers in use, as a server has them.

    A space in `without` is as if it were down: queries are without its vectors, and what was stored has them.
    `imputation` fills the blocks that are then missing; without one they stay empty. The graphs of a binding
    compute the same as its projections and the networks of its routers.
    """

    blocks: Sequence[SpaceBlock]
    projections: Sequence[BoundProjection]
    routers: Mapping[Modality, BoundRouter]
    widths: Mapping[str, int]
    without: frozenset[str] = frozenset()
    imputation: BoundImputation | None = None
    projection_graphs: Sequence[ProjectionGraph] = ()
    router_graphs: Mapping[Modality, RouterGraph] = field(default_factory=dict)

    @classmethod
    def of(cls, bound: JointSpaceArtifact) -> Joint:
        """The whole of a binding, by its graphs where it has such. It takes what `read` gives."""
        return cls(
            bound.blocks,
            bound.projections,
            {router.modality: router for router in bound.routers},
            {one.source.name: one.source_width for one in bound.projections},
            projection_graphs=tuple(projection_graphs(bound).values()),
            router_graphs=router_graphs(bound),
        )

    def into(self, blocks: Collection[str]) -> Joint:
        """With the projections into these blocks alone. All blocks stay, so that routers keep their order."""
        return replace(
            self,
            projections=[one for one in self.projections if one.block in blocks],
            projection_graphs=(),
        )

    def own(self, spaces: Collection[str]) -> list[BoundProjection]:
        """The projections of these spaces into blocks of their own name."""
        return [one for one in self.projections if one.source.name == one.block and one.block in spaces]

    @property
    def names(self) -> list[str]:
        """The blocks' names, in their order."""
        return [block.space.name for block in self.blocks]

    def project_inputs(self, dense: Dense) -> dict[str, Array]:
        """The blocks of what is stored, and of queries before anything is imputed."""
        imputing = any(one.imputes and one.source.name in dense for one in self.projections)
        for graph in self.projection_graphs:
            if dense and graph.sources >= dense.keys() and not imputing:
                return by_block(self.blocks, graph(dense, len(next(iter(dense.values())))))
        return project_inputs(self.projections, dense)

    def project_queries(self, dense: Dense) -> dict[str, Array]:
        """The blocks of queries; of an input whose row of a space is zeros, that space is missing too."""
        blocks = self.project_inputs(self._available(dense))
        if self.imputation is None:
            return blocks
        return impute(self.imputation, self.blocks, self.projections, dense, self.without, blocks)

    def weights(self, modality: Modality, dense: Dense, *, routed: bool = True) -> dict[str, Array]:
        """The weights of queries, by block."""
        used = self._available(dense)
        if not used:
            return {}
        router = self.routers.get(modality) if routed else None
        blocks = self.project_queries(dense)
        read = self._read(dense, used, blocks)
        return block_weights(router, read, self.widths, self.names, blocks, self.router_graphs.get(modality))

    def _read(self, dense: Dense, used: Dense, blocks: Mapping[str, Array]) -> Dense:
        """What a router reads: the imputed block of a missing space too, where it is as wide as the space."""
        found = dict(used)
        for name in dense:
            rows = blocks.get(name)
            if self.imputation is not None and rows is not None and rows.shape[1] == self.widths[name]:
                own = np.zeros_like(rows) if name not in used else used[name]
                found[name] = np.where(own.any(axis=1, keepdims=True), own, rows)
        return found

    def _available(self, dense: Dense) -> Dense:
        return {name: rows for name, rows in dense.items() if name not in self.without}


def impute(
    imputation: BoundImputation,
    blocks: Sequence[SpaceBlock],
    projections: Sequence[BoundProjection],
    dense: Dense,
    missing: Collection[str],
    projected: Mapping[str, Array],
) -> dict[str, Array]:
    """The rows by block of queries `dense`, filled where only missing spaces are projected into one.

    The spaces of the names in `missing` are missing, and of an input those whose row is zeros; `projected`
    are the rows by block without them.
    """
    count = len(next(iter(dense.values())))
    names = [block.space.name for block in blocks]
    lacking = np.zeros((count, len(names)), bool)
    for one in projections:
        if one.source.name in dense:
            absent = one.source.name in missing or ~dense[one.source.name].any(axis=1)
            lacking[:, names.index(one.block)] |= absent
    rows = [projected.get(block.space.name, np.zeros((count, block.width), np.float32)) for block in blocks]
    present = np.stack([one.any(axis=1) for one in rows], axis=1)
    if not (lacking & ~present).any():
        return dict(projected)
    method = imputations.configure(imputation.method, imputation.parameters)
    filled, known = method(rows, present, imputation.state)
    wanted = present | (known & lacking)
    return {
        name: filled[place] * wanted[:, place, None]
        for place, name in enumerate(names)
        if wanted[:, place].any()
    }
