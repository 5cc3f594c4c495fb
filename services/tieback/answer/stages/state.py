"""A retrieval under way: what is asked, how it is answered, and what was found so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from tieback_contract.collections import Moving
from tieback_contract.encodings import Truncated
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.hits import Hit, Mixture, ReadIn, Reranked, RetrievedHit
from tieback_contract.limits import Limits
from tieback_contract.query import Granularity, RetrievalPlan
from tieback_contract.reports import Stage, Timing

from tieback.answer.plan import DEFAULT_LIMIT, NO_RERANKING
from tieback.answer.spaces.encoding import without
from tieback.answer.stopwatch import Stopwatch
from tieback.core.call import Call
from tieback.core.types.collection import StoredCollection
from tieback.core.types.moving import SecondVector
from tieback.core.types.rerank import RerankCandidate, RerankSource
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback.core.types.search import SearchReply, StageScores
from tieback.models.learned import Learned, nothing_learned
from tieback.ports import EncoderPort, IndexPort, RerankerPort
from tieback.query_stages.checks import parameters_by_stage
from tieback.query_stages.stage import RETRIEVE, Models
from tieback.token_spaces import TokenSpace

if TYPE_CHECKING:
    from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
    from tieback.answer.stages.rank import Ranker
    from tieback.answer.stages.rerank import RerankTimes

FULL_TEXT = "full_text"
STALE = "stale"
"""The reason of a space that is not served any more."""

_NOTHING = SearchReply([], Timing())


@dataclass(frozen=True, slots=True)
class Server:
    """Parts of a server that queries are answered by."""

    spaces: CollectionSpaces
    index: IndexPort
    encoder: EncoderPort
    limits: Limits
    rerank_times: RerankTimes
    reranker: RerankerPort | None = None
    reranks_words: bool = True
    """True if its methods of reranking have texts to compare."""
    rerankers: frozenset[str] = frozenset()
    """Models that may be named in place of a method."""
    ranker: Ranker | None = None
    highlight_space: str = ""
    """The space that compares sentences; empty where they are chosen by their words alone."""
    learned: Learned = nothing_learned
    """The learned artifacts that are served, for stages of extensions."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Shares of the time of stages, where they are not those of the list."""

    @property
    def models(self) -> Models:
        """Models that options may name."""
        return Models(self.rerankers, "" if self.ranker is None else self.ranker.method)


@dataclass(slots=True)
class Retrieving:
    """A retrieval, as its stages hand it on."""

    server: Server
    request: RetrieveRequest
    plan: RetrievalPlan
    watch: Stopwatch
    call: Call
    """The call, with the whole of the time that is left."""
    collection: StoredCollection
    hop: Call = field(init=False)
    """The call that the running stage makes."""
    share: float = field(init=False)
    """The part of the time that is left that the running stage has."""
    stage: Stage = field(init=False)
    """The time of the running stage, where it is timed."""

    own: str = ""
    """The query's words."""
    words: str = ""
    """They, and names of what its pictures and sounds were taken for."""
    searched: str = ""
    """The words that are searched for."""
    fused: Fused | None = None
    """The query's vector, where it is searched for."""
    unread: Mapping[str, Truncated] = field(default_factory=dict)
    second: SecondVector | None = None
    """The vector in the space that the collection is being moved to."""
    stale: str = ""
    """The collection's space where it is not served any more: words alone were searched for."""

    multi_vectors: bool = False
    token_vectors: bool = False
    vectors: bool = False
    signals: Collection[str] = ()
    """Parts that hits are to come with, as `SearchRequest` has them."""
    by_regions: CollectionSpace | None = None
    """The space of a photo that is reranked by its regions."""
    tokens: TokenSpace | None = None
    """The space of the token vectors that texts are reranked by."""

    found: SearchReply = _NOTHING
    compared: Sequence[Hit] = ()
    """The sections that a reranker may compare."""
    candidates: Sequence[RerankCandidate] = ()
    source: RerankSource | None = None
    """The query, as the candidates are compared with it."""
    reranked: Mapping[int, Reranked] = field(default_factory=dict)
    """Results of the reranker by the places of those that were compared."""
    lost: dict[str, str] = field(default_factory=dict)
    """Parts that did not answer, each with the reason."""
    orders_all: bool = False
    """True if hits beyond the limit are ordered too: a later stage leaves some out, or all are explained."""
    ordered: Sequence[RetrievedHit] | None = None
    """The hits in their final order."""
    hits: Sequence[RetrievedHit] = ()
    """The hits that are given."""
    kept: dict[str, Any] = field(default_factory=dict)
    """Values that stages of extensions keep for later ones, by the stage."""

    @property
    def further(self) -> Mapping[str, BaseModel]:
        """Parameters of the stages of extensions that take place, by their names."""
        return parameters_by_stage(self.plan.options, RETRIEVE)

    @property
    def limit(self) -> int:
        """The most hits."""
        return self.request.limit or DEFAULT_LIMIT

    @property
    def by_documents(self) -> bool:
        """Tell whether items are ranked as wholes."""
        return self.plan.options.granularity is Granularity.DOCUMENT

    @property
    def space(self) -> str:
        """The name of the space of the query's vector; empty without one."""
        return "" if self.fused is None else self.fused.vector.space.name

    @property
    def is_translated(self) -> bool:
        """Tell whether the collection's own encoder is gone, and a transform leads queries to its vectors."""
        moving = self.collection.moving
        return moving is not None and bool(moving.translation)

    @property
    def most_ordered(self) -> int:
        """The number of hits that are ordered."""
        return len(self.found.hits) if self.orders_all or self.request.explain else self.limit

    def reply(self, steps: Sequence[StageScores]) -> RetrieveReply:
        """Give the hits, with the scores of its stages."""
        fused = self.fused
        routing = RoutingExplanation(FULL_TEXT, {}, 0.0) if fused is None else fused.routing
        if self.stale:
            routing = without(routing, {self.stale: STALE})
        plan = self.plan
        if "reranker" in self.lost:
            plan = replace(plan.but(reranker=NO_RERANKING), skipped_reranker=plan.options.reranker)
        return RetrieveReply(
            self.hits,
            without(routing, self.lost),
            () if fused is None else fused.labels,
            self.watch.timing(),
            plan,
            self.unread,
            steps,
            mixed(self.hits, self.collection.moving),
        )

    def anew(self, collection: StoredCollection) -> Retrieving:
        """The same retrieval from its beginning, of a collection that was made anew."""
        return Retrieving(self.server, self.request, self.plan, self.watch, self.call, collection)


def mixed(hits: Sequence[RetrievedHit], moving: Moving | None) -> Mixture | None:
    """How the hits were read, together.

    None of a collection in one space, and where all were found by words alone.
    """
    found = [one.hit for one in hits if one.hit.read_in]
    if moving is None or not found:
        return None
    count = Counter(hit.read_in for hit in found)
    trust = sum(1.0 if hit.trust is None else hit.trust for hit in found) / len(found)
    return Mixture(count[ReadIn.OLD], count[ReadIn.NEW], count[ReadIn.TRANSLATED], trust, moving.share)
