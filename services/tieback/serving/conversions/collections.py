"""Collections, and how they keep the vectors of tokens."""

from __future__ import annotations

from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota, TenantUsage
from tieback.serving.conversions.codec import CODEC
from tieback.serving.conversions.frames import Numbers
from tieback.v1 import tenant_pb2

_ROLES = Numbers(tenant_pb2.TenantRole, AccessLevel, "role")


def write_usage(usage: TenantUsage) -> tenant_pb2.Usage:
    """As a message. Of what is shared, the quotas of the owners stay here."""
    principal, quota = usage.principal, usage.principal.quota
    return tenant_pb2.Usage(
        tenant=principal.tenant,
        role=_ROLES.write(principal.access),
        item_count=usage.items,
        byte_count=usage.bytes,
        collection_count=usage.collections,
        quota=tenant_pb2.Quota(
            item_count=quota.items,
            byte_count=quota.bytes,
            collection_count=quota.collections,
            tokens_per_second=quota.tokens_per_second,
        ),
        shared=[
            tenant_pb2.SharedCollection(name=principal.address(key), role=_ROLES.write(share.access))
            for key, share in sorted(principal.shared.items())
        ],
    )


def read_usage(message: tenant_pb2.Usage) -> TenantUsage:
    """From a message of this platform."""
    said = message.quota
    quota = TenantQuota(
        items=said.item_count if said.HasField("item_count") else None,
        bytes=said.byte_count if said.HasField("byte_count") else None,
        collections=said.collection_count if said.HasField("collection_count") else None,
        tokens_per_second=said.tokens_per_second if said.HasField("tokens_per_second") else None,
    )
    shared = {
        CollectionKey(*one.name.split("/", 1)): Share(_ROLES.members[one.role], TenantQuota())
        for one in message.shared
    }
    principal = Principal(message.tenant, _ROLES.members[message.role], quota, shared)
    return TenantUsage(principal, message.collection_count, message.item_count, message.byte_count)


CODEC.converter(TenantUsage, read_usage, lambda message, usage: message.CopyFrom(write_usage(usage)))
