"""On whose behalf the running task works, and what it may do.

The edge sets both once a call's token is known; they follow the task into whatever the call awaits. So queues
can be fair between tenants, caches can keep them apart, and the index can check permissions, without every
signature naming a tenant.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from tieback_contract.tenants import Access, Quota, TenantUsage

from tieback.core.errors import PermissionDenied

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
"""What names of tenants and of collections look like."""


class AccessLevel(enum.IntEnum):
    """What a token is for. Each includes those before it."""

    READ = 1
    """Search and read collections, encode, rerank, generate."""
    WRITE = 2
    """Write and remove items."""
    ADMIN = 3
    """Make and delete collections, make, restore and delete snapshots."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class TenantQuota:
    """How much a tenant may use; None for no limit."""

    items: int | None = None
    bytes: int | None = None
    collections: int | None = None
    tokens_per_second: float | None = None


UNLIMITED = TenantQuota()


class CollectionKey(NamedTuple):
    """Names a collection among those of all tenants."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" if self.owner else self.name


@dataclass(frozen=True, slots=True)
class Share:
    """What another tenant's collection may be used for; what is written counts against its owner's quota."""

    access: AccessLevel
    quota: TenantQuota


@dataclass(frozen=True, slots=True)
class Principal:
    """The tenant that calls, with what its token allows. Where no tokens are asked for, all is allowed."""

    tenant: str = ""
    access: AccessLevel = AccessLevel.ADMIN
    quota: TenantQuota = UNLIMITED
    shared: Mapping[CollectionKey, Share] = field(default_factory=dict)

    def find(self, collection: str) -> CollectionKey | None:
        """Which collection that name stands for: NAME is the tenant's own, OWNER/NAME is one shared with it.

        None for another tenant's that is not shared; that must look the same as one that does not exist.
        """
        owner, slash, name = collection.rpartition("/")
        key = CollectionKey(owner if slash else self.tenant, name)
        return key if key.owner == self.tenant or key in self.shared else None

    def address(self, key: CollectionKey) -> str:
        """The name by which the tenant calls a collection of its own, or one shared with it."""
        return key.name if key.owner == self.tenant else f"{key.owner}/{key.name}"

    def quota_of(self, key: CollectionKey) -> TenantQuota:
        """The quota of the owner of a collection that `find` gave."""
        return self.quota if key.owner == self.tenant else self.shared[key].quota

    def usage(self, *, collections: int, items: int, bytes: int) -> TenantUsage:
        """The use of the tenant, told with its own quota; those of who shares with it are not told."""
        own = self.quota
        return TenantUsage(
            self.tenant,
            Access(str(self.access)),
            items,
            bytes,
            collections,
            Quota(own.items, own.bytes, own.collections, own.tokens_per_second),
            {self.address(key): Access(str(one.access)) for key, one in sorted(self.shared.items())},
        )

    def require(self, needed: AccessLevel, key: CollectionKey | None = None, *, work: str = "this") -> None:
        """PermissionDenied, naming the role that is needed, where the share or the token allows less."""
        if key is not None and key.owner != self.tenant and self.shared[key].access < needed:
            raise PermissionDenied(
                f"{work} needs the role {needed}, and the collection {self.address(key)!r} is shared with "
                f"{self.tenant!r} for {self.shared[key].access}; its owner can share it for more, and only "
                "its owner can delete it"
            )
        if self.access < needed:
            raise PermissionDenied(
                f"{work} needs the role {needed}, and the token has the role {self.access}; send a token of "
                f"tenant {self.tenant!r} with that role"
            )


TENANT: ContextVar[str] = ContextVar("tieback_tenant", default="")
"""The tenant's name; empty where no tokens are asked for."""

PRINCIPAL: ContextVar[Principal] = ContextVar("tieback_principal", default=Principal())  # noqa: B039 - frozen
"""The tenant with its permissions."""


def act_for(principal: Principal) -> None:
    """Has the running task, and what it starts from here on, work for a tenant."""
    PRINCIPAL.set(principal)
    TENANT.set(principal.tenant)
