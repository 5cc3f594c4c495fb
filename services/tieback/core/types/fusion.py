"""Joint vectors and how the spaces are weighted."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.fusion import Fused, FusePart
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone

from tieback.core.errors import TiebackError

JOINT_SPACE = "joint"
"""The name of the space that the router binds all others into."""


class Role(enum.StrEnum):
    """Which side of a comparison a joint vector is for."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Routing:
    """How the spaces are weighted.

    No policy means the default: by the weights where there are some, else by the learned router where the
    joint space has one for what the query is made of, else evenly. `imputation`, a method of the family of
    that name, is what is done about the blocks of lost spaces; None is the binding's default for queries, and
    nothing for documents.
    """

    policy: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    imputation: MethodChoice | None = None


@dataclass(frozen=True, slots=True)
class FuseRequest:
    """Encodings to fuse, of each input; with `per_region`, regions of pictures get vectors too."""

    inputs: Sequence[Sequence[FusePart]] = field(metadata=alone())
    role: Role = Role.QUERY
    routing: Routing = Routing()
    per_region: bool = False


@dataclass(frozen=True, slots=True)
class FuseReply:
    """One result per input, in order."""

    results: Sequence[Fused | TiebackError]
    timing: Timing
