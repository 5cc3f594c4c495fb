"""Routers on trial: a canary weights a share of the queries, a shadow is only compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.router.joint_space import JointSpace
from tieback.router.learned import Routers


@dataclass(frozen=True, slots=True)
class Rollout:
    """The bindings whose routers are on trial; their blocks must be those of the served binding.

    `percent` of the queries, 0 to 100, are weighted by the canary's.
    """

    canary: JointSpaceArtifact | None = None
    percent: float = 0.0
    shadow: JointSpaceArtifact | None = None


NO_ROLLOUT = Rollout()


@dataclass(frozen=True, slots=True)
class Routed:
    """A query that learned routers weighted.

    `difference` is the total variation distance of the shadow's weights, None where there is no shadow.
    """

    modality: str
    weights: Mapping[str, float]
    binding: str
    degraded: bool
    difference: float | None = None


def beside(bound: JointSpaceArtifact, served: JointSpaceArtifact, joint: JointSpace) -> Routers:
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
        raise StartupError(f"the binding {bound.revision} has no routers: it cannot be a canary or a shadow")
    return Routers(bound, joint)


def _same_centres(one: JointSpaceArtifact, other: JointSpaceArtifact) -> bool:
    def flat(bound: JointSpaceArtifact) -> dict[tuple[str, str], bytes]:
        return {
            (space, modality): np.asarray(centre, np.float32).tobytes()
            for space, known in bound.centres.items()
            for modality, centre in known.items()
        }

    return flat(one) == flat(other)


def is_canary(key: str, percent: float) -> bool:
    """Whether the call of this id is one of the canary's; the same id always gets the same answer."""
    if not key or not percent:
        return False
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < percent / 100


def difference(ours: Array, theirs: Array) -> float:
    """Half the sum of the weights' differences: 0 where they agree, 1 where they share no block."""
    return float(np.abs(ours - theirs).sum() / 2)
