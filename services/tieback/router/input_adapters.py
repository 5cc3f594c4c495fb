"""Input adapters: what is read of an encoding, and the space projections into the blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tieback_contract.arrays import WHOLE, Array
from tieback_contract.encodings import Encoding, Label
from tieback_contract.field_path import FieldPath, at
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, MultiVector, SpaceRef, Vector

from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.joint.projecting import unit


@dataclass(frozen=True, slots=True, eq=False)
class SpaceProjection:
    """Projects what was read into a block: `[n, block width]`, unit rows, zeros for an empty vector.

    It takes unit rows `[n, width]` where a `DenseReading` read them, and else a sequence of what was read.
    `name` is how explanations name it, empty for a space's own vectors. A projection that
    `imputes` is used only for contents without a vector of the block's own space.
    """

    block: str
    name: str
    project: Callable[[Any], Array]
    imputes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class InputAdapter:
    """All projections of one space. `read` checks an encoding and takes out what the projections need."""

    source: SpaceRef
    read: Callable[[Encoding], Any]
    projections: tuple[SpaceProjection, ...]

    @property
    def dense(self) -> bool:
        """Whether it is entered by dense vectors, `[views, width]` of each content."""
        return isinstance(self.read, DenseReading)


@dataclass(frozen=True, slots=True, eq=False)
class DenseReading:
    """Reads the DENSE vector of a space, at full width, as a unit row `[1, width]` in float32.

    With `views`, that of a picture with regions gives `[views, width]`: the whole, and then its regions. Of a
    space that several encoders share, `encodes` are the modalities that enter, and `centres` what is taken
    off the vectors of each.
    """

    space: SpaceRef
    width: int
    views: bool = False
    encodes: Sequence[Modality] = ()
    centres: Mapping[Modality, Array] = field(default_factory=dict)

    def __call__(self, encoding: Encoding) -> Array:
        """InvalidInput and SpaceMismatch name the field of the encoding."""
        expect(encoding.space, self.space, at("encoding", "space"))
        if self.encodes and encoding.modality not in self.encodes:
            raise InvalidInput(
                f"of {self.space.name}, the joint space was bound with the encoder of "
                f"{' and '.join(self.encodes)}, and this encoding is of {encoding.modality}; "
                "bind again with the other: tieback bind",
                field=at("encoding", "modality"),
            )
        if encoding.vector is None:
            raise InvalidInput(
                f"{self.space.name} enters the joint space by its DENSE vector", field=at("encoding", "dense")
            )
        expect(encoding.vector.space, self.space, at("encoding", "dense", "space"))
        whole = _values(encoding.vector, self.width)
        if encoding.modality and (centre := self.centres.get(encoding.modality)) is not None:
            return unit(whole - centre)[None]
        regions = regions_of(encoding)
        return self._with_regions(whole, regions) if self.views and regions else whole[None]

    def _with_regions(self, whole: Array, regions: MultiVector) -> Array:
        expect(regions.space, self.space, at("encoding", "multi_vector", "space"))
        rows = np.asarray(regions.values, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise InvalidInput(
                f"the regions have shape {list(rows.shape)}; "
                f"those of {self.space.name} have width {self.width}",
                field=at("encoding", "multi_vector", "values"),
            )
        if not np.isfinite(rows).all() or not rows.any(axis=1).all():
            raise InvalidInput(
                "a region is all zeros, NaN or infinity", field=at("encoding", "multi_vector", "values")
            )
        own = rows[(regions.locators.places != WHOLE).any(axis=1)]
        return np.stack([whole, *map(unit, own)])


@dataclass(frozen=True, slots=True)
class LabelReading:
    """Reads the LABELS of a space: probabilities, and the numbers of the classes."""

    space: SpaceRef
    classes: int

    def __call__(self, encoding: Encoding) -> tuple[Array, Array]:
        """InvalidInput and SpaceMismatch name the field of the encoding."""
        expect(encoding.space, self.space, at("encoding", "space"))
        return _classes(encoding.labels, self.space.name, self.classes)


def regions_of(encoding: Encoding) -> MultiVector | None:
    """The regions of a picture; None of an encoding without, also where it has tokens or windows."""
    found = encoding.multi_vector
    return found if found is not None and found.locators.kind is LocatorKind.BOX else None


def unchanged(rows: Array) -> Array:
    """A space's own vectors, as they are."""
    return rows


def expect(given: SpaceRef, expected: SpaceRef, field: FieldPath) -> None:
    """SpaceMismatch where the two differ in name, revision or fingerprint."""
    if given != expected:
        raise SpaceMismatch(
            f"the encoding is of {given} with fingerprint {given.fingerprint or 'none'}, and the joint space "
            f"was bound with {expected}, fingerprint {expected.fingerprint}; encode the content again",
            field=field,
        )


def _values(vector: Vector, width: int) -> Array:
    if vector.dtype is DType.BINARY:
        raise InvalidInput(
            "binary vectors do not enter the joint space; ask for float32", field=at("encoding", "dense")
        )
    if vector.width != width:
        raise InvalidInput(
            f"the vector has width {vector.width}; the joint space takes the full width of "
            f"{vector.space.name}, {width}",
            field=at("encoding", "dense", "values"),
        )
    values = np.asarray(vector.values, dtype=np.float32)  # the step of int8 vanishes when normalised
    if not 0 < float(values @ values) < math.inf:  # which is rare, so what is wrong is looked for only here
        if not np.isfinite(values).all():
            raise InvalidInput("the vector holds NaN or infinity", field=at("encoding", "dense", "values"))
        if not values.any():
            raise InvalidInput(
                "the vector is all zeros and points nowhere", field=at("encoding", "dense", "values")
            )
    return unit(values)


def _classes(labels: Sequence[Label], source: str, count: int) -> tuple[Array, Array]:
    if not labels:
        raise InvalidInput(f"{source} enters the joint space by its LABELS", field=at("encoding", "labels"))
    for position, label in enumerate(labels):
        field = at("encoding", "labels", position)
        if not 0 <= label.index < count:
            raise InvalidInput(
                f"{source} has classes 0 to {count - 1}, not {label.index}", field=field["index"]
            )
        if not 0 <= label.probability <= 1:  # false for NaN too
            raise InvalidInput(
                f"a probability is 0 to 1, not {label.probability}", field=field["probability"]
            )
    if not any(label.probability for label in labels):
        raise InvalidInput("all probabilities are 0", field=at("encoding", "labels"))
    return np.array([label.probability for label in labels]), np.array([label.index for label in labels])
