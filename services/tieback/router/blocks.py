"""What one input's encodings say in each component's space.

A content (a photo, a sentence) may reach several components, directly or through a binding. A component
that only a part of the input reached is left out where another has all of it: a photo's block with no trace
of the words beside it would answer another question.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.core.types import Array, DType, Encoding, FusePart, Label, SpaceRef, Vector
from tieback.methods.binding import Binding
from tieback.models.binding import ClassNameBinding
from tieback.router.joint_space import JointSpace, path_of

LABELS_SHOWN = 10


@dataclass(slots=True)
class Blocks:
    """The block of each component that spoke (unit vectors), and how they came about."""

    vectors: dict[str, Array] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def blocks_of(joint: JointSpace, binding: Binding, parts: Sequence[FusePart]) -> Blocks:
    """The blocks of one input. InvalidInput and SpaceMismatch name the part."""
    blocks = Blocks()
    said: dict[str, dict[int, list[Array]]] = defaultdict(lambda: defaultdict(list))
    weights = _content_weights(parts)
    seen: set[tuple[int, str]] = set()
    for position, part in enumerate(parts):
        try:
            _once(seen, part)
            for name, vector in _vectors_of(joint, binding, part.encoding, blocks):
                if weights[part.content] > 0:
                    said[name][part.content].append(vector)
        except InvalidInput as error:
            raise error.within(f"parts[{position}]") from None
    contents = {content for content, weight in weights.items() if weight > 0}
    complete = [name for name in joint.names if said[name].keys() == contents]
    for name in complete or [name for name in joint.names if said[name]]:
        mean = np.sum(
            [weights[content] * _unit(np.sum(vectors, axis=0)) for content, vectors in said[name].items()],
            axis=0,
        )
        if np.linalg.norm(mean) < 1e-6:
            raise InvalidInput(f"the contents of this input cancel each other out in {name}", field="parts")
        blocks.vectors[name] = _unit(mean)
    blocks.paths = sorted(set(blocks.paths))
    blocks.labels = sorted(blocks.labels, key=lambda label: -label.probability)[:LABELS_SHOWN]
    return blocks


def _content_weights(parts: Sequence[FusePart]) -> dict[int, float]:
    weights: dict[int, float] = {}
    for position, part in enumerate(parts):
        field = f"parts[{position}].weight"
        if not math.isfinite(part.weight) or part.weight < 0:
            raise InvalidInput(f"a weight is 0 or more, not {part.weight}", field=field)
        if weights.setdefault(part.content, part.weight) != part.weight:
            raise InvalidInput(f"the parts of content {part.content} differ in weight", field=field)
    if not weights:
        raise InvalidInput("an input needs at least one encoding", field="parts")
    if not any(weights.values()):
        raise InvalidInput("all weights are 0; give at least one content a positive weight", field="parts")
    return weights


def _once(seen: set[tuple[int, str]], part: FusePart) -> None:
    key = (part.content, part.encoding.space.name)
    if key in seen:
        raise InvalidInput(
            f"content {part.content} has two encodings by {part.encoding.space.name}; "
            "give contents that differ numbers that differ",
            field="content",
        )
    seen.add(key)


def _vectors_of(
    joint: JointSpace, binding: Binding, encoding: Encoding, blocks: Blocks
) -> list[tuple[str, Array]]:
    name = encoding.space.name
    component = joint.component(name)
    if component is not None:
        _expect(encoding.space, component.space, "encoding.space")
        if encoding.dense is None:
            raise InvalidInput(f"{name} enters the joint space by its DENSE vector", field="encoding.dense")
        _expect(encoding.dense.space, component.space, "encoding.dense.space")
        return [(name, _dense(encoding.dense, component.width))]
    bound = joint.bindings.get(name)
    if bound is None:
        joined = ", ".join((*joint.names, *joint.sources))
        raise SpaceMismatch(
            f"no path leads from the space {name!r} into the joint space; paths lead from: {joined}",
            field="encoding.space",
        )
    _expect(encoding.space, bound[0].source, "encoding.space")
    probabilities, classes = _classes(encoding.labels, bound[0])
    spoken = []
    for path in bound:
        vector = binding(probabilities, path.vectors[classes])
        if vector.any():
            spoken.append((path.target.name, vector))
            blocks.paths.append(path_of(path))
    blocks.labels.extend(encoding.labels)
    return spoken


def _expect(given: SpaceRef, expected: SpaceRef, field: str) -> None:
    if given != expected:
        raise SpaceMismatch(
            f"the encoding is of {given} with fingerprint {given.fingerprint or 'none'}, and the joint space "
            f"was bound with {expected}, fingerprint {expected.fingerprint}; encode the content again",
            field=field,
        )


def _dense(vector: Vector, width: int) -> Array:
    if vector.dtype is DType.BINARY:
        raise InvalidInput(
            "binary vectors do not enter the joint space; ask for float32", field="encoding.dense"
        )
    if vector.width != width:
        raise InvalidInput(
            f"the vector has width {vector.width}; the joint space takes the full width of "
            f"{vector.space.name}, {width}",
            field="encoding.dense.values",
        )
    values = np.asarray(vector.values, dtype=np.float32)  # the step of int8 vanishes when normalised
    if not np.isfinite(values).all():
        raise InvalidInput("the vector holds NaN or infinity", field="encoding.dense.values")
    if not values.any():
        raise InvalidInput("the vector is all zeros and points nowhere", field="encoding.dense.values")
    return _unit(values)


def _classes(labels: Sequence[Label], bound: ClassNameBinding) -> tuple[Array, Array]:
    if not labels:
        raise InvalidInput(
            f"{bound.source.name} enters the joint space by its LABELS", field="encoding.labels"
        )
    for position, label in enumerate(labels):
        field = f"encoding.labels[{position}]"
        if not 0 <= label.index < len(bound.names):
            raise InvalidInput(
                f"{bound.source.name} has classes 0 to {len(bound.names) - 1}, not {label.index}",
                field=f"{field}.index",
            )
        if not 0 <= label.probability <= 1:  # false for NaN too
            raise InvalidInput(
                f"a probability is 0 to 1, not {label.probability}", field=f"{field}.probability"
            )
    if not any(label.probability for label in labels):
        raise InvalidInput("all probabilities are 0", field="encoding.labels")
    return np.array([label.probability for label in labels]), np.array([label.index for label in labels])


def _unit(vector: Array) -> Array:
    norm = np.linalg.norm(vector)
    return np.asarray(vector / norm if norm > 0 else vector, dtype=np.float32)
