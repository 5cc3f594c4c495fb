"""A joint space for many inputs at once: the whole of a binding, a part of it, or one that is being made.

The router serves one input at a time and always the whole. What recipes and reports compare are parts: some
blocks, some paths, one policy against another, a space that is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.joint.graphs import by_block, projection_graphs, router_graphs
from tieback.joint.imputing import impute
from tieback.joint.projecting import Dense, project_inputs
from tieback.joint.weighing import weigh
from tieback.models.bound_graph import ProjectionGraph, RouterGraph
from tieback.models.joint_space_artifact import (
    Block,
    BoundImputation,
    BoundProjection,
    BoundRouter,
    JointSpaceArtifact,
)


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Blocks, paths and routers in use, as a server has them.

    A space in `without` is as if it were down: queries are without its vectors, and what was stored has them.
    `imputation` fills the blocks that are then missing; without one they stay empty. The graphs of a binding
    compute the same as its projections and the networks of its routers.
    """

    blocks: Sequence[Block]
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
            {path.source.name: path.source_width for path in bound.projections},
            projection_graphs=tuple(projection_graphs(bound).values()),
            router_graphs=router_graphs(bound),
        )

    def into(self, blocks: Collection[str]) -> Joint:
        """With the paths into these blocks alone. All blocks stay, so that routers keep their order."""
        return replace(
            self,
            projections=[path for path in self.projections if path.block in blocks],
            projection_graphs=(),
        )

    def own(self, spaces: Collection[str]) -> list[BoundProjection]:
        """The paths of these spaces into blocks of their own name."""
        return [path for path in self.projections if path.source.name == path.block and path.block in spaces]

    @property
    def names(self) -> list[str]:
        """The blocks' names, in their order."""
        return [block.space.name for block in self.blocks]

    def project_inputs(self, dense: Dense) -> dict[str, Array]:
        """The blocks of what is stored, and of queries before anything is imputed."""
        imputing = any(path.imputes and path.source.name in dense for path in self.projections)
        for graph in self.projection_graphs:
            if dense and graph.sources >= dense.keys() and not imputing:
                return by_block(self.blocks, graph(dense, len(next(iter(dense.values())))))
        return project_inputs(self.projections, dense)

    def asked(self, dense: Dense) -> dict[str, Array]:
        """The blocks of queries; a row of zeros is an input that the space was lost for, too."""
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
        blocks = self.asked(dense)
        read = self._read(dense, used, blocks)
        return weigh(router, read, self.widths, self.names, blocks, self.router_graphs.get(modality))

    def _read(self, dense: Dense, used: Dense, blocks: Mapping[str, Array]) -> Dense:
        """What a router reads: the imputed block of a lost space, too, where it is as wide as the space."""
        found = dict(used)
        for name in dense:
            rows = blocks.get(name)
            if self.imputation is not None and rows is not None and rows.shape[1] == self.widths[name]:
                missing = np.zeros_like(rows) if name not in used else used[name]
                found[name] = np.where(missing.any(axis=1, keepdims=True), missing, rows)
        return found

    def _available(self, dense: Dense) -> Dense:
        return {name: rows for name, rows in dense.items() if name not in self.without}
