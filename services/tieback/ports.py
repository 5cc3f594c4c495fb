"""What each service offers to the others, whether it runs in this process or behind gRPC.

The service classes have these methods; so have the adapters that call a service over the wire. A service that
needs another takes the port, and does not know which it is. Every method raises errors of
`tieback.core.errors`, honours its deadline, and frees its work when its task is cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Collection as AnyOf
from pathlib import Path
from typing import Protocol

from tieback_contract.answers import GenerationEvent
from tieback_contract.collections import Source
from tieback_contract.generation import SamplingParameters
from tieback_contract.heads import Head
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import QueryOptions
from tieback_contract.tenants import TenantUsage
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.call import NO_CALL, Call
from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedItem, StoredCollection, UpsertReply
from tieback.core.types.content import Content, Item, RecogniseReply, RecogniseRequest
from tieback.core.types.encoding import EncodePlan, EncodeReply, EncodeRequest, SplitReply, SplitTextsRequest
from tieback.core.types.fusion import FuseReply, FuseRequest, Routing
from tieback.core.types.generation import CheckGroundingRequest, CheckReply, GenerateRequest
from tieback.core.types.heads import ClassifyReply, ClassifyRequest, PredictReply, PredictRequest
from tieback.core.types.ingestion import IngestReply, IngestRequest
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.core.types.rerank import RerankReply, RerankRequest
from tieback.core.types.retrieval import AnswerEvent, AnswerRequest, RetrieveReply, RetrieveRequest
from tieback.core.types.search import SearchReply, SearchRequest

DEFAULT_PLAN = EncodePlan()
DEFAULT_ROUTING = Routing()
DEFAULT_SAMPLING = SamplingParameters()

NO_EXPANSION = MethodChoice("none")
"""Searches for a query as it is, and not again with what it found."""

DEFAULT_RANK_FUSION = MethodChoice("weighted_sum", {"weights": [1.0, 0.7], "exponents": [1.0, 1.25]})
"""How similarities and words are merged. Both scores mean the same for every query: a share of the best
similarity, and the words' score over the length of the query's weights. By ranks or by standard scores, words
that match a little would count as much as words that match all."""

OVERLAP = 0.15
"""The largest share of a piece of text that a sentence may take to be repeated in the next piece."""

TOO_MANY_PIECES = "TOO_MANY_PIECES"
"""The reason of the error where texts become more pieces than one request is answered with."""

SEARCH_TEXT_BYTES = 16 * 1024
"""Bytes of the words that the index searches for."""

MOST_HIGHLIGHTS, HIGHLIGHTED_CHARACTERS = 100, 32 * 1024
"""Sentences that a hit comes with at most, and characters of its text that they are chosen from."""

EVIDENCE_CHARACTERS = 256 * 1024
"""Characters of all passages that a generator reads for one answer."""

EVIDENCE_SENTENCES = 512
"""Sentences of all those passages: each is encoded, at some milliseconds."""


class EncoderPort(Protocol):
    """Turns contents into vectors of a named space."""

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        """One result per content, in order; a bad content gets an error and the others succeed."""
        ...

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        """Where to cut texts so that the space reads every piece to its end; a bad text gets an error.

        InvalidInput with the reason `TOO_MANY_PIECES` where all texts become more of them than a request may.
        """
        ...


class RouterPort(Protocol):
    """Fuses encodings into joint vectors."""

    async def fuse(self, request: FuseRequest, call: Call) -> FuseReply:
        """One result per input, in order."""
        ...


class IndexPort(Protocol):
    """Keeps items with their vectors and finds them again.

    A collection is called NAME by the tenant that it belongs to, and OWNER/NAME by those it is shared with;
    to all others it is NotFound, as one that does not exist. PermissionDenied where the token's role, or the
    share's, is not enough.
    """

    async def create_collection(
        self,
        name: str,
        space: SpaceRef,
        width: int,
        routing: Routing = DEFAULT_ROUTING,
        codec: MethodChoice | None = None,
        token_vectors: TokenVectors | None = None,
        plan: QueryOptions | None = None,
    ) -> StoredCollection:
        """Makes a collection, or returns the equal one.

        `codec` is how its vectors are kept in memory, and `token_vectors` how those of the tokens of texts
        are on the disk; `plan` is how its queries are answered where they do not say. None for the default,
        or for what is there. AlreadyExists where the name has another space, or another `routing`, `codec`,
        `token_vectors` or `plan` than one that is given.
        """
        ...

    async def update_collection(self, name: str, plan: QueryOptions) -> StoredCollection:
        """Replaces how its queries are answered where they do not say. Durable when it returns."""
        ...

    async def get_collection(self, name: str) -> StoredCollection:
        """NotFound, with the choices, where there is none."""
        ...

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[StoredCollection], str]:
        """A page by name, and the token of the next one (empty on the last)."""
        ...

    async def delete_collection(self, name: str) -> None:
        """Removes a collection and all it holds."""
        ...

    async def get_usage(self) -> TenantUsage:
        """Who the running task works for, and what that tenant stores."""
        ...

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """Notes a folder that items come from, durably, and that it is indexed now.

        AlreadyExists where its name is that of a source at another place and it has not `moved`.
        """
        ...

    async def delete_source(self, collection: str, name: str) -> int:
        """Removes a source and its items; returns how many there were. Durable when it returns."""
        ...

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """Writes items in one durable step, replacing those of the same id; returns when they are durable."""
        ...

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """Removes items; returns how many were there. Durable when it returns."""
        ...

    async def get_item(self, collection: str, id: str) -> Item:
        """The item as it was written, without bytes of pictures and sounds."""
        ...

    async def list_items(
        self,
        collection: str,
        *,
        page_size: int = 0,
        page_token: str = "",
        filter: str = "",
        without_sections: bool = False,
        call: Call = NO_CALL,
    ) -> tuple[list[Item], str]:
        """A page by id, and the token of the next one. A page ends early where its items are large.

        `without_sections`, items have none, and none is read.
        """
        ...

    async def count_items(
        self, collection: str, *, filter: str = "", call: Call = NO_CALL
    ) -> tuple[int, int]:
        """The numbers of items with a section that passes, and of sections that pass."""
        ...

    async def search(self, request: SearchRequest, call: Call = NO_CALL) -> SearchReply:
        """The nearest sections, best first."""
        ...


class StoredItemsPort(Protocol):
    """What an index has stored, as it was given; in the process that has the store, for the role admin.

    Whoever may read a collection may read an original.
    """

    async def get_original(self, collection: str, item_id: str, section_id: str) -> Content:
        """What a section was encoded from; the text of a text. NotFound where it was not kept."""
        ...

    async def sample(self, collection: str, most: int) -> list[str]:
        """The ids of at most so many items, evenly taken from all of them in order."""
        ...

    async def read(self, collection: str, ids: Sequence[str]) -> list[Item | None]:
        """The items with their contents; None for one that is gone.

        A section whose original is not there has no content.
        """
        ...

    async def staying(self, collection: str, modalities: AnyOf[Modality]) -> tuple[int, int]:
        """How many items, and sections of these, have vectors of contents of these modalities alone."""
        ...

    def upgrades(self, collection: str) -> Path:
        """A folder for what upgrades of the collection's space learn; it is removed with the collection."""
        ...


