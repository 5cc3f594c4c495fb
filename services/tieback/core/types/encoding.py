"""What is asked of an encoder, and what it answers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from tieback.core.errors import TiebackError
from tieback.core.types.arrays import Span
from tieback.core.types.content import Modality
from tieback.core.types.report import Cost, Timing
from tieback.core.types.vectors import (
    DType,
    RegionVectors,
    SpaceRef,
    SparseVector,
    TokenVectors,
    Vector,
    VectorKind,
)


class Truncation(enum.StrEnum):
    """What to do with an input longer than the model reads."""

    REFUSE = "refuse"
    END = "end"


class CachePolicy(enum.StrEnum):
    """Whether vectors that were computed before may answer."""

    USE = "use"
    BYPASS = "bypass"


class EncodingSource(enum.StrEnum):
    """How an encoding came about."""

    COMPUTED = "computed"
    MEMORY = "memory"
    DISK = "disk"
    IN_FLIGHT = "in_flight"


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifying encoder saw."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The shape of the output: width None for the full one.

    `batch_invariant` asks for vectors that are the same, bit for bit, whatever else is computed at the time.
    `terms` asks for the names of a sparse vector's terms beside their numbers.
    """

    width: int | None = None
    dtype: DType = DType.FLOAT32
    kinds: frozenset[VectorKind] = frozenset({VectorKind.DENSE})
    batch_invariant: bool = False
    terms: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a model says of one input."""

    space: SpaceRef
    modality: Modality
    dense: Vector | None = None
    tokens: TokenVectors | None = None
    labels: Sequence[Label] = ()
    token_count: int = 0
    truncated_tokens: int = 0
    source: EncodingSource = EncodingSource.COMPUTED
    sparse: SparseVector | None = None
    regions: RegionVectors | None = None


@dataclass(frozen=True, slots=True)
class EncodeReply:
    """One result per input, in order; a bad input gets an error and the rest succeed."""

    results: Sequence[Encoding | TiebackError]
    timing: Timing
    cost: Cost


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text: its bytes, and how many tokens it has, special ones not counted."""

    span: Span
    tokens: int


@dataclass(frozen=True, slots=True)
class SplitReply:
    """The pieces of each text, in order, or what is wrong with it.

    `window` is how many tokens of a text the space reads, special ones not counted; 0 where it has no limit.
    """

    results: Sequence[Sequence[TextPiece] | TiebackError]
    window: int
    timing: Timing


@dataclass(frozen=True, slots=True)
class Truncated:
    """What a space did not read of an item or a query: so many tokens of so many texts. It reads `window`."""

    space: str
    sections: int
    tokens: int
    window: int
