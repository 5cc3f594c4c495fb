"""A collection in one served space: a content's vector is what the space's encoder says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import WHOLE, Array
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused, FusePart, RoutingExplanation
from tieback_contract.locators import LocatorKind
from tieback_contract.reports import Timing
from tieback_contract.vectors import DType, MultiVector, SpaceRef, Vector

from tieback.answer.spaces.encoding import DENSE, LABELS, REGIONS, JointInputs, Spaces
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, SpaceMismatch, TiebackError
from tieback.core.types.fusion import FuseReply, FuseRequest, Role

POLICY = "single_space"


@dataclass(frozen=True, slots=True)
class SingleSpace:
    """A `RouterPort` for one space without a joint one.

    `encoders` are by role, since an encoder may have one prompt for queries and another for documents, and
    by modality, since the towers of a dual encoder share a space. `naming` are those that name classes, and
    `seeing` those whose pictures are stored by their regions too. Where it is the space of an expert of a
    merged model, `adapter` names it. `compatible` are earlier spaces that its leading dimensions are in. A
    query of several contents is the weighted sum of their vectors.
    """

    ref: SpaceRef
    width: int
    encoders: Mapping[Role, Spaces]
    naming: frozenset[str] = frozenset()
    seeing: frozenset[str] = frozenset()
    adapter: str = ""
    compatible: tuple[SpaceRef, ...] = ()

    def joint_inputs(self, role: Role) -> JointInputs:
        """What is asked of which encoder in that role."""
        spaces = self.encoders[role]
        names = [name for every in spaces.values() for name in every]
        kinds = {name: DENSE | LABELS if name in self.naming else DENSE for name in names}
        return JointInputs(
            spaces,
            kinds,
            stored=dict.fromkeys(self.seeing.intersection(names), REGIONS),
            per_region=bool(self.seeing),
            shared=dict.fromkeys(names, self.ref.name),
            adapter=self.adapter,
        )

    async def fuse(self, request: FuseRequest, call: Call) -> FuseReply:  # noqa: ARG002 - the port's
        """One result per input, in order; a bad input gets an error and the others succeed.

        One space is the same for both roles, and there is nothing to weight.
        """
        results = [self._fused(parts, per_region=request.per_region) for parts in request.inputs]
        return FuseReply(results, Timing())

    def _fused(self, parts: Sequence[FusePart], *, per_region: bool) -> Fused | TiebackError:
        labels = [label for part in parts for label in part.encoding.labels]
        explanation = RoutingExplanation(POLICY, {self.ref.name: 1.0}, 0.0)
        try:
            vectors = [self._checked(part, place) for place, part in enumerate(parts)]
        except InvalidInput as error:
            return error
        if len(vectors) == 1 and parts[0].weight > 0:
            regions = _regions_of(parts[0]) if per_region else None
            return Fused(vectors[0], explanation, labels, regions)
        weights = [part.weight for part in parts]
        total = sum(weight * _values(vector) for weight, vector in zip(weights, vectors, strict=True))
        if not np.any(total):
            return InvalidInput("the contents cancel each other out: nothing is left to look for")
        return Fused(Vector(np.asarray(total, np.float32), self.ref, normalized=False), explanation, labels)

    def _checked(self, part: FusePart, place: int) -> Vector:
        vector, field = part.encoding.vector, at("inputs", 0, "parts", place)
        if vector is None:
            raise InvalidInput(f"there is no dense vector of {self.ref.name!r}", field=field)
        if vector.space != self.ref:
            raise SpaceMismatch(
                f"the vector is of space {vector.space}, and the collection of {self.ref}; encode the input "
                "in the collection's space",
                field=field,
            )
        if vector.dtype is DType.BINARY or np.shape(vector.values) != (self.width,):
            raise InvalidInput(
                f"a vector of {self.ref.name!r} has {self.width} values in float32, float16 or int8",
                field=field,
            )
        return vector


def _regions_of(part: FusePart) -> MultiVector | None:
    """The vectors of a picture's regions but the whole; None of what has none."""
    multi = part.encoding.multi_vector
    if multi is None or multi.locators.kind is not LocatorKind.BOX:
        return None
    regions = multi.take(np.flatnonzero((multi.locators.places != WHOLE).any(axis=1)))
    return regions if len(regions) else None


def _values(vector: Vector) -> Array:
    scale = vector.scale if vector.dtype is DType.INT8 else 1.0
    return np.asarray(vector.values, np.float32) * np.float32(scale)
