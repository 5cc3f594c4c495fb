"""What an upgrade of a collection's space is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tieback_contract.shapes import wire
from tieback_contract.vectors import SpaceRef

from tieback_client.errors import TiebackError


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """How an operation of an upgrade ended. The collection is between the spaces, unless it is `over`."""

    old_space: SpaceRef
    """The old space."""
    new_space: SpaceRef
    """The new space."""
    done: int
    """Sections that have vectors of the new space."""
    total: int
    """Sections of the collection."""
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    """Why items cannot be encoded in the new space, by their ids: at most 1000."""
    failure_count: int = 0
    """How many there are."""
    paused: bool = False
    """Whether it ended since the upgrade was paused."""
    over: bool = False
    """Whether it ended since the upgrade was finished or rolled back."""
    staying: int = 0
    """Sections whose vectors are the same in both spaces, and were copied."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of held-out queries whose first hit is right, with its 95 % interval."""

    value: float
    """The share, 0 to 1."""
    low: float
    """The lower bound."""
    high: float
    """The upper bound."""


@dataclass(frozen=True, slots=True)
class MeasuredNumber:
    """A number with its 95 % interval, by the bootstrap of queries."""

    value: float
    """The number."""
    low: float
    """The lower bound."""
    high: float
    """The upper bound."""


@dataclass(frozen=True, slots=True)
class UpgradeWorth:
    """What searches are worth."""

    ndcg: MeasuredNumber
    """nDCG of the first ten items."""
    recall: float
    """The share of a query's items that are among the first ten, of at most ten."""
    kept: MeasuredNumber
    """nDCG as a share of re-embedded nDCG; its interval takes both of the same queries."""


@dataclass(frozen=True, slots=True)
class PolicyWorth:
    """An upgrade policy that was tried."""

    policy: str
    """Its name."""
    translated: UpgradeWorth | None
    """Stored vectors translated into the new space; None where it cannot."""
    led: UpgradeWorth
    """New queries led to stored vectors."""
    retention: MeasuredNumber
    """The share of re-embedded nDCG that is kept by the better of both ways: without the old model."""
    refused: bool
    """Whether that is below the floor."""
    translates_stored: bool
    """Whether the better way is to translate stored vectors; else queries are led to them."""


@dataclass(frozen=True, slots=True)
class UpgradePoint:
    """nDCG@10 at a share that is re-embedded."""

    share: float
    """The share, 0 to 1."""
    both: float
    """Where both spaces are read: the others in the old space."""
    translated: float
    """Where the old model is gone: the others are translated, or queries led to them, by the best policy."""


class UpgradeAdvice(Enum):
    """What to do with a collection."""

    KEEP = "keep"
    """Stay in the old space."""
    REEMBED = "reembed"
    """Encode again, and read both spaces meanwhile."""
    TRANSLATE = "translate"
    """Encode again; the old model is not needed meanwhile."""


@dataclass(frozen=True, slots=True)
class CompatibilityCell:
    """What queries of one revision find among vectors of one that is not later."""

    query: int
    """The revision of the queries, by its place in the matrix, from 0."""
    gallery: int
    """The revision of the vectors that they are compared with."""
    ndcg: MeasuredNumber
    """nDCG@10."""
    policy: str
    """The policy by which they are compared; empty where both are of one revision."""


@dataclass(frozen=True, slots=True)
class CompatibilityMatrix:
    """What revisions of a space find among the vectors of each other."""

    spaces: Sequence[SpaceRef]
    """The revisions, the oldest first."""
    cells: Sequence[CompatibilityCell]
    """Each revision with itself and with those before it."""
    average_compatibility: float
    """AC: the share of pairs in which the later revision finds more than the earlier one does itself."""
    average_accuracy: float
    """AA: the mean of all cells."""


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade learned, and what it is worth."""

    old_space: SpaceRef
    """The space of the collection's vectors."""
    new_space: SpaceRef
    """The space whose vectors the transform takes."""
    policy: str = field(metadata=wire("policy.name"))
    """How the transform was learned."""
    parameters: Mapping[str, object] = field(metadata=wire("policy.parameters"))
    """All parameters of that."""
    artifact: str
    """The revision of the transform, a hash over its content."""
    width: int
    """Dimensions of transformed vectors; the leading ones compare with stored vectors."""
    trained: int
    """Contents that it was learned from in the end."""
    held_out: int
    """Contents that it was measured on, before it had learned from them."""
    left_out: int
    """Sections that were not used."""
    old_old: Recall
    """Queries and documents in the old space, as before an upgrade."""
    new_old: Recall
    """Transformed queries of the new space, documents of the old one."""
    new_new: Recall
    """Transformed queries and documents of the new space."""
    native: Recall
    """Queries and documents of the new space as it is, as after a reindex."""
    encoding_seconds: float = field(metadata=wire("encoding_time"))
    """Time for encoding, both spaces together."""
    training_seconds: float = field(metadata=wire("training_time"))
    """Time for the training; of its last part where it was interrupted."""
    judged: int
    """Judged queries that were tried: those with an item of the collection."""
    old: UpgradeWorth
    """Searches in the old space, as today."""
    reembedded: UpgradeWorth
    """Searches in the new space, as after a reindex."""
    policies: Sequence[PolicyWorth]
    """The policies that were tried, the best first; artifact and recalls are of the best one."""
    curve: Sequence[UpgradePoint]
    """By the share that is re-embedded."""
    sections: int = field(metadata=wire("cost.sections"))
    """Sections of the collection."""
    encode_all_seconds: float = field(metadata=wire("cost.encoding_time"))
    """Time to encode those whose vectors do not stay, as fast as the sample was encoded."""
    translate_all_seconds: float = field(metadata=wire("cost.translation_time"))
    """Time to translate all of them by the best policy."""
    advice: UpgradeAdvice | None
    """What to do; None for an advice that this version does not know."""
    reason: str
    """Why, in a sentence with the numbers."""
    gain: MeasuredNumber
    """Re-embedded nDCG less that of today; its interval takes both of the same queries."""
    matrix: CompatibilityMatrix
    """The old space, the new one, and earlier ones that the request named."""
    items: int = field(default=0, metadata=wire("cost.items"))
    """Items of the collection."""
    staying_items: int = field(default=0, metadata=wire("cost.staying_items"))
    """Items whose vectors stay the same, since a replaced component of a joint space does not encode them."""
    staying_sections: int = field(default=0, metadata=wire("cost.staying_sections"))
    """Sections of these."""
