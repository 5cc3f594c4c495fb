"""Joint vectors: what they are made of, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Encoding, Label
from tieback_contract.modality import Modality
from tieback_contract.shapes import wire
from tieback_contract.vectors import MultiVector, Vector


@dataclass(frozen=True, slots=True)
class FusePart:
    """One encoding within an input to fuse."""

    encoding: Encoding
    """``"dense"`` of a component of the joint space, or ``"labels"`` of a space bound through class names."""
    weight: float = 1.0
    """The weight of the content beside the others; of a query it may be negative, which takes it away."""
    content: int = 0
    """Which content of the input this encodes; parts of one content share a number."""


@dataclass(frozen=True, slots=True)
class RoutingExplanation:
    """Why a joint vector is what it is."""

    policy: str = ""
    """The policy that was used."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The weight of each component that took part; they sum to 1."""
    entropy: float = 0.0
    """Entropy of the weights in nats."""
    missing: Sequence[str] = ()
    """Spaces that should have encoded the input and did not."""
    degraded: bool = False
    """True where the vector is worse than it could be: something was missing."""
    projections: Sequence[str] = ()
    """The bound paths that were taken."""
    reasons: Mapping[str, str] = field(default_factory=dict, metadata=wire("missing_reasons"))
    """Why a space is missing, by its name: "not given", "down", "late", "shed" or "refused"."""
    expected_recall_loss: float = 0.0
    """Points of recall at 10 that the missing spaces are expected to cost, as measured at binding."""
    binding: str = ""
    """The revision of the binding that weighted; empty for a joint space made from class names."""
    modality: str = ""
    """Modalities of the input, for instance ``"image+text"``."""
    fallback: str = ""
    """Why a learned router did not weight, where the binding has some."""
    imputed: Mapping[str, str] = field(default_factory=dict)
    """By block of a lost space, the method that imputed it; the space is missing all the same."""


@dataclass(frozen=True, slots=True)
class IgnoredDimensions:
    """Dimensions of a query's vector that do not count for sections of a modality."""

    modality: Modality
    """The sections' modality."""
    begin: int
    """The first dimension, from 0."""
    end: int
    """The first dimension after them."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint vector with its explanation."""

    vector: Vector
    """The vector, in the joint space."""
    routing: RoutingExplanation
    """Spaces that were used, and their weights."""
    labels: Sequence[Label] = ()
    """The classes through which pictures and sounds entered."""
    regions: MultiVector | None = None
    """The joint vectors of a picture's regions, where ``per_region=True`` asked for them."""
    ignored: Sequence[IgnoredDimensions] = ()
    """Dimensions that do not count for sections of a modality; `search` takes the whole result."""
