"""Routing, what is fused, and the explanations of joint vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tieback_contract.field_path import at
from tieback_contract.fusion import FusePart

from tieback.core.types.fusion import Role, Routing
from tieback.serving.conversions.codec import CODEC, finite_fields, reading
from tieback.serving.conversions.frames import Numbers, each, finite
from tieback.v1 import router_pb2

_ROLES = Numbers(router_pb2.Role, Role, "role", unspecified=Role.QUERY)


_read_plain = CODEC.reader(Routing, router_pb2.Routing.DESCRIPTOR)
_fill_routing = CODEC.filler(Routing, router_pb2.Routing.DESCRIPTOR)


def _read_routing(message: router_pb2.Routing) -> Routing:
    """Weights alone mean the explicit policy."""
    routing = _read_plain(message)
    for name, weight in routing.weights.items():
        finite(weight, at("weights").key(name))
    return replace(routing, policy="explicit") if routing.weights and not routing.policy else routing


CODEC.converter(Routing, _read_routing, _fill_routing)
_fill_part = CODEC.filler(FusePart, router_pb2.FusePart.DESCRIPTOR)
_read_part = reading(FusePart, router_pb2.FusePart)


def _read_input(message: router_pb2.FuseInput) -> list[FusePart]:
    return each(message.parts, _read_part, at("parts"))


def _fill_input(message: router_pb2.FuseInput, parts: Sequence[FusePart]) -> None:
    for part in parts:
        _fill_part(message.parts.add(), part)


CODEC.converter("tieback.v1.FuseInput", _read_input, _fill_input)
CODEC.check(FusePart, finite_fields("weight"))
