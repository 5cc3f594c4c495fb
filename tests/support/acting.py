"""Work on behalf of a tenant, as the edge has it done."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tieback.core.tenant import PRINCIPAL, TENANT, Principal, act_for

T = TypeVar("T")


def begun(principal: Principal, work: Awaitable[T]) -> asyncio.Task[T]:
    """Work that was not begun yet, in a task of its own that acts for a tenant."""

    async def run() -> T:
        act_for(principal)
        return await work

    return asyncio.create_task(run(), context=contextvars.Context())


@contextmanager
def acting_for(principal: Principal) -> Iterator[None]:
    """Has what runs inside act for a tenant, and nothing after it."""
    tenant, before = TENANT.get(), PRINCIPAL.get()
    act_for(principal)
    try:
        yield
    finally:
        TENANT.set(tenant)
        PRINCIPAL.set(before)
