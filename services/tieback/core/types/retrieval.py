"""A query of the pipeline, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Label
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.hits import Mixture, RetrievedHit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.reports import Timing

from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncated
from tieback.core.types.fusion import Routing
from tieback.core.types.search import StageScores

NEAREST = MethodChoice("nearest")
"""Searches by the vector as the collection does by itself."""


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One content of a query, and how much it counts beside the others."""

    content: Content
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What to find, and how. None, and 0 of `limit` and `candidates`, stand for the default.

    That is what the collection chooses, else the server's (`answer/plan.py`).

    Hits whose relevance is below `min_relevance` are left out. A query of a photo and words may name a
    learned `composition`; empty for the weighted sum. Hits have at most so many `highlights`. A query of one
    content may name a `condition`, such as "colour", under which hits are near; empty for none. A text that
    several items hold is one hit, unless `every_copy` is asked for.
    """

    collection: str
    query: Sequence[QueryPart]
    limit: int = 0
    filter: str = ""
    routing: Routing = field(default_factory=Routing)
    candidates: int = 0
    reranker: MethodChoice | None = None
    hybrid: bool | None = None
    balance_modalities: bool | None = None
    explain: bool = False
    rank_fusion: MethodChoice | None = None
    min_relevance: float = 0.0
    collapse_pieces: bool | None = None
    query_expansion: MethodChoice | None = None
    diversity: float | None = None
    hits_per_item: int | None = None
    granularity: Granularity | None = None
    ranker: MethodChoice | None = None
    composition: str = ""
    vector_search: MethodChoice | None = None
    highlights: int = 0
    condition: str = ""
    every_copy: bool = False


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """How a query is answered, every default filled in.

    `rank_fusion` is None where the search is not hybrid, the name of `reranker` is "none" where the search's
    order is kept, and hits whose relevance is below `relevance_floor` are marked. Of a server's defaults,
    `candidates` is 0: it follows the limit. With `collapse_pieces`, the pieces of a short text are one hit.
    The name of `query_expansion` is "none" where the query was searched for as it was given: more was not
    asked for, or the method left it so. 0 is no `diversity`, and any number of `hits_per_item`. By the
    `granularity` DOCUMENT items were ranked. The name of `ranker` is "none" where no learned ranking
    ordered the hits. With `token_vectors` the reranker compared texts by the vectors of tokens that the
    collection keeps. `composition` is the learned one that made one vector of a photo and words, empty for
    their weighted sum. `vector_search` says how far the vector was searched for; where a measurement decided
    that, `expected_recall` is that of the method that was chosen, and `expected_seconds` its time where time
    decided. `skipped_reranker` was asked for and left out for want of time, or was not available.
    `condition` is what the hits were ordered by, empty for none. Related hits of the `first_modality` came
    before all others; None where no modality did. With `fill_up`, what `hits_per_item` left out are pieces of
    hits, or hits where other items were too few.
    """

    hybrid: bool
    balance_modalities: bool
    rank_fusion: MethodChoice | None
    reranker: MethodChoice
    candidates: int
    relevance_floor: float
    collapse_pieces: bool
    query_expansion: MethodChoice
    diversity: float
    hits_per_item: int
    granularity: Granularity
    ranker: MethodChoice
    token_vectors: bool = False
    composition: str = ""
    vector_search: MethodChoice = NEAREST
    expected_recall: float | None = None
    expected_seconds: float | None = None
    skipped_reranker: MethodChoice | None = None
    condition: str = ""
    first_modality: Modality | None = None
    every_copy: bool = False
    fill_up: bool = False


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
    truncated: Sequence[Truncated] = ()
    steps: Sequence[StageScores] = ()
    mixture: Mixture | None = None
