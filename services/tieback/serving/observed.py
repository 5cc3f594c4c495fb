"""The services with their work counted: ports in front of ports.

Who calls a service, its servicer or another service in the same process, calls it through these. So the
metrics of a query are the same whether the platform runs in one process or in many, and a trace shows the
steps of both.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Unpack

from tieback_contract.answers import AnswerStyle, Finish, GenerationEvent
from tieback_contract.claims import Claim, Verdict
from tieback_contract.fusion import Fused
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.collection import IndexedItem, UpsertReply
from tieback.core.types.content import Content
from tieback.core.types.conversation import NO_CONVERSATION, Conversation
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeReply, SplitReply
from tieback.core.types.fusion import FusePart, FuseReply, Role, Routing
from tieback.core.types.grounding import CheckedText, CheckReply, GroundingCheck
from tieback.core.types.recognition import RecogniseReply
from tieback.core.types.rerank import RerankCandidate, RerankReply, RerankSource
from tieback.core.types.search import Search, SearchReply
from tieback.ports import (
    DEFAULT_GROUNDING,
    DEFAULT_PLAN,
    DEFAULT_RERANKING,
    DEFAULT_ROUTING,
    DEFAULT_SAMPLING,
    EncoderPort,
    GeneratorPort,
    GroundingPort,
    IndexPort,
    RecogniserPort,
    RerankerPort,
    RouterPort,
)
from tieback.serving.semantic_conventions import embeddings, generation, retrieval
from tieback.serving.telemetry import Telemetry


class ObservedEncoder:
    """Counts where the time of encoding went, by space. Batches are counted where they are made."""

    def __init__(self, encoder: EncoderPort, telemetry: Telemetry) -> None:
        self._encoder = encoder
        self._telemetry = telemetry

    async def encode(
        self,
        space: str,
        contents: Sequence[Content],
        plan: EncodePlan = DEFAULT_PLAN,
        *,
        cache: CachePolicy = CachePolicy.USE,
        deadline: Deadline = NO_DEADLINE,
    ) -> EncodeReply:
        """As the encoder does."""
        tracing = self._telemetry.tracing
        with tracing.step(f"encode {space}", operation=embeddings(space)) as span:
            reply = await self._encoder.encode(space, contents, plan, cache=cache, deadline=deadline)
            tracing.note(span, usage__input_tokens=reply.cost.tokens)
        self._telemetry.observe_timing("encoder", space, reply.timing)
        self._telemetry.tenants.computed("encoder", reply.cost.tokens)
        self._telemetry.observe_reductions(space, reply)
        return reply

    async def split(
        self,
        space: str,
        texts: Sequence[str],
        *,
        max_tokens: int = 0,
        overlap: float | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> SplitReply:
        """As the encoder does."""
        with self._telemetry.tracing.step(f"split {space}"):
            return await self._encoder.split(
                space, texts, max_tokens=max_tokens, overlap=overlap, deadline=deadline
            )


class ObservedRouter:
    """Counts the weights of queries too. Documents have none that a query could change."""

    def __init__(self, router: RouterPort, telemetry: Telemetry) -> None:
        self._router = router
        self._telemetry = telemetry

    async def fuse(
        self,
        inputs: Sequence[Sequence[FusePart]],
        *,
        role: Role = Role.QUERY,
        routing: Routing = DEFAULT_ROUTING,
        per_region: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> FuseReply:
        """As the router does."""
        with self._telemetry.tracing.step("fuse"):
            reply = await self._router.fuse(
                inputs, role=role, routing=routing, per_region=per_region, deadline=deadline
            )
        self._telemetry.observe_timing("router", "joint", reply.timing)
        if role is Role.QUERY:
            for result in reply.results:
                if isinstance(result, Fused):
                    self._telemetry.observe_routing(result.routing)
        return reply


class ObservedIndex:
    """Counts writes and searches; what manages collections passes as it is."""

    def __init__(self, index: IndexPort, telemetry: Telemetry) -> None:
        self._index = index
        self._telemetry = telemetry
        self.create_collection = index.create_collection
        self.update_collection = index.update_collection
        self.get_collection = index.get_collection
        self.list_collections = index.list_collections
        self.delete_collection = index.delete_collection
        self.usage = index.usage
        self.record_source = index.record_source
        self.delete_source = index.delete_source
        self.delete_items = index.delete_items
        self.get_item = index.get_item
        self.list_items = index.list_items

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """As the index does."""
        with self._telemetry.tracing.step("upsert"):
            reply = await self._index.upsert(collection, items)
        self._telemetry.observe_timing("index", "upsert", reply.timing)
        return reply

    async def search(
        self, collection: str, *, deadline: Deadline = NO_DEADLINE, **asked: Unpack[Search]
    ) -> SearchReply:
        """As the index does."""
        with self._telemetry.tracing.step("search", operation=retrieval(collection)):
            reply = await self._index.search(collection, deadline=deadline, **asked)
        self._telemetry.observe_timing("index", "search", reply.timing)
        return reply


class ObservedReranker:
    """Counts where the time of reranking went, by method."""

    def __init__(self, reranker: RerankerPort, telemetry: Telemetry) -> None:
        self._reranker = reranker
        self._telemetry = telemetry

    async def rerank(
        self,
        query: RerankSource,
        candidates: Sequence[RerankCandidate],
        *,
        method: MethodChoice = DEFAULT_RERANKING,
        rank_fusion: MethodChoice | None = None,
        space: str = "",
        limit: int = 0,
        explain: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> RerankReply:
        """As the reranker does."""
        with self._telemetry.tracing.step(f"rerank {method.name}"):
            reply = await self._reranker.rerank(
                query,
                candidates,
                method=method,
                rank_fusion=rank_fusion,
                space=space,
                limit=limit,
                explain=explain,
                deadline=deadline,
            )
        self._telemetry.observe_timing("reranker", method.name, reply.timing)
        return reply


class ObservedGenerator:
    """Counts what an answer consists of: tokens, claims by verdict, abstentions."""

    def __init__(self, generator: GeneratorPort, telemetry: Telemetry) -> None:
        self._generator = generator
        self._telemetry = telemetry

    async def generate(
        self,
        prompt: str,
        evidence: Sequence[Evidence] = (),
        *,
        model: str = "",
        sampling: SamplingParameters = DEFAULT_SAMPLING,
        grounding: Grounding = DEFAULT_GROUNDING,
        style: AnswerStyle = AnswerStyle.AUTO,
        conversation: Conversation = NO_CONVERSATION,
        deadline: Deadline = NO_DEADLINE,
    ) -> AsyncGenerator[GenerationEvent, None]:
        """As the generator does."""
        events = self._generator.generate(
            prompt,
            evidence,
            model=model,
            sampling=sampling,
            grounding=grounding,
            style=style,
            conversation=conversation,
            deadline=deadline,
        )
        # The span does not become the current one: a stream is resumed in contexts that are not its own.
        operation = generation(model, sampling.temperature, sampling.max_tokens)
        tracing = self._telemetry.tracing
        claims: dict[int, str] = {}
        with tracing.step("generate", current=False, operation=operation) as span:
            async with aclosing(events) as stream:  # type: ignore[type-var]  # the ports' iterators are generators
                async for event in stream:
                    self._telemetry.observe_generation(event, sampling.decoding.name)
                    if isinstance(event, Claim):
                        claims[event.id] = event.text
                    elif isinstance(event, Verdict):
                        tracing.evaluated(span, event, claims.pop(event.claim_id, ""))
                    elif isinstance(event, Finish):
                        tracing.note(
                            span,
                            usage__input_tokens=event.prompt_tokens,
                            usage__output_tokens=event.completion_tokens,
                            response__model=event.model,
                            response__finish_reasons=[str(event.reason)],
                        )
                    yield event


class ObservedRecogniser:
    """Counts where the time of recognising went. Runs are counted where they are made."""

    def __init__(self, recogniser: RecogniserPort, telemetry: Telemetry) -> None:
        self._recogniser = recogniser
        self._telemetry = telemetry

    async def recognise(
        self,
        contents: Sequence[Content],
        *,
        model: str = "",
        fusion: MethodChoice | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> RecogniseReply:
        """As the recogniser does."""
        with self._telemetry.tracing.step("recognise"):
            reply = await self._recogniser.recognise(contents, model=model, fusion=fusion, deadline=deadline)
        self._telemetry.observe_timing("recogniser", "recognise", reply.timing)
        return reply


class ObservedGrounding:
    """Counts the checked claims by verdict, and where the time went."""

    def __init__(self, grounding: GroundingPort, telemetry: Telemetry) -> None:
        self._grounding = grounding
        self._telemetry = telemetry

    async def check(
        self,
        checks: Sequence[GroundingCheck],
        *,
        checker: MethodChoice | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> CheckReply:
        """As the service does."""
        tracing = self._telemetry.tracing
        with tracing.step("check grounding") as span:
            reply = await self._grounding.check(checks, checker=checker, deadline=deadline)
            for result in reply.results:
                if isinstance(result, CheckedText):
                    self._telemetry.observe_check(result.verdicts)
                    for claim, verdict in zip(result.claims, result.verdicts, strict=True):
                        tracing.evaluated(span, verdict, claim.text)
                else:
                    tracing.evaluated(span, result)
        self._telemetry.observe_timing("grounding", "check", reply.timing)
        return reply
