"""Things of several parts, and their learned fusion, as the server and the clients have them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Encoding, Label
from tieback_contract.vectors import SpaceRef, Vector


@dataclass(frozen=True, slots=True)
class ThingPart:
    """A part of a thing."""

    name: str
    """Its name, such as ``"title"``."""
    encoding: Encoding
    """Its encoding by the encoder that the fusion was learned with."""
    item: int = 0
    """The item of a bundle that it is of, from 0, for fusions of bundles (``clhe``)."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing, as far as it is known."""

    parts: Sequence[ThingPart] = ()
    """Its parts; with a state, those that are new."""
    condition: Encoding | None = None
    """A question about it, or who asks."""
    state: Vector | None = None
    """The state of before, of fusions that take parts one after another."""
    seen: Sequence[str] = ()
    """The parts that the state knows."""


@dataclass(frozen=True, slots=True)
class FusionStep:
    """The state after a part."""

    part: str
    """The part."""
    vector: Vector
    """The vector."""
    predictions: Sequence[Label] = ()
    """Classes, most probable first."""


class TagKind(enum.StrEnum):
    """Kinds of tags."""

    ENTITY = "entity"
    """A thing, in WordNet."""
    ATTRIBUTE = "attribute"
    """Something else that an encoder has a name for, such as a meow."""


@dataclass(frozen=True, slots=True)
class FusionTag:
    """A name of what a thing shows."""

    name: str
    """The name."""
    kind: TagKind
    """Its kind."""
    score: float = 0.0
    """How much it counts, among tags of its kind."""
    parts: Sequence[str] = ()
    """The parts that show it."""


@dataclass(frozen=True, slots=True)
class FusedThing:
    """A thing as one vector, with what it rests on."""

    vector: Vector
    """The vector, in the fusion's space."""
    present: Sequence[str] = ()
    """The parts that were there."""
    missing: Sequence[str] = ()
    """The parts that were missing; of a bundle, those that any of its items lacks."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """By missing part, what stood for it: ``"pool"`` or ``"substitute"``."""
    unseen: bool = False
    """True where training never saw this pattern of parts."""
    expected_loss: float | None = None
    """The expected cost of the missing parts, of the fusion's measure; None if unknown, and for bundles."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """With ``explain=True``, the weight of each present part."""
    predictions: Sequence[Label] = ()
    """Classes, most probable first."""
    steps: Sequence[FusionStep] = ()
    """With ``explain=True``, after each part, where parts are taken one after another."""
    state: Vector | None = None
    """The state, to be given with the next parts."""
    tags: Sequence[FusionTag] = ()
    """Names of what it shows, of `imgany`: entities, then attributes; the surest first."""
    trusts: Mapping[str, float] = field(default_factory=dict)
    """With ``explain=True``, the learned trust in each part, replaced ones too (``contextual``)."""


@dataclass(frozen=True, slots=True)
class FusionPart:
    """A part of a fusion."""

    name: str
    """Its name."""
    space: str
    """The space that encodes it."""
    rows: bool = False
    """True where it is read as several rows."""


@dataclass(frozen=True, slots=True)
class FusionPattern:
    """A pattern of parts that are there."""

    parts: Sequence[str]
    """The parts."""
    things: int = 0
    """Things of the training set that have it."""
    seen: bool = False
    """True where training saw it: in the data, or with parts dropped."""
    value: float | None = None
    """The measure of held-out things of which these parts alone were given."""


@dataclass(frozen=True, slots=True)
class FusionDescription:
    """A learned fusion that is served."""

    name: str
    """Its name."""
    method: str
    """The method of the family "fusion"."""
    space: SpaceRef
    """The space of its vectors."""
    width: int
    """Their width."""
    parts: Sequence[FusionPart] = ()
    """Its parts."""
    condition: str = ""
    """The space of its condition; empty where it takes none."""
    missing: str = ""
    """The policy for missing parts."""
    measure: str = ""
    """Name of the measure of the patterns."""
    patterns: Sequence[FusionPattern] = ()
    """Patterns of parts, with what each is worth."""
