"""Joint vectors and how the spaces are weighted."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback.core.errors import TiebackError
from tieback.core.types.content import Modality
from tieback.core.types.encoding import Encoding, Label
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.report import Timing
from tieback.core.types.vectors import MultiVector, Vector

JOINT_SPACE = "joint"
"""The name of the space that the router binds all others into."""


class Role(enum.StrEnum):
    """Which side of a comparison a joint vector is for."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class FusePart:
    """One encoding within an input; parts of one content share `content`.

    The `weight` of a query's content may be negative: it is taken away from the others.
    """

    encoding: Encoding
    weight: float = 1.0
    content: int = 0


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
class RoutingExplanation:
    """Why a joint vector is what it is. `weights` sum to 1; `entropy` is in nats.

    `reasons` has why each is missing. `expected_recall_loss` is in points of recall at 10, as measured at
    binding. `binding` is the revision of the binding that weighted, `modality` what the input is made of
    ("image+text"), and `fallback` why a learned router did not weight where there are some. `imputed` name
    the blocks of lost spaces that were imputed, each with the method that made its vector.
    """

    policy: str
    weights: Mapping[str, float]
    entropy: float
    missing: Sequence[str] = ()
    degraded: bool = False
    projections: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    expected_recall_loss: float = 0.0
    binding: str = ""
    modality: str = ""
    fallback: str = ""
    imputed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IgnoredDimensions:
    """Dimensions `begin` to `end`, exclusive, of a query's vector.

    They do not count where it is compared with sections of the modality.
    """

    modality: Modality
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint vector with its explanation and the classes through which pictures and sounds entered.

    `regions` are the joint vectors of a picture's regions, where they were asked for; `vector` is then that
    of the whole. `ignored` are for a query, to be searched with beside its vector.
    """

    vector: Vector
    routing: RoutingExplanation
    labels: Sequence[Label] = ()
    regions: MultiVector | None = None
    ignored: Sequence[IgnoredDimensions] = ()


@dataclass(frozen=True, slots=True)
class FuseReply:
    """One result per input, in order."""

    results: Sequence[Fused | TiebackError]
    timing: Timing
