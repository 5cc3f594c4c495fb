"""Joint vectors as they are served: by the router itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
from tieback.core.call import NO_CALL
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.ports import DEFAULT_ROUTING
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.vectors import Vector

from benchmarks.binding.encoders import Encoders

BATCH = 256
UNIFORM = Routing("uniform")
ROUTED = DEFAULT_ROUTING


class Joint:
    """The router of a binding, asked for vectors of many inputs of one modality."""

    def __init__(self, bound: JointSpaceArtifact, encoders: Encoders) -> None:
        self.router = Router.bound(bound, modalities=encoders.modalities)
        self._encoders = encoders

    def parts(
        self, vectors: Mapping[str, Array], *, content: int = 0, weight: float = 1.0
    ) -> list[list[FusePart]]:
        """One input per row of the spaces' vectors `[inputs, width]`; a row of zeros is not sent."""
        count = len(next(iter(vectors.values())))
        return [
            [
                FusePart(self._encoding(name, rows[place]), weight, content)
                for name, rows in vectors.items()
                if rows[place].any()
            ]
            for place in range(count)
        ]

    def fused(self, inputs: Sequence[Sequence[FusePart]], role: Role, routing: Routing) -> list[Fused]:
        """The router's answers; the first error among them is raised."""
        found = []
        for begin in range(0, len(inputs), BATCH):
            batch = inputs[begin : begin + BATCH]
            for one in asyncio.run(
                self.router.fuse(FuseRequest(batch, role=role, routing=routing), NO_CALL)
            ).results:
                if not isinstance(one, Fused):
                    raise one
                found.append(one)
        return found

    def queries(self, vectors: Mapping[str, Array], routing: Routing = ROUTED) -> Array:
        """Joint vectors `[inputs, joint width]` of queries."""
        return _values(self.fused(self.parts(vectors), Role.QUERY, routing))

    def documents(self, vectors: Mapping[str, Array]) -> Array:
        """Joint vectors of documents."""
        return _values(self.fused(self.parts(vectors), Role.DOCUMENT, UNIFORM))

    def weights(self, vectors: Mapping[str, Array]) -> Array:
        """The weights `[inputs, blocks]` that the routers give."""
        found = self.fused(self.parts(vectors), Role.QUERY, ROUTED)
        return np.array(
            [[one.routing.weights.get(name, 0.0) for name in self.router.space.names] for one in found]
        )

    def _encoding(self, name: str, vector: Array) -> Encoding:
        space = self._encoders.space(name)
        return Encoding(space, self._encoders.modalities[name], vector=Vector(vector, space))


def _values(found: Sequence[Fused]) -> Array:
    return np.stack([one.vector.values for one in found])
