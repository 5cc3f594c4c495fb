"""The joint space of a `JointSpaceArtifact`: blocks of several modalities, filled by space projections."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from tieback.catalog.source import short_hash
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.state import check_state
from tieback.core.types.fusion import JOINT_SPACE
from tieback.methods.projection import projections
from tieback.models.joint.artifact import NATIVE, REMEDY, BoundProjection, JointSpaceArtifact
from tieback.models.joint.graphs import ProjectionGraph
from tieback.router.input_adapters import DenseReading, InputAdapter, SpaceProjection, unchanged
from tieback.router.joint_space import Component, Coverage, JointSpace

CONSTRUCTION = "unit blocks as bound; projections averaged per view and block; views, then contents, averaged"
"""Hashed into the fingerprint: change it whenever the same encodings would make another vector."""


def joint_space_of(
    bound: JointSpaceArtifact,
    modalities: Mapping[str, Modality] | None = None,
    graphs: Mapping[Modality, ProjectionGraph] | None = None,
) -> JointSpace:
    """Blocks in the order of the artifact.

    `modalities` are what spaces without a block of their own encode; `graphs` are for whoever fuses. The
    revision hashes blocks, projections and centres and nothing else, so that other routers over the same
    projections do not change what is stored. StartupError if a projection does not fit its block or its
    method is unknown.
    """
    widths = {block.space.name: block.width for block in bound.blocks}
    known: dict[str, Sequence[Modality]] = {
        name: (modality,) for name, modality in (modalities or {}).items()
    }
    native = {block.space.name: block.encodes or (block.modality,) for block in bound.blocks}
    known |= native
    sources: dict[str, list[BoundProjection]] = {}
    for projection in bound.projections:
        sources.setdefault(projection.source.name, []).append(projection)
    components = tuple(Component(block.space, block.width) for block in bound.blocks)
    return JointSpace(
        components,
        {name: _adapter(projections, widths, bound) for name, projections in sources.items()},
        SpaceRef(JOINT_SPACE, _revision(components, bound), short_hash(CONSTRUCTION)),
        coverage=_coverage(sources, known),
        modalities={name: known[name][0] for name in sources if len(known.get(name, ())) == 1},
        binding=bound.revision,
        graphs=graphs or {},
        native=native,
        stays=bound.stays,
    )


class FittedProjection:
    """A projection with its parameters and its state, which is checked."""

    def __init__(self, projection: BoundProjection, width: int) -> None:
        self._state = projection.state
        try:
            self._method = projections.configure(projection.method, projection.parameters)
            schema = projections.state(projection.method)
            check_state(projection.state, schema, source=projection.source_width, target=width)
        except (InvalidInput, NotFound) as error:
            raise StartupError(
                f"the projection {_name(projection)} cannot be made: {error.message}; {REMEDY}"
            ) from None

    def __call__(self, rows: Array) -> Array:
        """All rows at once."""
        return self._method(rows, self._state)


def _adapter(
    projections: Sequence[BoundProjection], widths: Mapping[str, int], bound: JointSpaceArtifact
) -> InputAdapter:
    source, width = projections[0].source, projections[0].source_width
    if any((projection.source, projection.source_width) != (source, width) for projection in projections):
        raise StartupError(
            f"the projections of {source.name} do not agree on its revision or width; {REMEDY}"
        )
    for projection in projections:
        if projection.block not in widths:
            raise StartupError(f"the projection {_name(projection)} has no block; {REMEDY}")
    encodes = next((block.encodes for block in bound.blocks if block.space.name == source.name), ())
    centres = bound.centres.get(source.name, {})
    if any(centre.shape != (width,) for centre in centres.values()):
        raise StartupError(f"the centres of {source.name} are not vectors of width {width}; {REMEDY}")
    reading = DenseReading(source, width, views=True, encodes=encodes, centres=centres)
    return InputAdapter(
        source,
        reading,
        tuple(_space_projection(projection, widths[projection.block]) for projection in projections),
    )


def _space_projection(projection: BoundProjection, width: int) -> SpaceProjection:
    if projection.method == NATIVE:
        return SpaceProjection(projection.block, "", unchanged)
    name = _name(projection) if projection.block != projection.source.name else ""
    return SpaceProjection(projection.block, name, FittedProjection(projection, width), projection.imputes)


def _coverage(
    sources: Mapping[str, Sequence[BoundProjection]], modalities: Mapping[str, Sequence[Modality]]
) -> dict[Modality, Coverage]:
    found = {}
    for modality in dict.fromkeys(one for every in modalities.values() for one in every):
        names = tuple(name for name in sources if modality in modalities.get(name, ()))
        if names:
            blocks = frozenset(projection.block for name in names for projection in sources[name])
            found[modality] = Coverage(names, blocks)
    return found


def _name(projection: BoundProjection) -> str:
    return f"{projection.source.name} -> {projection.block} ({projection.method.replace('_', ' ')})"


def _revision(components: Sequence[Component], bound: JointSpaceArtifact) -> str:
    parts = [f"{_exact(one.space)} {one.width}" for one in components]
    for projection in bound.projections:
        parameters = sorted(projection.parameters.items())
        imputes = " imputes" if projection.imputes else ""
        parts.append(
            f"{_exact(projection.source)} {projection.block} {projection.method} {parameters} "
            f"{_digest(projection.state)}{imputes}"
        )
    parts += [f"centres of {space} {_digest(known)}" for space, known in sorted(bound.centres.items())]
    return short_hash(*parts)


def _digest(arrays: Mapping[Any, Array]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def _exact(space: SpaceRef) -> str:
    return f"{space} {space.fingerprint}"
