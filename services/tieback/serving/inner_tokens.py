"""Tokens by which processes of the platform call each other for a tenant whose own token none of them has.

An operation goes on after a restart, when nobody has called yet, and its tenant's tokens are known by their
digests alone. So the process that runs it signs the tenant's name with a key that the platform's processes
share; the others look the tenant up in the tokens file, as they do for its own tokens.
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
