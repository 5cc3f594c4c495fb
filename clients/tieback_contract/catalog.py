"""Spaces and models that a server offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind
from tieback_contract.shapes import wire
from tieback_contract.vectors import SpaceRef, VectorKind


@dataclass(frozen=True, slots=True)
class Drift:
    """Cost of a precision, by one measure."""

    measure: str
    """Name of the measure, for instance ``"Cranfield nDCG@10"``."""
    value: float
    """Its value as served."""
    float32: float = field(metadata=wire("float32_value"))
    """Its value in float32."""


@dataclass(frozen=True, slots=True)
class MeasuredReduction:
    """A method that merges tokens inside of a model, at one ratio, as it was measured."""

    method: str
    """Its name, of the family "token_reduction"."""
    ratio: float
    """The share of its tokens that each layer keeps."""
    speed: float
    """Speed over that without reduction, at the length of text that gains least."""
    lost: float
    """Loss of the measure that loses most, in its own unit: 0.01 is a point."""
    served: bool
    """True if requests may ask for it, and for larger ratios."""


@dataclass(frozen=True, slots=True)
class Space:
    """A space that vectors live in."""

    ref: SpaceRef
    """Its exact name."""
    modalities: Sequence[Modality]
    """The modality that it encodes."""
    width: int
    """The full width."""
    widths: Sequence[int]
    """Smaller widths that it was trained for."""
    kinds: Sequence[VectorKind]
    """Kinds of vectors that an encoding can hold."""
    max_tokens: int
    """Tokens that the model reads at most; 0 for no limit."""
    description: str
    """One sentence for people."""
    license: str
    """The licence of the weights, as an SPDX expression."""
    upstream: str
    """Origin of the weights."""
    binding: str
    """Its part in the joint space: empty, ``"component"``, or the path."""
    ready: bool
    """True if it can be asked now."""
    precision: str = ""
    """Precision that the model computes in, such as ``"int8"``; empty if the server does not report it."""
    drift: Sequence[Drift] = ()
    """Measured costs of that precision; empty in float32."""
    blocks: Mapping[str, int] = field(default_factory=dict)
    """Of the joint space: the width of each space's block, in their order in a vector."""
    projections: Sequence[str] = ()
    """Of the joint space: the paths from one space into another's block."""
    binding_revision: str = ""
    """Of the joint space: the binding that it was made from; empty where class names made it."""
    called: str = field(default="", metadata=wire("name"))
    """Its name in requests, if the server reports it; several spaces may share one ``ref``."""
    layers: Sequence[int] = ()
    """The layers that can be asked for, the last among them; empty where only that is."""
    reductions: Sequence[MeasuredReduction] = ()
    """Methods that merge tokens inside of the model."""
    deadline_exits: bool = False
    """True if the layers are exits that a deadline may choose (``earliest_layer``)."""
    features: Sequence[str] = ()
    """Of a space of categorical features: their names."""
    adapters: Sequence[str] = ()
    """Of a merged model: the experts that a request may name."""

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return self.called or self.ref.name


@dataclass(frozen=True, slots=True)
class Model:
    """A model that writes or reranks."""

    name: str
    """Its name."""
    revision: str
    """A short hash of the weights."""
    context_tokens: int
    """Tokens that it reads and writes at most; of a reranker, those of query and passage together."""
    description: str
    """One sentence for people."""
    license: str
    """The licence of the weights, as an SPDX expression."""
    upstream: str
    """Origin of the weights."""
    ready: bool
    """True if it can be asked now."""
    modality: Modality | None = None
    """Of a recogniser: what it reads, pictures or sounds."""
    recognises: SegmentKind | None = None
    """Of a recogniser: whether its segments are words or labels."""
    labels: Sequence[str] = ()
    """Of a classifier: its labels, in its own order."""
