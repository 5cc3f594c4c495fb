"""One vector of each content, in a space that collections can be in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, at
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import DType, SpaceRef, Vector

from tieback.answer.spaces.collections import CollectionSpace, default_of
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.alone import Alone
from tieback.core.call import Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import WRONG_MODALITY, InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import FuseRequest, Role

TOGETHER = 256
"""Contents that are encoded at once, so that others have their turn between them."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """The classifier's `EmbeddingPort`, over the served spaces. Contents are encoded as stored ones are."""

    served: Sequence[CollectionSpace]
    together: int = TOGETHER

    def find(self, space: str) -> SpaceRef:
        """See `tieback.classifier.learning`."""
        return self._find(space).ref

    async def embed(
        self, space: SpaceRef, contents: Sequence[Content], *, deadline: Deadline = NO_DEADLINE
    ) -> tuple[list[Array | TiebackError], Timing]:
        """See `tieback.classifier.learning`."""
        known = self._find(space.name)
        if known.ref != space:
            raise SpaceMismatch(
                f"{space} is not served; {known.ref} is, whose vectors are others", field="space"
            )
        watch = Stopwatch()
        found: list[Array | TiebackError] = []
        for begin in range(0, len(contents), self.together):
            found += await _embedded(known, contents[begin : begin + self.together], watch, deadline)
        return found, watch.timing()

    def _find(self, space: str) -> CollectionSpace:
        names = {one.name: one for one in self.served}
        if space not in names:  # an encoder's own name, where several share the space
            space = next((one.name for one in self.served if one.is_encoded_by(space)), space)
        name = space or default_of(names)
        if not name:
            raise InvalidInput(f"say which space; this server has: {', '.join(sorted(names))}", field="space")
        if name not in names:
            raise NotFound("space", name, names, hint="it is the joint space or a dense one")
        return names[name]


async def _embedded(
    space: CollectionSpace, contents: Sequence[Content], watch: Stopwatch, deadline: Deadline
) -> list[Array | TiebackError]:
    """The vector of each content, or what is wrong with it, told of the content."""
    found: dict[int, Array | TiebackError] = {}
    asked: list[int] = []
    for place, content in enumerate(contents):
        with Alone() as item:
            if isinstance(content.data, Vector):
                found[place] = _given(content.data, space)
            else:
                _check_modality(content, space)
                asked.append(place)
        if item.error is not None:
            found[place] = item.error
    encoded = await space.encoders[Role.DOCUMENT].encode(
        [contents[place] for place in asked],
        watch,
        truncation=Truncation.END,
        deadline=hop(deadline),
        role=Role.DOCUMENT,
    )
    for failure in encoded.failed.values():
        raise failure
    whole: dict[int, list[FusePart]] = {}
    for place, encodings, refused in zip(asked, encoded.encodings, encoded.refused, strict=True):
        if refused:
            found[place] = next(iter(refused.values()))
        else:
            whole[place] = [FusePart(one) for one in encodings]
    if whole:
        with watch.stage("fuse"):
            reply = await space.router.fuse(
                FuseRequest(list(whole.values()), role=Role.DOCUMENT), Call(hop(deadline))
            )
        for place, fused in zip(whole, reply.results, strict=True):
            # An error of the router names encodings, which the caller does not know.
            found[place] = (
                _usable(fused.vector.values, space) if isinstance(fused, Fused) else fused.about(ROOT)
            )
    return [found[place] for place in range(len(contents))]


def _check_modality(content: Content, space: CollectionSpace) -> None:
    modality = content.modality or Modality.TEXT
    if not space.readers(modality):
        reads = ", ".join(one for one in Modality if space.readers(one))
        raise InvalidInput(
            f"the space {space.name!r} does not read {modality}; it reads: {reads}",
            field=modality,
            reason=WRONG_MODALITY,
        )


def _given(vector: Vector, space: CollectionSpace) -> Array | TiebackError:
    """The values of a vector that was computed before."""
    if vector.space != space.ref:
        raise SpaceMismatch(
            f"the vector is of the space {vector.space} (fingerprint {vector.space.fingerprint}), and others "
            f"are of {space.ref} (fingerprint {space.ref.fingerprint})",
            field=at("vector", "space"),
        )
    if vector.dtype is DType.BINARY or np.shape(vector.values) != (space.width,):
        raise InvalidInput(
            f"a vector of {space.name!r} has {space.width} values in float32, float16 or int8",
            field=at("vector", "values"),
        )
    scale = vector.scale if vector.dtype is DType.INT8 else 1.0
    found = _usable(np.asarray(vector.values, np.float32) * np.float32(scale), space)
    return found.about(at("vector", "values")) if isinstance(found, TiebackError) else found


def _usable(values: Array, space: CollectionSpace) -> Array | TiebackError:
    rows = np.asarray(values, np.float32)
    length = float(np.linalg.norm(rows))
    if np.isfinite(length) and length > 0:
        return rows
    return InvalidInput(f"the space {space.name!r} has no vector of this: it is zeros, or not finite")
