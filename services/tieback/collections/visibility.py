"""The collections that a tenant may see, and the error for the others."""

from __future__ import annotations

from collections.abc import Iterable

from tieback.core.errors import NotFound
from tieback.core.tenant import PRINCIPAL, CollectionKey


def visible(keys: Iterable[CollectionKey]) -> dict[str, CollectionKey]:
    """Those of all collections that the tenant may see, under its own names for them."""
    principal = PRINCIPAL.get()
    return {
        principal.address(key): key
        for key in keys
        if key.owner == principal.tenant or key in principal.shared
    }


def unknown(name: str, keys: Iterable[CollectionKey]) -> NotFound:
    """The error for a collection that is none of these, or that the tenant may not see."""
    choices = visible(keys)
    hint = "" if choices else "there are none yet: `tieback index` makes one, and so does CreateCollection"
    return NotFound("collection", name, choices, hint=hint)
