"""What a server offers: spaces, models, methods, limits and health."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.answers import AnswerStyle
from tieback_contract.limits import Limits
from tieback_contract.query import RetrievalPlan
from tieback_contract.server import ServiceState
from tieback_contract.shapes import ABSENT, wire

from tieback_client.reports import CallInfo


class Access(enum.StrEnum):
    """What a token is for, or a shared collection. Each includes those before it."""

    READ = "read"
    """Search and read collections, encode, rerank, generate."""
    WRITE = "write"
    """Write and remove items."""
    ADMIN = "admin"
    """Make and delete collections, make, restore and delete snapshots."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a tenant may use; None for no limit."""

    item_count: int | None = None
    """Items in all its collections."""
    byte_count: int | None = None
    """Bytes of its items (vectors, words, metadata and originals) and of the files of its snapshots."""
    collection_count: int | None = None
    """Collections."""
    tokens_per_second: float | None = None
    """Tokens computed in a second, by each replica."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The tenant that a client calls as."""

    tenant: str
    """Its name; empty where the server asks for no tokens."""
    role: Access | None
    """The role of the token; None for a role that this version does not know."""
    item_count: int
    """Items in all its collections."""
    byte_count: int
    """Bytes of its items and of the files of its snapshots, as its quota counts them."""
    collection_count: int
    """Its collections."""
    quota: Quota
    """How much it may use."""
    shared: Mapping[str, Access] = field(default_factory=dict)
    """What others share with it: for each collection, by the name OWNER/NAME, what it may be used for."""
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
