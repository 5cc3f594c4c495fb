"""Converts messages of the contract to descriptions of a server and of a tenant."""

from __future__ import annotations

import json
from typing import Any

from tieback.v1 import catalog_pb2
from tieback_contract.limits import Limits
from tieback_contract.recognition import SegmentKind
from tieback_contract.vectors import VectorKind

from tieback_client import catalog, events, tenants
from tieback_client.codec import CODEC
from tieback_client.reading import modality, space_ref, value_of
from tieback_client.reading_hits import plan
from tieback_client.reports import CallInfo

# In the order of the contract's enums, whose zero is "not given".
_KINDS = (None, *VectorKind)
_ROLES = (None, *tenants.Access)
_STYLES = (None, *events.AnswerStyle)
_SEGMENTS = (None, *SegmentKind)
HEALTH = tuple(catalog.Health)

_limits = CODEC.reader(Limits, catalog_pb2.Limits.DESCRIPTOR)


def space(message: Any) -> catalog.Space:
    """A space of the catalog."""
    return catalog.Space(
        ref=space_ref(message.ref),
        modalities=[one for number in message.modalities if (one := modality(number))],
        width=message.width,
        widths=list(message.widths),
        kinds=[one for number in message.kinds if (one := value_of(_KINDS, number, None))],
        max_tokens=message.max_tokens,
        description=message.description,
        license=message.license,
        upstream=message.upstream,
        binding=message.binding,
        ready=message.ready,
        precision=message.precision,
        drift=[catalog.Drift(one.measure, one.value, one.float32_value) for one in message.drift],
        blocks={one.space: one.width for one in message.blocks},
        projections=list(message.projections),
        binding_revision=message.binding_revision,
        called=message.name,
        layers=list(message.layers),
        reductions=[
            catalog.MeasuredReduction(one.method, one.ratio, one.speed, one.lost, one.served)
            for one in message.reductions
        ],
        deadline_exits=message.deadline_exits,
        features=list(message.features),
        adapters=list(message.adapters),
    )


def model(message: Any) -> catalog.Model:
    """A model that writes or reranks."""
    return catalog.Model(
        name=message.name,
        revision=message.revision,
        context_tokens=message.context_tokens,
        description=message.description,
        license=message.license,
        upstream=message.upstream,
        ready=message.ready,
        modality=modality(message.modality),
        recognises=value_of(_SEGMENTS, message.recognises, None),
    )


def method(message: Any) -> catalog.Method:
    """A method with the schema of its parameters."""
    schema = json.loads(message.parameters_schema) if message.parameters_schema else {}
    return catalog.Method(message.family, message.name, message.summary, schema)


def server_info(message: Any, info: CallInfo) -> catalog.ServerInfo:
    """A server's description of itself."""
    limits = _limits(message.limits)
    services = [
        catalog.ServiceState(one.name, one.ready, one.replicas, one.detail) for one in message.services
    ]
    styles = [style for one in message.styles if (style := value_of(_STYLES, one, None)) is not None]
    return catalog.ServerInfo(message.version, limits, services, plan(message.retrieval), styles, info)


def usage(message: Any, info: CallInfo) -> tenants.Usage:
    """A tenant, what it may and what it stores."""
    said = message.quota
    quota = tenants.Quota(
        **{name: getattr(said, name) for name in tenants.Quota.__slots__ if said.HasField(name)}
    )
    shared = {
        one.name: role for one in message.shared if (role := value_of(_ROLES, one.role, None)) is not None
    }
    return tenants.Usage(
        message.tenant,
        value_of(_ROLES, message.role, None),
        message.item_count,
        message.byte_count,
        message.collection_count,
        quota,
        shared,
        info,
    )
