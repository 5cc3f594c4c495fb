"""Results of a search."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tieback_contract.arrays import Array, Box, Span
from tieback_contract.locators import Locator
from tieback_contract.metadata import Metadata
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment
from tieback_contract.shapes import ABSENT, wire
from tieback_contract.vectors import MultiVector, Vector


class ReadIn(enum.StrEnum):
    """By which vectors a section was compared with a query, while its collection is between two spaces."""

    OLD = "old"
    """By both vectors of the old space."""
    NEW = "new"
    """By both vectors of the new space."""
    TRANSLATED = "translated"
    """An old vector and the new encoder's query, one of which a transform brought into the other's space."""


@dataclass(frozen=True, slots=True)
class FoundPiece:
    """A further piece of a hit's text."""

    section_id: str
    """The section within the hit's item."""
    text: str
    """Its text."""
    score: float
    """Its score in the search."""
    span: Span | None = None
    """Bytes of the original, as UTF-8, that the text is; None where they are not known."""
    vector_score: float | None = None
    """Similarity to the query's vector, where one was given."""
    words_matched: float | None = None
    """The share of the query's content words that it or its titles have, by rarity."""
    relevance: float | None = None
    """The estimated probability that it is relevant, 0 to 1, as `retrieve` knows it."""
    below_floor: bool = False
    """True where the relevance is below the server's floor: it probably does not bear on the query."""


class StageScore(NamedTuple):
    """Score of a hit after a step of a search."""

    stage: str
    """The step, as it is named in the stages of the timing."""
    score: float | None
    """Its score in that step; None where it has none there."""
    normalised: float | None
    """The score as the next step used it; None where it is used as it is."""
    rank: int
    """Its place among the candidates of that step, from 0; equal scores share the better one."""
    kept: str
    """Why it was kept, for instance ``"nearest"``, ``"both"`` or ``"differs"``."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """A sentence of a hit's text."""

    span: Span
    """Its bytes in the hit's text, as UTF-8."""
    words: float
    """The share of the query's content words that it has, by rarity, 0 to 1."""
    similarity: float | None = None
    """The similarity of its vector to that of the query's words; None where words chose it."""

    def of(self, text: str) -> str:
        """The sentence, of the text of its hit."""
        begin, end = self.span
        return text.encode()[begin:end].decode()


@dataclass(frozen=True, slots=True)
class SameText:
    """Another item that holds the text of a hit."""

    item_id: str
    """The item."""
    item_title: str
    """The item's title."""
    section_id: str
    """The section that has the text, or the first piece of it."""
    uri: str
    """The place where the original can be found."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found."""

    item_id: str
    """Its item."""
    item_title: str
    """The item's title."""
    section_id: str
    """The section within the item."""
    section_title: str
    """The section's heading."""
    modality: Modality | None
    """The section's modality."""
    text: str
    """Its text, or the words a picture or sound was indexed under."""
    uri: str
    """Address of the original."""
    metadata: Metadata
    """The item's metadata."""
    score: float
    """Score that the hits are ordered by, higher is better."""
    vector_score: float | None = None
    """Similarity to the query's vector, where one was given."""
    text_score: float | None = None
    """BM25 score for the query's words, where some matched."""
    words_matched: float | None = None
    """The share of the query's content words that the section or its titles have, by rarity."""
    region: Box | None = None
    """Region of the picture that is most similar to the query, where there are some."""
    span: Span | None = None
    """Bytes of the original, as UTF-8, that the text is; None where they are not known."""
    pieces: Sequence[FoundPiece] = ()
    """Further pieces of the same short text, or sections of the item, that were found before the last hit."""
    multi_vector: MultiVector | None = None
    """The vectors of a picture that is known by its regions, the whole's first; see ``search``."""
    sections: Sequence[Hit] = ()
    """Of a ``search`` by documents: the item's next best sections, best first."""
    stages: Sequence[StageScore] = field(default=(), metadata=wire(ABSENT))
    """With ``explain``, what the steps that it passed made of it, in order."""
    signals: Mapping[str, float] = field(default_factory=dict)
    """Signals for a learned ranking, by name, where ``search(signals=…)`` asked for it."""
    segments: Sequence[Segment] = ()
    """Of a picture or sound: where parts of `text` are in it, which were read or heard."""
    highlights: Sequence[Highlight] = ()
    """The sentences of its text that say most of the query, best first, where they were asked for."""
    read_in: ReadIn | Literal[""] = ""
    """Of a collection between two spaces, by which vectors it was compared; else empty."""
    own_score: float | None = None
    """Its similarity there; `vector_score` is brought to one scale for all hits."""
    trust: float | None = None
    """1, or of a translated hit how much of what a reindex would find is found so."""
    also_in: Sequence[SameText] = ()
    """Other items that hold the same text, by their ids, at most 100."""
    vector: Vector | None = None
    """Its vector as a whole, between the services of a server."""


@dataclass(frozen=True, slots=True)
class SignalShare:
    """A signal of a hit, and how much it counts."""

    name: str
    """Its name."""
    value: float
    """Its value."""
    contribution: float
    """Part that it adds to the hit's score, or takes away."""


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """Two matching parts of the query and the candidate."""

    query: Locator
    """The part of the query."""
    candidate: Locator
    """The part of the candidate."""
    similarity: float
    """Their cosine similarity."""
    weight: float
    """Weight of the pair in the score."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Alignment of a query and a candidate, which explains its score."""

    pairs: Sequence[AlignedPair]
    """The strongest pairs, best first."""
    plan: Array | None = None
    """For optimal transport: the whole plan, `[query rows, candidate rows]`, summing to 1."""


@dataclass(frozen=True, slots=True)
class Reranked:
    """A candidate with its new place."""

    id: str
    """The candidate's id."""
    score: float
    """What the results are ordered by, higher is better."""
    rerank_score: float
    """The reranking method's own score."""
    first_rank: int
    """Its place in the first ranking, from 0."""
    alignment: Alignment | None = None
    """Why, where asked for."""


@dataclass(frozen=True, slots=True)
class RetrievedHit:
    """A hit with its history."""

    hit: Hit
    """The section. Its score is what the hits are ordered by."""
    search_score: float
    """Its score in the search, before reranking."""
    search_rank: int
    """Its place in the search, from 0."""
    rerank_score: float | None = None
    """Its score by the reranking method, where one ran."""
    alignment: Alignment | None = None
    """Why, where asked for."""
    relevance: float | None = None
    """The estimated probability that it is relevant, 0 to 1; None where nothing was calibrated."""
    below_floor: bool = False
    """True where the relevance is below the server's floor: it probably does not bear on the query."""
    sections: Sequence[RetrievedHit] = ()
    """Of a search by documents: the item's next best sections, best first."""
    signals: Sequence[SignalShare] = ()
    """Shares of signals in the score, with `explain`, where a learned ranking ordered the hits."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Share of an answer that was read in each space."""

    old: int
    """Hits that were compared by vectors of the old space."""
    new: int
    """Hits that were compared by vectors of the new space."""
    translated: int
    """Hits by old vectors that were translated, or compared with a translated query."""
    trust: float
    """The mean of the hits' trust; 1 where none was translated."""
    done: float
    """The share of the collection's sections that have new vectors, 0 to 1."""
