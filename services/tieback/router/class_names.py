"""The joint space without a binding: text spaces; pictures and sounds are projected by class names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.catalog.source import short_hash
from tieback.core.errors import OtherWeights, StartupError
from tieback.core.types.fusion import JOINT_SPACE
from tieback.methods.bridging import bridges
from tieback.models.joint.bridges import ClassNameBridge
from tieback.router.input_adapters import DenseReading, InputAdapter, LabelReading, SpaceProjection, unchanged
from tieback.router.joint_space import Component, JointSpace

REMEDY = "make the bindings again: tieback models pull"

CONSTRUCTION = "unit blocks by name; class_names top 10; contents averaged per block"
"""Hashed into the fingerprint: change it whenever the same encodings would make another vector."""


def class_name_space(components: Iterable[Component], bridges: Iterable[ClassNameBridge] = ()) -> JointSpace:
    """Blocks in the order of their names.

    StartupError where a binding was made for other weights than those that are served.
    """
    components = tuple(sorted(components, key=lambda component: component.space.name))
    by_name = {component.space.name: component for component in components}
    bound: dict[str, list[ClassNameBridge]] = {}
    for binding in sorted(bridges, key=lambda one: (one.source.name, one.target.name)):
        _check(binding, by_name.get(binding.target.name), bound.get(binding.source.name, []))
        bound.setdefault(binding.source.name, []).append(binding)
    adapters = {
        name: InputAdapter(
            one.space, DenseReading(one.space, one.width), (SpaceProjection(name, "", unchanged),)
        )
        for name, one in by_name.items()
    }
    adapters |= {name: _adapter(one) for name, one in bound.items() if name not in by_name}
    ref = SpaceRef(JOINT_SPACE, _revision(components, bound), short_hash(CONSTRUCTION))
    return JointSpace(components, adapters, ref)


def _adapter(bound: Sequence[ClassNameBridge]) -> InputAdapter:
    source, names = bound[0].source, bound[0].names
    projections = tuple(
        SpaceProjection(one.target.name, bridge_name(one), _ClassNameProjection(one)) for one in bound
    )
    return InputAdapter(source, LabelReading(source, len(names)), projections)


class _ClassNameProjection:
    """From classes to the mean of their names' vectors."""

    def __init__(self, binding: ClassNameBridge) -> None:
        self._vectors = binding.vectors
        self._method = bridges.configure("class_names")

    def __call__(self, readings: Sequence[tuple[Array, Array]]) -> Array:
        return np.stack([self._method(shares, self._vectors[classes]) for shares, classes in readings])


def _check(binding: ClassNameBridge, component: Component | None, known: Sequence[ClassNameBridge]) -> None:
    if component is None or component.space != binding.target:
        raise OtherWeights(
            f"the binding {binding.source} -> {binding.target} leads into a space that is not served; "
            f"{REMEDY}"
        )
    if any(other.source != binding.source or other.target == binding.target for other in known):
        raise StartupError(
            f"there are two bindings from {binding.source.name} that do not go together; {REMEDY}"
        )
    if binding.vectors.shape != (len(binding.names), component.width):
        raise StartupError(
            f"the binding {binding.source} -> {binding.target} holds vectors of shape "
            f"{binding.vectors.shape} for {len(binding.names)} classes, width {component.width}; {REMEDY}"
        )


def _revision(components: Sequence[Component], bound: dict[str, list[ClassNameBridge]]) -> str:
    parts = [f"{component.space} {component.space.fingerprint}" for component in components]
    for several in bound.values():
        parts += [f"{binding.source} {binding.target} {binding.content}" for binding in several]
    return short_hash(*parts)


def bridge_name(binding: ClassNameBridge) -> str:
    """The name of a bridge in explanations."""
    return f"{binding.source.name} -> {binding.target.name} (class names)"
