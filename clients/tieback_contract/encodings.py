"""Results of a model for an input."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.modality import Modality
from tieback_contract.shapes import wire
from tieback_contract.vectors import MultiVector, SpaceRef, SparseVector, Vector


class EncodingSource(enum.StrEnum):
    """Origin of an encoding."""

    COMPUTED = "computed"
    """The model ran on it."""
    MEMORY = "memory"
    """It was in the server's memory."""
    DISK = "disk"
    """It was on the server's disk."""
    IN_FLIGHT = "in_flight"
    """An identical input was being computed, and this one waited for it."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifying encoder saw."""

    name: str
    """Its name in plain English."""
    index: int
    """Its number in the model's own list."""
    probability: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """Tokens are merged inside of the model."""

    method: str
    """The method, of the family "token_reduction"."""
    ratio: float | None = None
    """The share of its tokens that each layer keeps; None in a request for the smallest served."""


@dataclass(frozen=True, slots=True)
class AppliedAdapter:
    """An expert of a merged model that was applied."""

    name: str
    """Its name."""
    sha256: str
    """The SHA-256 of the file of its adapter."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the experts, which sum to 1, where the router chose it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Result of a model for one input."""

    space: SpaceRef
    """The space that encoded the input."""
    modality: Modality | None
    """The modality of the input."""
    vector: Vector | None = field(default=None, metadata=wire("dense"))
    """One pooled vector, where ``"dense"`` was asked for."""
    multi_vector: MultiVector | None = None
    """One vector per token, region or window, where ``"multi_vector"`` was asked for."""
    labels: Sequence[Label] = ()
    """The most probable classes, where ``"labels"`` was asked for."""
    token_count: int = 0
    """Tokens (patches, frames) that the model read."""
    truncated_tokens: int = 0
    """Tokens cut off because the input was too long."""
    source: EncodingSource = EncodingSource.COMPUTED
    """Origin of it."""
    sparse: SparseVector | None = None
    """Terms of the input with their weights, where ``"sparse"`` was asked for."""
    reduction: Reduction | None = None
    """Reduction of tokens, since that was asked for or too much waited; None where all were computed."""
    layer: int | None = None
    """The layer whose states were pooled; None where the space offers no layers."""
    adapter: AppliedAdapter | None = None
    """The expert of a merged model whose weights made the vectors; None for the merged weights."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """What a space did not read of sections, or of a query."""

    sections: int
    """Sections, or texts of a query, that it did not read to their end."""
    tokens: int
    """Tokens of those that it did not read."""
    window: int
    """Tokens that it reads of one at most, special tokens included."""

    def __add__(self, other: Truncated) -> Truncated:
        return Truncated(
            self.sections + other.sections, self.tokens + other.tokens, max(self.window, other.window)
        )
