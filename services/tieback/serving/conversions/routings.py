"""Routing, what is fused, and the explanations of joint vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.fusion import FusePart, RoutingExplanation

from tieback.core.types.fusion import FuseReply, Role, Routing
from tieback.serving.conversions.codec import CODEC, finite_fields, reading, writing
from tieback.serving.conversions.frames import Numbers, each, finite, optional
from tieback.v1 import answer_pb2, router_pb2

_ROLES = Numbers(router_pb2.Role, Role, "role", unspecified=Role.QUERY)
read_role, write_role = _ROLES.read, _ROLES.write


_read_routing = reading(Routing, router_pb2.Routing)
write_routing = writing(Routing, router_pb2.Routing)


def read_routing(message: router_pb2.Routing, field: FieldPath) -> Routing:
    """How to weight the spaces; weights alone mean the explicit policy."""
    routing = _read_routing(message, field)
    for name, weight in routing.weights.items():
        finite(weight, field["weights"].key(name))
    return replace(routing, policy="explicit") if routing.weights and not routing.policy else routing


def read_weight(part: router_pb2.FusePart | answer_pb2.QueryPart, field: FieldPath) -> float:
    """A content's weight beside the others; unset is 1."""
    weight = optional(part, "weight", finite, field)
    return 1.0 if weight is None else weight


_fill_part = CODEC.filler(FusePart, router_pb2.FusePart.DESCRIPTOR)
_read_part = reading(FusePart, router_pb2.FusePart)


def _read_input(message: router_pb2.FuseInput) -> list[FusePart]:
    return each(message.parts, _read_part, at("parts"))


def _fill_input(message: router_pb2.FuseInput, parts: Sequence[FusePart]) -> None:
    for part in parts:
        _fill_part(message.parts.add(), part)


CODEC.converter("tieback.v1.FuseInput", _read_input, _fill_input)
read_explanation = reading(RoutingExplanation, router_pb2.RoutingExplanation)
write_explanation = writing(RoutingExplanation, router_pb2.RoutingExplanation)
read_fuse_reply, write_fuse_reply = (
    reading(FuseReply, router_pb2.FuseResponse),
    writing(FuseReply, router_pb2.FuseResponse),
)
CODEC.check(FusePart, finite_fields("weight"))


CODEC.converter(
    "tieback.v1.CreateCollectionRequest.routing",
    lambda message: read_routing(message, ROOT),
    CODEC.filler(Routing, router_pb2.Routing.DESCRIPTOR),
)
