"""What is counted by tenant. Nothing is where no tokens are asked for.

A process gives the first `most` tenants that it meets series of their own; the others together are `OTHER`,
which is no tenant's name. So a page has a bounded number of series, however many tenants there are.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from tieback.core.tenant import TENANT

OTHER = "_other"
NAMED = 50
"""Number of tenants that have metrics with their name; the rest share OTHER."""


class TenantMetrics:
    """The counters with a tenant as a label, of the tenant that the running task works for."""

    def __init__(self, registry: CollectorRegistry, most: int = NAMED) -> None:
        self._most = most
        self._named: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tieback_tenant_{name}", text, ("tenant", *labels), registry=registry)

        self._requests = counter("requests", "Calls of a tenant, by status code.", "code")
        self._rejections = counter("rejections", "Refused calls of a tenant.", "reason")
        self._tokens = counter("tokens", "Computed tokens of a tenant: read or generated.", "service")

    def finished(self, code: str, reason: str = "") -> None:
        """Counts a call; with a `reason`, one that was refused for it."""
        if tenant := self._label(TENANT.get()):
            self._requests.labels(tenant, code).inc()
            if reason:
                self._rejections.labels(tenant, reason).inc()

    def refused(self, tenant: str, code: str, reason: str, calls: int) -> None:
        """Counts calls of a tenant that were refused for a reason."""
        if label := self._label(tenant):
            self._requests.labels(label, code).inc(calls)
            self._rejections.labels(label, reason).inc(calls)

    def computed(self, service: str, tokens: int) -> None:
        """Counts tokens that a service computed."""
        if tokens and (tenant := self._label(TENANT.get())):
            self._tokens.labels(tenant, service).inc(tokens)

    def _label(self, tenant: str) -> str:
        if not tenant:
            return ""
        if tenant not in self._named:
            if len(self._named) >= self._most:
                return OTHER
            self._named.add(tenant)
        return tenant
