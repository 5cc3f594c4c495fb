"""The learned routers of a binding: they predict from an input's vectors how well each block fits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.joint.block_weights import mean_policy
from tieback.joint.graphs import router_graphs
from tieback.methods.routing import RoutingPolicy, routings
from tieback.models.joint.artifact import REMEDY, BoundRouter, JointSpaceArtifact
from tieback.models.joint.graphs import RouterGraph
from tieback.router.input_adapters import DenseReading
from tieback.router.joint_space import JointSpace


class LearnedRouter:
    """The router of one modality. StartupError where it does not fit the joint space.

    `widths` are those of the spaces whose vectors it reads, in their order; `graph` computes what its network
    does.
    """

    def __init__(self, router: BoundRouter, joint: JointSpace, graph: RouterGraph | None = None) -> None:
        self.modality = router.modality
        self.method, self.weight_ranges = router.method, router.weight_ranges
        self._state, self._parameters = router.state, router.parameters
        self._blocks = len(joint.names)
        self._graph: RouterGraph | None = None
        try:
            self.policy = routings.configure(router.method, router.parameters)
            self.without_inputs = mean_policy(router.mean_weights)
            self.widths = {space: _width(joint, space, router.modality) for space in router.inputs}
            scores = self.scores(np.eye(1, sum(self.widths.values()), dtype=np.float32))
            for policy in (self.policy, self.without_inputs):
                policy(joint.names, np.ones((1, self._blocks), bool), scores)
        except (InvalidInput, NotFound) as error:
            raise StartupError(f"{_words(router)} cannot be made: {error.message}; {REMEDY}") from None
        except (KeyError, ValueError, IndexError) as error:
            raise StartupError(f"the state of {_words(router)} is not right: {error}; {REMEDY}") from error
        if scores.shape != (1, self._blocks):
            raise StartupError(
                f"{_words(router)} weights {scores.shape[-1]} blocks; there are {self._blocks}; {REMEDY}"
            )
        self._graph = graph  # only now: what was checked above is the state

    def scores(self, vectors: Array) -> Array:
        """`[n, blocks]`, 0 to 1, of the inputs' vectors side by side; zeros where nothing was learned."""
        if not self._state:
            return np.zeros((len(vectors), self._blocks), np.float32)
        if self._graph is not None:
            return self._graph(vectors)
        from tieback.methods.routing._network import scores

        return scores(vectors, self._state)

    def configured(self, name: str, parameters: Mapping[str, Any]) -> RoutingPolicy:
        """Another method over this router's scores, with this router's parameters where it takes them too."""
        known = routings.describe(name).schema.get("properties", {})
        shared = {key: value for key, value in self._parameters.items() if key in known}
        return routings.configure(name, {**shared, **parameters})


class Routers:
    """The routers of one binding, by modality."""

    def __init__(self, bound: JointSpaceArtifact, joint: JointSpace) -> None:
        self.revision = bound.revision
        graphs = router_graphs(bound)
        self._by_modality = {
            one.modality: LearnedRouter(one, joint, graphs.get(one.modality)) for one in bound.routers
        }

    def __bool__(self) -> bool:
        return bool(self._by_modality)

    def of(self, modality: Modality) -> LearnedRouter | None:
        """The router of that modality, None where there is none."""
        return self._by_modality.get(modality)

    @property
    def all(self) -> Sequence[LearnedRouter]:
        """Every router."""
        return tuple(self._by_modality.values())


def routers_over(bound: JointSpaceArtifact, served: JointSpaceArtifact, joint: JointSpace) -> Routers:
    """The routers of another binding over the served one's blocks. StartupError where the blocks differ."""
    if bound.blocks != served.blocks:
        raise StartupError(
            f"the routers of the binding {bound.revision} cannot weight the blocks of {served.revision}, "
            "which are others; bind again from the same spaces, or serve it by TIEBACK_BINDING"
        )
    if not _same_centres(bound, served):
        raise StartupError(
            f"the routers of the binding {bound.revision} read vectors that were centred otherwise than "
            f"those of {served.revision}; bind again from the same data, or serve it by TIEBACK_BINDING"
        )
    if not bound.routers:
        raise StartupError(f"the binding {bound.revision} has no routers, so there is nothing to try")
    return Routers(bound, joint)


def _same_centres(one: JointSpaceArtifact, other: JointSpaceArtifact) -> bool:
    def flat(bound: JointSpaceArtifact) -> dict[tuple[str, str], bytes]:
        return {
            (space, modality): np.asarray(centre, np.float32).tobytes()
            for space, known in bound.centres.items()
            for modality, centre in known.items()
        }

    return flat(one) == flat(other)


def _width(joint: JointSpace, space: str, modality: Modality) -> int:
    adapter = joint.adapters.get(space)
    if adapter is None or not isinstance(adapter.read, DenseReading):
        raise StartupError(f"the router for {modality} reads {space!r}, which is not bound; {REMEDY}")
    return adapter.read.width


def _words(router: BoundRouter) -> str:
    return f"the router for {router.modality} ({router.method})"
