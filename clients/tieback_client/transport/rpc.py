"""The contract's RPCs, read off the descriptors: paths, messages, and which may be sent twice."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from google.longrunning import operations_proto_pb2
from google.protobuf import wrappers_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tieback.v1 import (
    answer_pb2,
    catalog_pb2,
    classifier_pb2,
    encoder_pb2,
    generator_pb2,
    grounding_pb2,
    index_pb2,
    operation_pb2,
    recognition_pb2,
    reranker_pb2,
    router_pb2,
)

from tieback_client.reports import CallInfo

SPACE_KEY = "tieback-space"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ContractRpc:
    """One RPC."""

    name: str
    """For instance ``"Retrieve"``; unique across services."""
    path: str
    """For instance ``"/tieback.v1.AnswerService/Retrieve"``."""
    request: type[Message]
    """The request's class."""
    response: type[Message]
    """The response's class."""
    idempotent: bool
    """Whether sending it twice does what sending it once does, so that it may be retried."""
    reads_only: bool
    """Whether it changes nothing, so that it may run twice at once (hedging)."""
    kind: Literal["unary_unary", "unary_stream", "stream_stream"] = "unary_unary"
    """What a channel calls RPCs of its shape."""


@dataclass(frozen=True, slots=True)
class UnaryCall:
    """One unary call to make."""

    rpc: ContractRpc
    """What to call."""
    request: Message
    """What to send."""
    timeout: float | None = None
    """Seconds; None for the client's."""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The space to encode into, by which a server that is full refuses without reading the request."""
        if not isinstance(self.request, encoder_pb2.EncodeRequest):
            return ()
        space = self.request.space
        return ((SPACE_KEY, space),) if space.isascii() and space.isprintable() else ()


@dataclass(frozen=True, slots=True)
class StreamCall(Generic[T_co]):
    """One call to make that is answered by a stream."""

    rpc: ContractRpc
    """What to call."""
    request: Message
    """What to send."""
    parse: Callable[[Any, CallInfo], T_co | None]
    """Makes an event of a response; None for one that this version does not know."""
    timeout: float | None = None
    """Seconds for the whole stream; None for the client's."""
    question: str = ""
    """The words of what is asked."""


class Reply(NamedTuple):
    """The answer to a `UnaryCall`."""

    message: Any
    info: CallInfo


Procedure: TypeAlias = Generator[UnaryCall, Reply, T]
"""A procedure without its transport: yields calls, is sent replies, returns a result.

The sync and the async client drive the same procedures.
"""


def rpc_of(method: MethodDescriptor) -> ContractRpc:
    """The RPC that a method's descriptor declares."""
    level = method.GetOptions().idempotency_level
    if method.containing_service.full_name == "google.longrunning.Operations":
        # Its contract marks none as idempotent; all are.
        reads = method.name in ("GetOperation", "ListOperations", "WaitOperation")
        level = MethodOptions.NO_SIDE_EFFECTS if reads else MethodOptions.IDEMPOTENT
    streams = method.client_streaming, method.server_streaming
    return ContractRpc(
        name=method.name,
        path=f"/{method.containing_service.full_name}/{method.name}",
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        idempotent=level in (MethodOptions.IDEMPOTENT, MethodOptions.NO_SIDE_EFFECTS),
        reads_only=level == MethodOptions.NO_SIDE_EFFECTS,
        kind="stream_stream" if all(streams) else "unary_stream" if any(streams) else "unary_unary",
    )


def rpcs_of(*files: ModuleType) -> dict[str, ContractRpc]:
    """The RPCs of the services that modules of messages declare, by their names."""
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    return {method.name: rpc_of(method) for service in services for method in service.methods}


RPCS = rpcs_of(
    answer_pb2,
    catalog_pb2,
    classifier_pb2,
    encoder_pb2,
    generator_pb2,
    grounding_pb2,
    index_pb2,
    operation_pb2,
    operations_proto_pb2,
    recognition_pb2,
    reranker_pb2,
    router_pb2,
)

# grpc.health.v1 without its package: HealthCheckRequest is a string in field 1, HealthCheckResponse an enum
# in field 1, and on the wire these two well-known wrappers are exactly that.
HEALTH_CHECK = ContractRpc(
    name="Check",
    path="/grpc.health.v1.Health/Check",
    request=wrappers_pb2.StringValue,
    response=wrappers_pb2.Int32Value,
    idempotent=True,
    reads_only=True,
)
