"""The joint space: one block per component, side by side.

    joint vector    [ all-minilm-l6-v2 | paraphrase-minilm-l3-v2 | wordllama ]
    of a document     unit vector        unit vector               unit vector
    of a query        w1 · unit vector   w2 · unit vector          w3 · unit vector

The inner product of a query with a document is Σ w_k · cosine_k, so a query can weight the spaces as it likes
and nothing that is stored changes. Pictures and sounds enter each block through the names of their classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tieback.catalog.source import short_hash
from tieback.core.errors import StartupError
from tieback.core.types import JOINT_SPACE, SpaceRef
from tieback.models.binding import ClassNameBinding

REMEDY = "make the bindings again: tieback models pull"

CONSTRUCTION = "unit blocks by name; class_names top 10; contents averaged per block"
"""Hashed into the fingerprint: change it whenever the same encodings would make another vector."""


@dataclass(frozen=True, slots=True)
class Component:
    """A space that has a block of its own."""

    space: SpaceRef
    width: int


class JointSpace:
    """Which blocks a joint vector has, where they are, and which bound paths lead into them.

    StartupError where a binding was made for other weights than those that are served.
    """

    def __init__(self, components: Iterable[Component], bindings: Iterable[ClassNameBinding] = ()) -> None:
        self.components = tuple(sorted(components, key=lambda component: component.space.name))
        self.names = tuple(component.space.name for component in self.components)
        if not self.names or len(set(self.names)) < len(self.names):
            raise StartupError("the joint space needs at least one component, each of a name of its own")
        self._by_name = dict(zip(self.names, self.components, strict=True))
        self._slices: dict[str, slice] = {}
        self.width = 0
        for component in self.components:
            self._slices[component.space.name] = slice(self.width, self.width + component.width)
            self.width += component.width
        self.bindings: dict[str, tuple[ClassNameBinding, ...]] = {}
        for binding in sorted(bindings, key=lambda bound: (bound.source.name, bound.target.name)):
            self._check(binding)
            self.bindings[binding.source.name] = (*self.bindings.get(binding.source.name, ()), binding)
        self.ref = SpaceRef(JOINT_SPACE, self._revision(), short_hash(CONSTRUCTION))

    @property
    def sources(self) -> tuple[str, ...]:
        """The spaces that enter through a binding."""
        return tuple(self.bindings)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every bound path, as explanations name it."""
        return tuple(path_of(binding) for bound in self.bindings.values() for binding in bound)

    def component(self, name: str) -> Component | None:
        """The component of that name, or None."""
        return self._by_name.get(name)

    def block(self, name: str) -> slice:
        """Where a component's block is within a joint vector."""
        return self._slices[name]

    def _check(self, binding: ClassNameBinding) -> None:
        component = self._by_name.get(binding.target.name)
        if component is None or component.space != binding.target:
            raise StartupError(
                f"the binding {binding.source} -> {binding.target} leads into a space that is not served; "
                f"{REMEDY}"
            )
        known = self.bindings.get(binding.source.name, ())
        if any(other.source != binding.source or other.target == binding.target for other in known):
            raise StartupError(
                f"there are two bindings from {binding.source.name} that do not go together; {REMEDY}"
            )
        if binding.vectors.shape != (len(binding.names), component.width):
            raise StartupError(
                f"the binding {binding.source} -> {binding.target} holds vectors of shape "
                f"{binding.vectors.shape} for {len(binding.names)} classes, width {component.width}; {REMEDY}"
            )

    def _revision(self) -> str:
        parts = [f"{component.space} {component.space.fingerprint}" for component in self.components]
        for bound in self.bindings.values():
            parts += [f"{binding.source} {binding.target} {binding.revision}" for binding in bound]
        return short_hash(*parts)


def path_of(binding: ClassNameBinding) -> str:
    """A bound path in words."""
    return f"{binding.source.name} -> {binding.target.name} (class names)"
