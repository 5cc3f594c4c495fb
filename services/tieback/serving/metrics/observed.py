"""The services with their work counted: ports in front of ports.

Who calls a service, its servicer or another service in the same process, calls it through these. So the
metrics of a query are the same whether the platform runs in one process or in many, and a trace shows the
steps of both. What is counted of a method is data here.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from tieback_contract.answers import Finish, GenerationEvent
from tieback_contract.claims import Claim, Verdict
from tieback_contract.fusion import Fused

from tieback.core.call import Call
from tieback.core.types.encoding import EncodeReply, EncodeRequest
from tieback.core.types.fusion import FuseReply, FuseRequest, Role
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, CheckReply, GenerateRequest
from tieback.core.types.retrieval import AnswerEvent, AnswerRequest, RetrieveReply
from tieback.models.joint.artifact import BINDING
from tieback.ports import AnswerPort, GeneratorPort
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.metrics.tracing import SpanOperation, embeddings, generation, retrieval

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Observation:
    """The counts, times and trace step of a method of a port."""

    step: Callable[[Any], str] | None
    """The name of its step in a trace, by its request; None where the call is the step."""
    timing: Callable[[Any], tuple[str, str]] | None = None
    """The labels of its time, by its request: the service and what it did."""
    operation: Callable[[Any], SpanOperation] | None = None
    """The operation of the step by OpenTelemetry's conventions."""
    seen: Callable[[Telemetry, Any, Any, Any], None] | None = None
    """Counts the rest, given telemetry, request, reply and the step's span."""


def _encoded(telemetry: Telemetry, request: EncodeRequest, reply: EncodeReply, span: Any) -> None:
    telemetry.tracing.note(span, usage__input_tokens=reply.cost.tokens)
    telemetry.tenants.computed("encoder", reply.cost.tokens)
    telemetry.observe_reductions(request.space, reply)


def _fused(telemetry: Telemetry, request: FuseRequest, reply: FuseReply, _: Any) -> None:
    """Counts the weights of queries. Documents have none that a query could change.

    Weights that somebody asked for, and those without a space, are others than at binding for a reason.
    """
    if request.role is not Role.QUERY:
        return
    asked = request.routing.policy or request.routing.weights or request.routing.parameters
    for result in reply.results:
        if isinstance(result, Fused):
            routing = result.routing
            telemetry.observe_routing(routing)
            if not (asked or routing.fallback or routing.missing or routing.imputed):
                telemetry.ranges.observe(BINDING.name, routing.binding, routing.modality, routing.weights)


def _checked(telemetry: Telemetry, _: CheckGroundingRequest, reply: CheckReply, span: Any) -> None:
    for result in reply.results:
        if isinstance(result, CheckedClaims):
            telemetry.observe_check(result.verdicts)
            for claim, verdict in zip(result.claims, result.verdicts, strict=True):
                telemetry.tracing.evaluated(span, verdict, claim.text)
        else:
            telemetry.tracing.evaluated(span, result)


def _retrieved(telemetry: Telemetry, _: Any, reply: RetrieveReply, __: Any = None) -> None:
    telemetry.observe_timing("answer", "retrieve", reply.timing)
    telemetry.long_texts.cut_off(reply.truncated, Role.QUERY)
    telemetry.observe_mixture(reply.mixture)


# Batches of models are counted where they are made.
OBSERVATIONS: Mapping[str, Observation] = {
    "encode": Observation(
        lambda request: f"encode {request.space}",
        lambda request: ("encoder", request.space),
        lambda request: embeddings(request.space),
        _encoded,
    ),
    "split_texts": Observation(lambda request: f"split {request.space}"),
    "fuse": Observation(lambda _: "fuse", lambda _: ("router", "joint"), seen=_fused),
    "rerank": Observation(
        lambda request: f"rerank {request.method.name}", lambda request: ("reranker", request.method.name)
    ),
    "recognise": Observation(lambda _: "recognise", lambda _: ("recogniser", "recognise")),
    "classify": Observation(
        lambda request: f"classify {request.model}", lambda request: ("classifier", request.model)
    ),
    "check_grounding": Observation(
        lambda _: "check grounding", lambda _: ("grounding", "check"), seen=_checked
    ),
    "retrieve": Observation(None, seen=_retrieved),
    "upsert": Observation(lambda _: "upsert", lambda _: ("index", "upsert")),
    "search": Observation(
        lambda _: "search", lambda _: ("index", "search"), lambda one: retrieval(one.collection)
    ),
}
"""By the port's method; what is not here passes as it is."""


def observed(port: P, telemetry: Telemetry) -> P:
    """The port with its work counted."""
    return cast("P", _Observed(port, telemetry))


class _Observed:
    """A port in front of a port."""

    def __init__(self, port: Any, telemetry: Telemetry) -> None:
        self._port, self._telemetry = port, telemetry

    def __getattr__(self, name: str) -> Any:
        """The port's method, counted. It is made once."""
        method = getattr(self._port, name)
        if name in _STREAMS:
            method = functools.partial(_STREAMS[name], self._port, self._telemetry)
        elif name in OBSERVATIONS:
            method = _counted(method, OBSERVATIONS[name], self._telemetry)
        setattr(self, name, method)
        return method


def _counted(method: Callable[..., Any], seen: Observation, telemetry: Telemetry) -> Callable[..., Any]:
    async def counted(request: Any, *more: Any) -> Any:
        if seen.step is None:
            step: AbstractContextManager[object] = nullcontext()
        else:
            operation = None if seen.operation is None else seen.operation(request)
            step = telemetry.tracing.step(seen.step(request), operation=operation)
        with step as span:
            reply = await method(request, *more)
            if seen.seen is not None:
                seen.seen(telemetry, request, reply, span)
        if seen.timing is not None:
            telemetry.observe_timing(*seen.timing(request), reply.timing)
        return reply

    return counted


async def _generated(
    generator: GeneratorPort, telemetry: Telemetry, request: GenerateRequest, call: Call
) -> AsyncGenerator[GenerationEvent, None]:
    """Counts what an answer consists of: tokens, claims by verdict, abstentions."""
    sampling, tracing = request.sampling, telemetry.tracing
    operation = generation(request.model, sampling.temperature, sampling.max_tokens)
    claims: dict[int, str] = {}
    # The span does not become the current one: a stream is resumed in contexts that are not its own.
    with tracing.step("generate", current=False, operation=operation) as span:
        events: Any = generator.generate(request, call)
        async with aclosing(events):
            async for event in events:
                telemetry.observe_generation(event, sampling.decoding.name)
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


async def _answered(
    answerer: AnswerPort, telemetry: Telemetry, request: AnswerRequest, call: Call
) -> AsyncGenerator[AnswerEvent, None]:
    """Counts what an answer was found by; what it says is counted where it is written."""
    events: Any = answerer.answer(request, call)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, RetrieveReply):
                _retrieved(telemetry, request, event)
            yield event


_STREAMS: Mapping[str, Callable[..., Any]] = {"generate": _generated, "answer": _answered}
"""Methods whose events are counted as they come."""
