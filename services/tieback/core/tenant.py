"""On whose behalf the running task works.

The edge sets it once a call's token is known; it follows the task into whatever the call awaits, so that the
queues on the way can be fair between tenants without every signature naming one.
"""

from __future__ import annotations

from contextvars import ContextVar

TENANT: ContextVar[str] = ContextVar("tieback_tenant", default="")
"""The tenant's name; empty where no tokens are asked for."""
