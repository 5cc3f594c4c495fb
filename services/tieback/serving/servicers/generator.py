"""tieback.v1.GeneratorService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.ports import GeneratorPort
from tieback.serving.conversions.conversations import conversation_of
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.generations import (
    read_evidence,
    read_grounding,
    read_sampling,
    read_style,
    write_event,
)
from tieback.serving.reading import converted
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import generator_pb2, generator_pb2_grpc


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """Writes answers."""

    def __init__(self, generator: GeneratorPort) -> None:
        self._generator = generator

    async def Generate(
        self, request: generator_pb2.GenerateRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[generator_pb2.GenerateResponse]:
        """Streams an answer's events."""
        deadline = deadline_of(context)
        events = self._generator.generate(
            request.prompt,
            await converted(lambda: each(request.evidence, read_evidence, at("evidence"))),
            model=request.model,
            sampling=read_sampling(request.sampling, at("sampling")),
            grounding=read_grounding(request.grounding, at("grounding")),
            style=read_style(request.style, at("style")),
            conversation=await converted(lambda: conversation_of(request)),
            deadline=deadline,
        )
        async with aclosing(events) as stream:  # type: ignore[type-var]  # the ports' iterators are generators
            async for event in stream:
                yield write_event(event)
