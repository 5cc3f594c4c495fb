"""Routing, what is fused, and the explanations of joint vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tieback_contract.field_path import FieldPath, at
from tieback_contract.fusion import Fused, IgnoredDimensions, RoutingExplanation

from tieback.core.types.fusion import FusePart, FuseReply, Role, Routing
from tieback.serving import failures
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.contents import (
    read_encoding,
    write_encoding,
)
from tieback.serving.conversions.frames import Numbers, each, finite, optional
from tieback.serving.conversions.reports import (
    parameters_of,
    read_method,
    read_timing,
    struct_of,
    write_method,
    write_timing,
)
from tieback.serving.conversions.results import add_results
from tieback.v1 import answer_pb2, router_pb2

_ROLES = Numbers(router_pb2.Role, Role, "role", unspecified=Role.QUERY)
read_role, write_role = _ROLES.read, _ROLES.write


def read_routing(message: router_pb2.Routing, field: FieldPath) -> Routing:
    """How to weight the spaces; weights alone mean the explicit policy."""
    policy = message.policy or ("explicit" if message.weights else "")
    parameters = parameters_of(message.parameters, field["parameters"])
    imputation = optional(message, "imputation", read_method, field)
    weights = {name: finite(one, field["weights"].key(name)) for name, one in message.weights.items()}
    return Routing(policy, weights, parameters, imputation)


def write_routing(routing: Routing) -> router_pb2.Routing:
    """The message of a routing."""
    return router_pb2.Routing(
        policy=routing.policy,
        weights=dict(routing.weights),
        parameters=struct_of(routing.parameters) if routing.parameters else None,
        imputation=write_method(routing.imputation) if routing.imputation is not None else None,
    )


def read_weight(part: router_pb2.FusePart | answer_pb2.QueryPart, field: FieldPath) -> float:
    """A content's weight beside the others; unset is 1."""
    weight = optional(part, "weight", finite, field)
    return 1.0 if weight is None else weight


def read_fuse_input(message: router_pb2.FuseInput, field: FieldPath) -> list[FusePart]:
    """All encodings of one input."""
    return each(message.parts, _read_part, field["parts"])


def _read_part(part: router_pb2.FusePart, field: FieldPath) -> FusePart:
    return FusePart(read_encoding(part.encoding, field["encoding"]), read_weight(part, field), part.content)


def write_fuse_input(parts: Sequence[FusePart]) -> router_pb2.FuseInput:
    """The message of all encodings of one input."""
    return router_pb2.FuseInput(
        parts=[
            router_pb2.FusePart(
                encoding=write_encoding(part.encoding), weight=part.weight, content=part.content
            )
            for part in parts
        ]
    )


read_explanation = reading(RoutingExplanation, router_pb2.RoutingExplanation)
write_explanation = writing(RoutingExplanation, router_pb2.RoutingExplanation)
_read_ignored = reading(IgnoredDimensions, router_pb2.IgnoredDimensions)
_write_ignored = writing(IgnoredDimensions, router_pb2.IgnoredDimensions)
_read_fused = reading(Fused, router_pb2.Fused)
_fill_fused = CODEC.filler(Fused, router_pb2.Fused.DESCRIPTOR)


def read_ignored(
    messages: Iterable[router_pb2.IgnoredDimensions], field: FieldPath
) -> list[IgnoredDimensions]:
    """What does not count of a query's vector for sections of a modality."""
    return each(messages, _read_ignored, field)


def write_ignored(ignored: Iterable[IgnoredDimensions]) -> list[router_pb2.IgnoredDimensions]:
    """The messages of what does not count of a query's vector."""
    return list(map(_write_ignored, ignored))


def read_fuse_reply(message: router_pb2.FuseResponse) -> FuseReply:
    """One result per input."""
    return FuseReply(
        [
            failures.from_status(result.error)
            if result.WhichOneof("outcome") == "error"
            else _read_fused(result.fused, at("results", index, "fused"))
            for index, result in enumerate(message.results)
        ],
        read_timing(message.timing),
    )


def write_fuse_reply(reply: FuseReply) -> router_pb2.FuseResponse:
    """The message of one result per input."""
    message = router_pb2.FuseResponse(timing=write_timing(reply.timing))
    add_results(message, reply.results, lambda result, one: _fill_fused(result.fused, one))
    return message
