"""Roles, quotas and use of a tenant."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Access(enum.StrEnum):
    """The use that a token, or a shared collection, allows. Each includes those before it."""

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
class TenantUsage:
    """The tenant that calls."""

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
