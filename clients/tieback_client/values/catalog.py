"""What a server offers: spaces, models, methods, limits and health."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract import tenants
from tieback_contract.answers import AnswerStyle
from tieback_contract.limits import Limits
from tieback_contract.query import RetrievalPlan
from tieback_contract.server import ServiceState
from tieback_contract.shapes import ABSENT, wire

from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True)
class Usage(tenants.TenantUsage):
    """The tenant that a client calls as."""

    call: CallInfo = field(default_factory=CallInfo, metadata=wire(ABSENT))
    """How the call went."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that requests can name."""

    family: str
    """Its family, for instance ``"reranking"``."""
    name: str
    """Its name within the family."""
    summary: str
    """One sentence for people."""
    schema: Mapping[str, Any]
    """JSON schema of its parameters."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server's description of itself."""

    version: str
    """The version of tieback."""
    limits: Limits
    """What it refuses."""
    services: Sequence[ServiceState]
    """Its services."""
    retrieval: RetrievalPlan
    """The defaults of a query."""
    styles: Sequence[AnswerStyle] = ()
    """How answers can be made, and first how they are where nothing is said; empty where there are none."""
    call: CallInfo = field(default_factory=CallInfo, metadata=wire(ABSENT))
    """How the call went."""


class Health(enum.StrEnum):
    """The state of a service in `grpc.health.v1`."""

    UNKNOWN = "unknown"
    SERVING = "serving"
    NOT_SERVING = "not_serving"
    SERVICE_UNKNOWN = "service_unknown"
