"""Tokens for calls between processes on behalf of a tenant, if no process has the tenant's own token.

An operation continues after a restart, before any call has come, and only digests of tenants' tokens are
stored. So the process that runs the operation signs the tenant's name with a key that the platform's
processes share. The others find the tenant in the tokens file, as for its own tokens.
"""

from __future__ import annotations

import hmac

SCHEME = "Platform"


class InnerTokens:
    """Issues and checks them, under a key that is nobody else's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, tenant: str) -> str:
        """The `authorization` of calls for a tenant."""
        return f"{SCHEME} {tenant}.{self._sign(tenant)}"

    def tenant_of(self, token: str) -> str | None:
        """Whom a token that follows the scheme is for; None where it is not one of these."""
        tenant, _, signature = token.rpartition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._sign(tenant).encode())
        return tenant if is_ours else None

    def _sign(self, tenant: str) -> str:
        return hmac.new(self._key, tenant.encode(), "sha256").hexdigest()
