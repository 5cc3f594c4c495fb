"""The joint space of a `BoundSpace`: blocks of several modalities, entered by projected vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tieback.catalog.source import short_hash
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.state import check_state
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.vectors import SpaceRef
from tieback.joint.terms import checked
from tieback.methods.projection import projections
from tieback.models.bound_graph import PathGraph
from tieback.models.bound_space import DENSE, NATIVE, REMEDY, SPARSE, BoundPath, BoundSpace
from tieback.router.joint_space import Component, JointSpace, Reach
from tieback.router.paths import DenseReading, Entrance, Path, SparseReading, unchanged

CONSTRUCTION = "unit blocks as bound; paths of a view averaged per block; views, then contents, averaged"
"""Hashed into the fingerprint: change it whenever the same encodings would make another vector."""


def bound_space(
    bound: BoundSpace,
    modalities: Mapping[str, Modality] | None = None,
    graphs: Mapping[Modality, PathGraph] | None = None,
) -> JointSpace:
    """Blocks in the order of the artifact.

    `modalities` say what spaces without a block of their own encode; `graphs` are for whoever fuses. The
    revision hashes blocks, paths and centres and nothing else, so that other routers over the same paths
    leave what is stored as it is. StartupError where a path does not fit its block or its method is unknown.
    """
    widths = {block.space.name: block.width for block in bound.blocks}
    known: dict[str, Sequence[Modality]] = {
        name: (modality,) for name, modality in (modalities or {}).items()
    }
    native = {block.space.name: block.encodes or (block.modality,) for block in bound.blocks}
    known |= native
    sources: dict[str, list[BoundPath]] = {}
    for path in bound.paths:
        sources.setdefault(path.source.name, []).append(path)
    components = [Component(block.space, block.width) for block in bound.blocks]
    return JointSpace.of(
        components,
        [_entrance(paths, widths, bound) for paths in sources.values()],
        _revision(components, bound),
        short_hash(CONSTRUCTION),
        reach=_reach(sources, known),
        modalities={name: known[name][0] for name in sources if len(known.get(name, ())) == 1},
        binding=bound.revision,
        graphs=graphs,
        native=native,
    )


class Projecting:
    """A projection with its parameters and its state, which is checked."""

    def __init__(self, path: BoundPath, width: int) -> None:
        self._state = path.state
        try:
            self._method = projections.configure(path.method, path.parameters)
            schema = projections.state(path.method)
            check_state(path.state, schema, source=path.source_width, target=width)
        except (InvalidInput, NotFound) as error:
            raise StartupError(f"the path {_name(path)} cannot be made: {error.message}; {REMEDY}") from None

    def __call__(self, rows: Array) -> Array:
        """All rows at once."""
        return self._method(rows, self._state)


def _entrance(paths: Sequence[BoundPath], widths: Mapping[str, int], bound: BoundSpace) -> Entrance:
    source, width = paths[0].source, paths[0].source_width
    if any((path.source, path.source_width) != (source, width) for path in paths):
        raise StartupError(f"the paths of {source.name} do not agree on its revision or width; {REMEDY}")
    for path in paths:
        if path.block not in widths:
            raise StartupError(f"the path {_name(path)} leads to no block; {REMEDY}")
    if all(path.reads == SPARSE for path in paths):
        ways = [Path(one.block, _name(one), checked(one, widths[one.block]), one.stands_in) for one in paths]
        return Entrance(source, SparseReading(source, width), tuple(ways))
    if any(path.reads == SPARSE for path in paths):
        raise StartupError(f"the paths of {source.name} read its dense and its sparse vectors; {REMEDY}")
    encodes = next((block.encodes for block in bound.blocks if block.space.name == source.name), ())
    centres = bound.centres.get(source.name, {})
    if any(centre.shape != (width,) for centre in centres.values()):
        raise StartupError(f"the centres of {source.name} are not vectors of width {width}; {REMEDY}")
    reading = DenseReading(source, width, views=True, encodes=encodes, centres=centres)
    return Entrance(source, reading, tuple(_way(path, widths[path.block]) for path in paths))


def _way(path: BoundPath, width: int) -> Path:
    if path.method == NATIVE:
        return Path(path.block, "", unchanged)
    name = _name(path) if path.block != path.source.name else ""
    return Path(path.block, name, Projecting(path, width), path.stands_in)


def _reach(
    sources: Mapping[str, Sequence[BoundPath]], modalities: Mapping[str, Sequence[Modality]]
) -> dict[Modality, Reach]:
    found = {}
    for modality in dict.fromkeys(one for every in modalities.values() for one in every):
        names = tuple(name for name in sources if modality in modalities.get(name, ()))
        if names:
            blocks = frozenset(path.block for name in names for path in sources[name])
            found[modality] = Reach(names, blocks)
    return found


def _name(path: BoundPath) -> str:
    return f"{path.source.name} -> {path.block} ({path.method.replace('_', ' ')})"


def _revision(components: Sequence[Component], bound: BoundSpace) -> str:
    parts = [f"{_exact(one.space)} {one.width}" for one in components]
    for path in bound.paths:
        said = sorted(path.parameters.items())
        how = f" {path.reads}" if path.reads != DENSE else ""
        how += " stands in" if path.stands_in else ""
        parts.append(f"{_exact(path.source)} {path.block} {path.method} {said} {_digest(path.state)}{how}")
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