class StorePort(IndexPort, Protocol):
    """The index where its store is: it gives out originals, and takes new vectors for old ones.

    For the tenant that a collection belongs to, with the role admin.
    """

    @property
    def stored(self) -> StoredItemsPort:
        """Its items as they were given."""
        ...

    async def begin_reindex(
        self, collection: str, space: SpaceRef, width: int, token_vectors: TokenVectors | None = None
    ) -> ReindexState:
        """Begins to make vectors of another space, and `token_vectors` if any, or goes on."""
        ...

    async def list_pending(self, collection: str, after: str = "") -> list[PendingItem]:
        """The next items, by id, that lack such vectors, with their contents; empty at the end."""
        ...

    async def write_reindexed(
        self, collection: str, items: Sequence[ReindexedItem]
    ) -> list[TiebackError | None]:
        """Writes such vectors, durably; those of items that changed meanwhile are not taken."""
        ...

    async def finish_reindex(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """Replaces the collection's vectors durably and at once; `dropped` items are left out of it.

        Where others lack vectors nothing changes, and `done` is less than `total`.
        """
        ...

    async def discard_reindex(self, collection: str) -> None:
        """Removes vectors that were made and are not the collection's own yet. Durable when it returns."""
        ...


class RerankerPort(Protocol):
    """Orders candidates by a closer look."""

    async def rerank(self, request: RerankRequest, call: Call) -> RerankReply:
        """The candidates, best first."""
        ...


class GeneratorPort(Protocol):
    """Writes answers that rest on evidence."""

    def generate(self, request: GenerateRequest, call: Call) -> AsyncIterator[GenerationEvent]:
        """Text as it is written, each claim with citations and verdict after its text, then a finish."""
        ...


class GroundingPort(Protocol):
    """Checks texts that somebody else wrote against passages."""

    async def check_grounding(self, request: CheckGroundingRequest, call: Call) -> CheckReply:
        """The claims of each text with citations and verdicts, in order; a bad check gets an error."""
        ...


class RecogniserPort(Protocol):
    """Reads what is written in pictures, and writes down what is said in sounds."""

    async def recognise(self, request: RecogniseRequest, call: Call) -> RecogniseReply:
        """A result for each content, in order; a bad one gets an error and the others succeed."""
        ...


class TextClassifierPort(Protocol):
    """Labels texts by models of the user's own."""

    async def classify(self, request: ClassifyRequest, call: Call) -> ClassifyReply:
        """The labels of each text, in order; a bad one gets an error and the others succeed."""
        ...


class ClassifierPort(Protocol):
    """Predicts by fitted heads, and keeps them."""

    async def predict(self, request: PredictRequest, call: Call) -> PredictReply:
        """The likeliest classes of each content, in order; a bad one gets an error and the others succeed."""
        ...

    async def list_heads(self) -> list[Head]:
        """The last version of each head, by name, without their classes."""
        ...

    async def get_head(self, name: str, version: int = 0) -> Head:
        """A version of a head, 0 for the last one. NotFound, with the choices, where there is none."""
        ...

    async def delete_head(self, name: str) -> None:
        """Removes a head with all its versions. NotFound where there is none."""
        ...


class AnswerPort(Protocol):
    """The pipeline: encode, fuse, index or search, rerank, generate."""

    async def ingest(
        self,
        request: IngestRequest,
        call: Call = NO_CALL,
        before_writing: Callable[[], Awaitable[None]] | None = None,
    ) -> IngestReply:
        """Encodes items and writes them, each whole and durably; a bad item gets an error of its own.

        `before_writing` is awaited once they are encoded, or the first of many.
        """
        ...

    async def retrieve(self, request: RetrieveRequest, call: Call = NO_CALL) -> RetrieveReply:
        """Finds what bears on a query of any modality."""
        ...

    def answer(self, request: AnswerRequest, call: Call = NO_CALL) -> AsyncIterator[AnswerEvent]:
        """What was found, then the generator's events; evidence ids are "1", "2", … in hit order."""
        ...
