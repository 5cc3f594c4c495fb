"""A query of the pipeline, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tieback_contract.answers import AnswerStyle, GenerationEvent
from tieback_contract.encodings import Label, Truncated
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.generation import ChatMessage, Grounding, SamplingParameters
from tieback_contract.hits import Mixture, RetrievedHit
from tieback_contract.query import NO_OPTIONS, QueryOptions, RetrievalPlan
from tieback_contract.reports import Timing

from tieback.core.types.content import Content
from tieback.core.types.fusion import Routing
from tieback.core.types.search import StageScores


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One content of a query, and how much it counts beside the others."""

    content: Content
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RetrieveRequest:
    """A query of any modality, and how it is answered."""

    collection: str
    """The collection, as its tenant calls it."""
    query: Sequence[QueryPart]
    """The contents, of which one vector is made."""
    limit: int = 0
    """The most hits; 0 for the server's own number."""
    filter: str = ""
    """A condition on items and sections; empty for all of them."""
    routing: Routing = field(default_factory=Routing)
    """Weights of the spaces of a joint one."""
    explain: bool = False
    """True if the reply is to say of each stage what it did."""
    options: QueryOptions = NO_OPTIONS
    """Options that are not chosen are the collection's choice, else the server's."""


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A question, how its evidence is found, and how it is answered."""

    retrieval: RetrieveRequest
    """The search for the evidence; the words of its query are the question."""
    model: str = ""
    """The generator; empty for the server's."""
    evidence_limit: int = 0
    """The most passages; 0 for the server's own number."""
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    """Sampling of the text, where a model writes."""
    grounding: Grounding = field(default_factory=Grounding)
    """The check of claims by the evidence, and when there is no answer."""
    style: AnswerStyle = AnswerStyle.AUTO
    """Tells whether the answer is quoted or written."""
    history: Sequence[ChatMessage] = ()
    """Messages before the question, the oldest first."""
    system: str = ""
    """The caller's instruction to the model; empty for none."""


@dataclass(frozen=True, slots=True)
class RetrieveReply:
    """What was found, best first; `labels` are what pictures and sounds of the query were taken for.

    `truncated` is what spaces did not read of the query. Where it is explained, `steps` are what its steps
    made of the hits. Of a collection between two spaces, `mixture` says how much was read in which.
    """

    hits: Sequence[RetrievedHit]
    routing: RoutingExplanation
    labels: Sequence[Label]
    timing: Timing
    plan: RetrievalPlan
    truncated: Mapping[str, Truncated] = field(default_factory=dict)
    steps: Sequence[StageScores] = ()
    mixture: Mixture | None = None


AnswerEvent: TypeAlias = RetrieveReply | GenerationEvent
"""The hits that were found, then the events of the generator."""
