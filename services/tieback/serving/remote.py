"""The services as others see them over the wire: `tieback.ports` implemented by calls on the mesh.

The index is in `remote_index.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Collection as Names
from contextlib import aclosing

from tieback_contract.answers import AnswerStyle, GenerationEvent
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.content import Content
from tieback.core.types.conversation import NO_CONVERSATION, Conversation
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeReply, SplitReply
from tieback.core.types.fusion import FusePart, FuseReply, Role, Routing
from tieback.core.types.grounding import CheckReply, GroundingCheck
from tieback.core.types.recognition import RecogniseReply
from tieback.core.types.rerank import RerankCandidate, RerankReply, RerankSource
from tieback.core.unknown_space import unknown_space
from tieback.ports import (
    DEFAULT_GROUNDING,
    DEFAULT_PLAN,
    DEFAULT_RERANKING,
    DEFAULT_ROUTING,
    DEFAULT_SAMPLING,
    EncoderPort,
)
from tieback.serving import targets
from tieback.serving.assembly import Ports
from tieback.serving.conversions.contents import (
    read_encode_reply,
    read_split_reply,
    write_cache,
    write_content,
    write_truncation,
)
from tieback.serving.conversions.conversations import conversation_fields
from tieback.serving.conversions.generations import (
    read_event,
    write_evidence,
    write_grounding,
    write_sampling,
    write_style,
)
from tieback.serving.conversions.groundings import read_check_response, write_checks
from tieback.serving.conversions.recognition import read_recognise_reply
from tieback.serving.conversions.reports import write_method
from tieback.serving.conversions.reranking import (
    read_rerank_reply,
    write_candidate,
    write_rerank_source,
)
from tieback.serving.conversions.routings import (
    read_fuse_reply,
    write_fuse_input,
    write_role,
    write_routing,
)
from tieback.serving.conversions.vectors import write_output
from tieback.serving.mesh import Mesh
from tieback.serving.plan import Plan
from tieback.serving.remote_call import call, stream
from tieback.serving.remote_index import RemoteIndex
from tieback.serving.settings import Settings
from tieback.v1 import encoder_pb2, generator_pb2, grounding_pb2, recognition_pb2, reranker_pb2, router_pb2


class RemoteEncoder:
    """All encoders: the space decides which deployment is called. `other` encodes for spaces of none."""

    other: EncoderPort | None = None

    def __init__(self, mesh: Mesh, spaces: Names[str]) -> None:
        self._mesh = mesh
        self._spaces = spaces

    async def encode(
        self,
        space: str,
        contents: Sequence[Content],
        plan: EncodePlan = DEFAULT_PLAN,
        *,
        cache: CachePolicy = CachePolicy.USE,
        deadline: Deadline = NO_DEADLINE,
    ) -> EncodeReply:
        """One result per content, in order."""
        if space not in self._spaces and self.other is not None:
            return await self.other.encode(space, contents, plan, cache=cache, deadline=deadline)
        request = encoder_pb2.EncodeRequest(
            space=space,
            contents=[write_content(content) for content in contents],
            output=write_output(plan),
            truncation=write_truncation(plan.truncation),
            cache=write_cache(cache),
        )
        target = self._target(space)
        return read_encode_reply(
            await call(self._mesh, target, request, encoder_pb2.EncodeResponse, deadline)
        )

    async def split(
        self,
        space: str,
        texts: Sequence[str],
        *,
        max_tokens: int = 0,
        overlap: float | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> SplitReply:
        """Where to cut texts so that the space reads every piece to its end."""
        request = encoder_pb2.SplitTextsRequest(
            space=space, texts=texts, max_tokens=max_tokens, overlap=overlap
        )
        target = self._target(space)
        return read_split_reply(
            await call(self._mesh, target, request, encoder_pb2.SplitTextsResponse, deadline)
        )

    def _target(self, space: str) -> str:
        if space not in self._spaces:
            raise unknown_space(space, self._spaces)
        return targets.encoder(space)


class RemoteRouter:
    """The router."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def fuse(
        self,
        inputs: Sequence[Sequence[FusePart]],
        *,
        role: Role = Role.QUERY,
        routing: Routing = DEFAULT_ROUTING,
        per_region: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> FuseReply:
        """One result per input, in order; with `per_region`, regions of pictures get vectors too."""
        request = router_pb2.FuseRequest(
            inputs=[write_fuse_input(parts) for parts in inputs],
            role=write_role(role),
            routing=write_routing(routing),
            per_region=per_region,
        )
        return read_fuse_reply(
            await call(self._mesh, targets.ROUTER, request, router_pb2.FuseResponse, deadline)
        )


