"""inference.GRPCInferenceService: the door of KServe's and Triton's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

import grpc
from tieback_contract.server import ServiceState

from tieback.core.errors import NotFound, TiebackError, Unsupported
from tieback.dialects import kserve_pb2 as messages
from tieback.dialects import kserve_pb2_grpc
from tieback.doors.kserve.door import VERSION, Door
from tieback.serving.requests import failures
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.servicers.request_stream import RequestStreams

Context = grpc.aio.ServicerContext[Any, Any]
States = Callable[[], Awaitable[Sequence[ServiceState]]]

EXTENSIONS = ("model_repository", "model_configuration", "statistics", "binary_tensor_data")
_STATUS_ERRORS = "triton_grpc_error"
"""Metadata by which a client asks that an error ends its stream with a status."""

_LOADING = "models are loaded by settings: name them in TIEBACK_SPACES or TIEBACK_RERANKERS, and restart"
_SHARED_MEMORY = "memory is not shared with clients: send tensors in the messages"


class KserveServicer(kserve_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves a door. `targets` are the services that must be there for a model, by its name."""

    def __init__(self, door: Door, states: States, targets: Mapping[str, str], message_bytes: int) -> None:
        self._door = door
        self._states = states
        self._targets = targets
        self._streams = RequestStreams(message_bytes)

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._streams.drain()

    async def ServerLive(
        self, request: messages.ServerLiveRequest, context: Context
    ) -> messages.ServerLiveResponse:
        """Who answers is live."""
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: messages.ServerReadyRequest, context: Context
    ) -> messages.ServerReadyResponse:
        """Whether every model can be asked."""
        ready = await self._ready()
        return messages.ServerReadyResponse(ready=all(target in ready for target in self._targets.values()))

    async def ModelReady(
        self, request: messages.ModelReadyRequest, context: Context
    ) -> messages.ModelReadyResponse:
        """Whether a model can be asked; one that is not served cannot."""
        try:
            model = self._door.model(request.name, request.version)
        except NotFound:
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=self._targets[model.name] in await self._ready())

    async def ServerMetadata(
        self, request: messages.ServerMetadataRequest, context: Context
    ) -> messages.ServerMetadataResponse:
        """What this server is."""
        return messages.ServerMetadataResponse(
            name="tieback", version=version("tieback"), extensions=EXTENSIONS
        )

    async def ModelMetadata(
        self, request: messages.ModelMetadataRequest, context: Context
    ) -> messages.ModelMetadataResponse:
        """The tensors of a model."""
        return self._door.metadata(request.name, request.version)

    async def ModelConfig(
        self, request: messages.ModelConfigRequest, context: Context
    ) -> messages.ModelConfigResponse:
        """The same as Triton says it."""
        return self._door.config(request.name, request.version)

    async def ModelStatistics(
        self, request: messages.ModelStatisticsRequest, context: Context
    ) -> messages.ModelStatisticsResponse:
        """What this process was asked."""
        return self._door.statistics(request.name, request.version)

    async def RepositoryIndex(
        self, request: messages.RepositoryIndexRequest, context: Context
    ) -> messages.RepositoryIndexResponse:
        """The models, or those of them that are ready."""
        ready = await self._ready()
        response = messages.RepositoryIndexResponse()
        for name in self._door.names:
            is_ready = self._targets[name] in ready
            if is_ready or not request.ready:
                response.models.add(
                    name=name,
                    version=VERSION,
                    state="READY" if is_ready else "UNAVAILABLE",
                    reason="" if is_ready else "no replica of it is there",
                )
        return response

    async def ModelInfer(
        self, request: messages.ModelInferRequest, context: Context
    ) -> messages.ModelInferResponse:
        """Runs a model."""
        deadline = deadline_of(context)
        inputs = await converted(lambda: self._door.read(request))
        return await self._door.infer(request, inputs, deadline)

    async def ModelStreamInfer(
        self, requests: AsyncIterator[messages.ModelInferRequest], context: Context
    ) -> AsyncIterator[messages.ModelStreamInferResponse]:
        """Runs models; answers come in the order of the requests, errors among them."""
        deadline = deadline_of(context)
        ends = (_STATUS_ERRORS, "true") in [
            (key, value) for key, value in context.invocation_metadata() or ()
        ]

        async def work(request: messages.ModelInferRequest) -> messages.ModelStreamInferResponse:
            try:
                inputs = await converted(lambda: self._door.read(request))
                response = await self._door.infer(request, inputs, deadline)
            except TiebackError as error:
                if ends:
                    raise
                return messages.ModelStreamInferResponse(
                    error_message=failures.to_status(error).message,
                    infer_response=messages.ModelInferResponse(model_name=request.model_name, id=request.id),
                )
            return messages.ModelStreamInferResponse(infer_response=response)

        async for answer in self._streams.answers(requests, work):
            yield answer

    async def RepositoryModelLoad(self, request: object, context: Context) -> NoReturn:
        """Refused."""
        raise Unsupported(_LOADING)

    RepositoryModelUnload = RepositoryModelLoad

    async def SystemSharedMemoryStatus(self, request: object, context: Context) -> NoReturn:
        """Refused."""
        raise Unsupported(_SHARED_MEMORY)

    SystemSharedMemoryRegister = SystemSharedMemoryUnregister = SystemSharedMemoryStatus
    CudaSharedMemoryStatus = CudaSharedMemoryRegister = CudaSharedMemoryUnregister = SystemSharedMemoryStatus

    async def TraceSetting(self, request: object, context: Context) -> NoReturn:
        """Refused."""
        raise Unsupported("traces are OpenTelemetry's: set TIEBACK_OTLP_ENDPOINT, and restart")

    async def LogSettings(self, request: object, context: Context) -> NoReturn:
        """Refused."""
        raise Unsupported("what is logged is a setting: TIEBACK_LOG_LEVEL")

    async def _ready(self) -> set[str]:
        return {state.name for state in await self._states() if state.ready}
