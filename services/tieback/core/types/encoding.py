"""What is asked of an encoder, and what it answers."""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tieback_contract.arrays import Span
from tieback_contract.encodings import Encoding, Reduction
from tieback_contract.reports import Cost, Timing
from tieback_contract.shapes import alone, beside, wire
from tieback_contract.vectors import DType, VectorKind

from tieback.core.errors import NotFound, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.fusion import JOINT_SPACE

WITH = "+"
"""Stands between the name of a merged model and that of the expert whose adapter made a vector."""


class Truncation(enum.StrEnum):
    """What to do with an input longer than the model reads."""

    REFUSE = "refuse"
    END = "end"


class CachePolicy(enum.StrEnum):
    """Whether vectors that were computed before may answer."""

    USE = "use"
    BYPASS = "bypass"


ROUTED, MIXED = "auto", "mixed"
"""In place of an adapter's name: the one that the model's router chooses, or all by the router's weights."""


class Concern(enum.Enum):
    """What a field of an `EncodePlan` is about, beside what the model computes."""

    PREPARATION = "preparation"
    EXACTNESS = "exactness"
    SHAPE = "shape"
    DEADLINE = "deadline"


def _about(concern: Concern) -> Mapping[str, Concern]:
    return {"concern": concern}


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """What is asked of an encoder, all of it: cache keys, batches and runs of a model follow from this value.

    A field without a concern is about what the model computes, so it is in the cache key, it tells batches
    apart, and the model gets it. That of the preparation is in the key alone: a text that was cut may share a
    batch with one that was not. What concerns the shape is made of a result, and one result serves all
    shapes. An exact result serves also who does not ask for one. What concerns the deadline is decided before
    anything else, and the plan that is computed says how.

    `width` is None for the full one, `terms` asks for the names of a sparse vector's terms beside their
    numbers. `batch_invariant` asks for vectors that are the same, bit for bit, whatever else is computed at
    the time. `layer` is the one whose states are pooled, from 1, and None for the last. `reduction` is None
    where all tokens are computed. `earliest_layer` is the first at which a run may end that has too little
    time for the last, and None where none may. `condition` names the learned projection that is made of the
    result; empty for none. `adapter` names the expert of a merged model whose weights are used: empty for the
    merged ones, and `ROUTED` for the one that the router of the model chooses for each content. `mixture` has
    a weight for each expert where the adapter is `MIXED`, once the router was asked.
    """

    width: int | None = field(default=None, metadata=_about(Concern.SHAPE))
    dtype: DType = field(default=DType.FLOAT32, metadata=_about(Concern.SHAPE))
    kinds: frozenset[VectorKind] = frozenset({VectorKind.DENSE})
    batch_invariant: bool = field(default=False, metadata=_about(Concern.EXACTNESS))
    terms: bool = field(default=False, metadata=_about(Concern.SHAPE))
    truncation: Truncation = field(default=Truncation.REFUSE, metadata=_about(Concern.PREPARATION))
    layer: int | None = None
    reduction: Reduction | None = None
    earliest_layer: int | None = field(default=None, metadata=_about(Concern.DEADLINE))
    condition: str = field(default="", metadata=_about(Concern.SHAPE))
    adapter: str = ""
    mixture: tuple[float, ...] = ()

    @property
    def result(self) -> EncodePlan:
        """The plan of what is computed and kept: equal for all that one result can answer."""
        return _without(self, Concern.SHAPE, Concern.EXACTNESS, Concern.DEADLINE)

    @property
    def batch(self) -> EncodePlan:
        """The plan of a run: equal for all contents that may be computed together."""
        return _without(self, Concern.SHAPE, Concern.EXACTNESS, Concern.DEADLINE, Concern.PREPARATION)

    @property
    def is_whole(self) -> bool:
        """Whether all of the model runs, as when the costs of batches were measured."""
        return self.layer is None and self.reduction is None and not self.adapter

    def __str__(self) -> str:
        """What differs from the default, the same text in every process."""
        return json.dumps(
            {
                one.name: _described(value)
                for one in fields(self)
                if (value := getattr(self, one.name)) != one.default
            }
        )


@functools.lru_cache(maxsize=1024)
def _without(plan: EncodePlan, *concerns: Concern) -> EncodePlan:
    changes: dict[str, Any] = {
        one.name: one.default for one in fields(plan) if one.metadata.get("concern") in concerns
    }
    return replace(plan, **changes)


def _described(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, frozenset) else str(value)


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """Contents to encode in a space.

    `adapters` names the expert of each content, or one of all: "" for the merged weights.
    """

    space: str
    contents: Sequence[Content] = field(metadata=alone())
    plan: EncodePlan = EncodePlan()
    cache: CachePolicy = CachePolicy.USE
    adapters: Sequence[str] = field(default=(), metadata=beside("contents"))


@dataclass(frozen=True, slots=True)
class EncodeReply:
    """One result per input, in order; a bad input gets an error and the rest succeed."""

    results: Sequence[Encoding | TiebackError]
    timing: Timing
    cost: Cost


@dataclass(frozen=True, slots=True)
class SplitPiece:
    """A piece of a text: its bytes, and how many tokens it has, special ones not counted."""

    span: Span
    tokens: int = field(metadata=wire("token_count"))


@dataclass(frozen=True, slots=True)
class SplitTextsRequest:
    """Texts to cut so that a space reads every piece to its end.

    Pieces have at most `max_tokens`, 0 for as many as the space reads. The last sentence of one is repeated
    in the next where it takes at most the share `overlap` of that, None for `OVERLAP`.
    """

    space: str
    texts: Sequence[str]
    max_tokens: int = 0
    overlap: float | None = None


@dataclass(frozen=True, slots=True)
class SplitReply:
    """The pieces of each text, in order, or what is wrong with it.

    `window` is how many tokens of a text the space reads, special ones not counted; 0 where it has no limit.
    """

    results: Sequence[Sequence[SplitPiece] | TiebackError]
    window: int
    timing: Timing


def unknown_space(name: str, encoders: Iterable[str]) -> NotFound:
    """`encoders` are the spaces that can be encoded in; the joint one is listed beside them and cannot."""
    hint = ""
    if name == JOINT_SPACE:
        hint = (
            "nothing is encoded in the joint space: Fuse makes its vectors of those of these spaces, and "
            "Ingest and Retrieve do both steps"
        )
    return NotFound("space", name, encoders, hint=hint)