class RemoteReranker:
    """The reranker."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

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
        """The candidates, best first."""
        request = reranker_pb2.RerankRequest(
            query=write_rerank_source(query),
            candidates=[write_candidate(candidate) for candidate in candidates],
            method=write_method(method),
            rank_fusion=None if rank_fusion is None else write_method(rank_fusion),
            space=space,
            limit=limit,
            explain=explain,
        )
        return read_rerank_reply(
            await call(self._mesh, targets.RERANKER, request, reranker_pb2.RerankResponse, deadline)
        )


class RemoteGenerator:
    """The generator, in the deployment `target`."""

    def __init__(self, mesh: Mesh, target: str = targets.GENERATOR) -> None:
        self._mesh = mesh
        self._target = target

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
    ) -> AsyncIterator[GenerationEvent]:
        """The events as they come; leaving the iteration cancels the call."""
        request = generator_pb2.GenerateRequest(
            model=model,
            prompt=prompt,
            evidence=[write_evidence(passage) for passage in evidence],
            sampling=write_sampling(sampling),
            grounding=write_grounding(grounding),
            style=write_style(style),
            **conversation_fields(conversation),
        )
        events = stream(self._mesh, self._target, request, generator_pb2.GenerateResponse, deadline)
        async with aclosing(events):
            async for event in events:
                yield read_event(event)


class RemoteGrounding:
    """The checker of claims, in the deployment `target`."""

    def __init__(self, mesh: Mesh, target: str) -> None:
        self._mesh = mesh
        self._target = target

    async def check(
        self,
        checks: Sequence[GroundingCheck],
        *,
        checker: MethodChoice | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> CheckReply:
        """The claims of each text with citations and verdicts, in order."""
        request = write_checks(checks, checker)
        answer = grounding_pb2.CheckGroundingResponse
        return read_check_response(await call(self._mesh, self._target, request, answer, deadline))


class RemoteRecogniser:
    """The recogniser."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def recognise(
        self,
        contents: Sequence[Content],
        *,
        model: str = "",
        fusion: MethodChoice | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> RecogniseReply:
        """A result for each content, in order."""
        request = recognition_pb2.RecogniseRequest(
            contents=map(write_content, contents),
            model=model,
            fusion=None if fusion is None else write_method(fusion),
        )
        answer = recognition_pb2.RecogniseResponse
        return read_recognise_reply(await call(self._mesh, targets.RECOGNISER, request, answer, deadline))


def remote_ports(mesh: Mesh, plan: Plan, settings: Settings, deployments: Mapping[str, str]) -> Ports:
    """All services that are served, over the wire; `deployments` answer their calls, by service."""
    ports = Ports()
    ports.encoder = RemoteEncoder(mesh, [card.name for card in plan.encoders])
    ports.router = RemoteRouter(mesh)  # few processes load the binding, which decides whether it is served
    ports.index = RemoteIndex(mesh, settings.message_bytes)
    ports.reranker = RemoteReranker(mesh) if plan.reranks else None
    if plan.answers:
        ports.generator = RemoteGenerator(mesh, deployments["tieback.v1.GeneratorService"])
    ports.recogniser = RemoteRecogniser(mesh) if plan.recognisers else None
    ports.checkers = {card.name: RemoteGrounding(mesh, targets.checker(card.name)) for card in plan.checkers}
    if plan.reads_text:
        ports.grounding = RemoteGrounding(mesh, deployments["tieback.v1.GroundingService"])
    return ports
