"""The pipeline over the other services, wherever they run."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.answers import Finish, GenerationEvent, RewrittenQuestion
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback.answer.evidence import evidence_of
from tieback.answer.foreseen import ForeseenRefusals
from tieback.answer.ingesting.items import Ingestion
from tieback.answer.ingesting.recognition import Recognition
from tieback.answer.ingesting.splitting import Splitting
from tieback.answer.moving.collections import MovingCollections
from tieback.answer.moving.reindexing import Reindexing
from tieback.answer.moving.upgrading import Upgrading
from tieback.answer.plan import ANSWER_PLAN
from tieback.answer.query_words import with_words, words_of
from tieback.answer.retrieval import Retriever
from tieback.answer.spaces.collections import (
    CollectionSpace,
    CollectionSpaces,
    Joint,
    JointPipeline,
    RetiredSpaces,
)
from tieback.answer.spaces.embedding import TOGETHER, Embedding
from tieback.answer.spaces.encoding import JointInputs, Losses, Spaces
from tieback.answer.spaces.single_space import SingleSpace
from tieback.answer.stages.rank import Ranker
from tieback.answer.stages.rerank import RerankTimes
from tieback.answer.stages.state import Server
from tieback.answer.stopwatch import Stopwatch, hop, share
from tieback.core.call import NO_CALL, Call
from tieback.core.errors import InvalidInput, Overloaded, Unsupported
from tieback.core.text.questions import standalone
from tieback.core.types.generation import GenerateRequest
from tieback.core.types.ingestion import IngestReply, IngestRequest
from tieback.core.types.retrieval import AnswerRequest, RetrieveReply, RetrieveRequest
from tieback.models.learned import Learned, nothing_learned
from tieback.operation_ports import MovesPort
from tieback.ports import (
    EncoderPort,
    GeneratorPort,
    IndexPort,
    RecogniserPort,
    RerankerPort,
    RouterPort,
    StorePort,
)
from tieback.token_spaces import TokenSpaces

RETRIEVAL_SHARE = 0.5
"""Of the time for an answer, so much may go by until writing begins."""


EVIDENCE_NEEDED = 1.0
"""Asked of an answer that nothing was found for: it can have no evidence, so it is abstained from."""


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """Services and artifacts that a pipeline is made of; see `Answerer`."""

    encoder: EncoderPort
    index: IndexPort
    reranker: RerankerPort | None
    joint: Joint | None = None
    router: RouterPort | None = None
    spaces: Spaces | JointInputs = field(default_factory=dict)
    single: Sequence[SingleSpace] = ()
    generator: GeneratorPort | None = None
    limits: Limits | None = None
    evidence_limit: int = 5
    losses: Losses = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    keeps_originals: bool = False
    retired: RetiredSpaces | None = None
    reranks_words: bool = True
    rerankers: frozenset[str] = frozenset()
    token_spaces: TokenSpaces | None = None
    ranker: Ranker | None = None
    highlight_space: str = ""
    recogniser: RecogniserPort | None = None
    recognised: frozenset[Modality] = frozenset()
    learned: Learned = nothing_learned


class Answerer:
    """An `AnswerPort`.

    Where a joint space is served, `joint` describes it, `router` makes its vectors, and `spaces` are the
    joined spaces by the modality that they take, or how they are joined in full: without that, spaces of text
    are components of the joint space, and all others enter it by class names. Collections may be in any of
    the `single` spaces too; new ones are in the joint space, else in the only single one, where nothing else
    is said. `losses` are what a missing space costs, and `shares` the parts of the time left of stages whose
    part is not that of their list. Without a generator it retrieves and does not answer; without a reranker
    the search's order is kept, and without `reranks_words` its methods have no texts to compare. `rerankers`
    are models of the reranker's, which may be named in place of a method. With `keeps_originals` the index is
    sent what pictures and sounds were encoded from. `retired` is where spaces are had that are no longer
    served, to read the collections in them. `token_spaces` are those whose token vectors collections may
    keep. `ranker` orders hits by what was learned of judgements. `highlight_space` compares sentences of
    hits, which are chosen by their words alone without it. `learned` gives further stages the artifacts that
    they need.
    """

    def __init__(self, parts: PipelineParts) -> None:
        self._limits = limits = parts.limits or Limits()
        served = [CollectionSpace.single(one, parts.encoder, limits) for one in parts.single]
        if parts.joint is not None and parts.router is not None:
            joint_inputs = (
                parts.spaces if isinstance(parts.spaces, JointInputs) else JointInputs(parts.spaces)
            )
            whole = JointPipeline(parts.joint, joint_inputs, parts.router, parts.losses)
            served.insert(0, CollectionSpace.joint(whole, parts.encoder, limits))

        async def to_read(ref: SpaceRef) -> CollectionSpace | None:
            own = None if parts.retired is None else await parts.retired.find(ref)
            if isinstance(own, JointPipeline):
                return CollectionSpace.joint(own, parts.encoder, limits, is_retired=True)
            return (
                None if own is None else CollectionSpace.single(own, parts.encoder, limits, is_retired=True)
            )

        self._served = served
        self._known = known = CollectionSpaces(parts.index, served, to_read, parts.token_spaces)
        self._ingestion = Ingestion(
            *(parts.encoder, known, Splitting(parts.encoder, limits), parts.index, limits),
            Recognition(parts.recogniser, parts.recognised, limits),
            keeps_originals=parts.keeps_originals,
        )
        self._retriever = Retriever(
            Server(
                known,
                parts.index,
                parts.encoder,
                limits,
                RerankTimes(),
                parts.reranker,
                parts.reranks_words,
                parts.rerankers,
                parts.ranker,
                parts.highlight_space,
                parts.learned,
                parts.shares,
            )
        )
        self._generator = parts.generator
        self._foreseen = ForeseenRefusals()
        self._evidence_limit = parts.evidence_limit

    async def ingest(
        self,
        request: IngestRequest,
        call: Call = NO_CALL,
        before_writing: Callable[[], Awaitable[None]] | None = None,
    ) -> IngestReply:
        """Encodes items and writes them in one durable step; a bad item gets an error of its own.

        `before_writing` is awaited once they are encoded. Unavailable or Overloaded where a space is: what is
        stored is never degraded, and the whole call may be repeated.
        """
        return await self._ingestion.ingest(request, call.deadline, before_writing)

    def reindexing(self, index: StorePort) -> Reindexing:
        """What encodes collections again, where this process has their store."""
        return Reindexing(self._known, self._ingestion, index)

    def moving(self, index: StorePort, moves: MovesPort) -> MovingCollections:
        """What moves collections to other spaces, where this process has their store."""
        return MovingCollections(self._known, self._ingestion, index, moves)

    def upgrading(self, index: StorePort) -> Upgrading:
        """What encodes collections in two spaces, where this process has their store."""
        return Upgrading(self._known, index, self._limits)

    def embedding(self) -> Embedding:
        """What makes one vector of each content, in the served spaces."""
        return Embedding(self._served, min(TOGETHER, self._limits.batch_items or TOGETHER))

    async def retrieve(self, request: RetrieveRequest, call: Call = NO_CALL) -> RetrieveReply:
        """Finds what bears on a query of any modality.

        Spaces that fail, or are past their share of the deadline, are left out and named in the explanation;
        it is an error only if none speaks.
        """
        return await self._retriever.retrieve(request, call, Stopwatch())

    async def answer(
        self, request: AnswerRequest, call: Call = NO_CALL
    ) -> AsyncIterator[RetrieveReply | GenerationEvent]:
        """What was found, then the generator's events; evidence ids are "1", "2", … in hit order.

        The query's words are rewritten by the conversation, which is told first where it changes them.
        A query without words is found and not answered: the stream ends after what was found.
        """
        watch, deadline = Stopwatch(), call.deadline
        retrieval, grounding = request.retrieval, request.grounding
        asked = words_of(retrieval.query)
        question = standalone(asked, request.history)
        if question and self._generator is None:
            raise Unsupported("this server has no space of texts to answer by; retrieve works without one")
        if request.evidence_limit < 0:
            raise InvalidInput("evidence_limit is 0 or more", field="evidence_limit")
        answers = bool(question and self._generator)
        if answers:
            self._foreseen.check(deadline)
        left = deadline.remaining()
        until = share(deadline, RETRIEVAL_SHARE) if answers else deadline
        if question != asked:
            retrieval = dataclasses.replace(retrieval, query=with_words(retrieval.query, question))
        try:
            found = await self._retriever.retrieve(retrieval, Call(until), watch, ANSWER_PLAN)
        except InvalidInput as error:
            raise error.within(at("retrieval")) from None
        if question != asked:
            yield RewrittenQuestion(question)
        yield found
        if not question or self._generator is None:
            return
        deadline.check("generating")
        began = watch.elapsed()
        limit = request.evidence_limit or self._evidence_limit
        evidence = await asyncio.to_thread(evidence_of, found.hits, limit, question)
        if not evidence and grounding.abstain_below is None and not grounding.disabled:
            # A pipeline that finds nothing does not let the model answer from memory, unless it is told to.
            grounding = dataclasses.replace(grounding, abstain_below=EVIDENCE_NEEDED)
        events = self._generator.generate(
            GenerateRequest(
                question,
                evidence,
                model=request.model,
                sampling=request.sampling,
                grounding=grounding,
                style=request.style,
                system=request.system,
            ),
            Call(hop(deadline)),
        )
        with watch.stage("generate"):
            try:
                async for event in events:
                    yield _from_arrival(event, began, watch) if isinstance(event, Finish) else event
            except InvalidInput as error:
                raise _of_answer(error) from None
            except Overloaded as error:
                self._foreseen.note(error, left)
                raise
            finally:
                if isinstance(events, AsyncGenerator):  # a caller that leaves frees the generator at once
                    await events.aclose()

    async def close(self) -> None:
        """Nothing is held; the services are closed by whoever made them."""


def _of_answer(error: InvalidInput) -> InvalidInput:
    """The generator's error, told of what the caller gave: a query and a number of passages."""
    if error.field.below(at("evidence")) is not None:
        return error.about(at("evidence_limit"))
    return error.moved(at("prompt"), at("retrieval", "query"))


def _from_arrival(finish: Finish, began: float, watch: Stopwatch) -> Finish:
    """The generator counts from when it was asked; the caller counts from when it asked."""
    own = finish.timing
    whole = watch.timing()
    whole.stages[-1].seconds = whole.total - whole.stages[-1].begin
    timing = Timing(own.queue, own.prepare, own.compute, whole.total, whole.stages)
    first = finish.first_token + began if finish.first_token else 0.0
    return dataclasses.replace(finish, timing=timing, first_token=first)
