"""The joint space of text spaces that pictures and sounds enter through the names of their classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tieback.catalog.source import short_hash
from tieback.core.errors import OtherWeights, StartupError
from tieback.core.types.arrays import Array
from tieback.methods.binding import bindings as binding_methods
from tieback.models.binding import ClassNameBinding
from tieback.router.joint_space import Component, JointSpace
from tieback.router.paths import DenseReading, Entrance, LabelReading, Path, unchanged

REMEDY = "make the bindings again: tieback models pull"

CONSTRUCTION = "unit blocks by name; class_names top 10; contents averaged per block"
"""Hashed into the fingerprint: change it whenever the same encodings would make another vector."""


def class_name_space(
    components: Iterable[Component], bindings: Iterable[ClassNameBinding] = ()
) -> JointSpace:
    """Blocks in the order of their names.

    StartupError where a binding was made for other weights than those that are served.
    """
    components = sorted(components, key=lambda component: component.space.name)
    by_name = {component.space.name: component for component in components}
    bound: dict[str, list[ClassNameBinding]] = {}
    for binding in sorted(bindings, key=lambda one: (one.source.name, one.target.name)):
        _check(binding, by_name.get(binding.target.name), bound.get(binding.source.name, []))
        bound.setdefault(binding.source.name, []).append(binding)
    entrances = [
        Entrance(one.space, DenseReading(one.space, one.width), (Path(one.space.name, "", unchanged),))
        for one in components
    ]
    entrances += [_entrance(one) for name, one in bound.items() if name not in by_name]
    return JointSpace.of(components, entrances, _revision(components, bound), short_hash(CONSTRUCTION))


def _entrance(bound: Sequence[ClassNameBinding]) -> Entrance:
    source, names = bound[0].source, bound[0].names
    paths = tuple(Path(one.target.name, path_of(one), _Leading(one)) for one in bound)
    return Entrance(source, LabelReading(source, len(names)), paths)


class _Leading:
    """From classes to the mean of their names' vectors."""

    def __init__(self, binding: ClassNameBinding) -> None:
        self._vectors = binding.vectors
        self._method = binding_methods.configure("class_names")

    def __call__(self, readings: Sequence[tuple[Array, Array]]) -> Array:
        return np.stack([self._method(shares, self._vectors[classes]) for shares, classes in readings])


def _check(binding: ClassNameBinding, component: Component | None, known: Sequence[ClassNameBinding]) -> None:
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


def _revision(components: Sequence[Component], bound: dict[str, list[ClassNameBinding]]) -> str:
    parts = [f"{component.space} {component.space.fingerprint}" for component in components]
    for bindings in bound.values():
        parts += [f"{binding.source} {binding.target} {binding.content}" for binding in bindings]
    return short_hash(*parts)


def path_of(binding: ClassNameBinding) -> str:
    """A bound path in words."""
    return f"{binding.source.name} -> {binding.target.name} (class names)"
