"""What is counted by tenant, and how many series that can become."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry
from support.acting import begun
from tieback.core.tenant import Principal
from tieback.serving.metrics.work import OTHER, TenantMetrics


async def finish(metrics: TenantMetrics, tenant: str, code: str = "OK", reason: str = "") -> None:
    async def work() -> None:
        metrics.finished(code, reason)
        metrics.computed("encoder", 7)

    await begun(Principal(tenant), work())


def series(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


async def test_calls_refusals_and_tokens_are_counted_by_tenant() -> None:
    registry = CollectorRegistry()
    metrics = TenantMetrics(registry, 50)

    await finish(metrics, "acme")
    await finish(metrics, "acme", "RESOURCE_EXHAUSTED", "TENANT_QUOTA")
    await finish(metrics, "globex", "NOT_FOUND")

    assert series(registry, "tieback_tenant_requests_total") == {
        ("acme", "OK"): 1,
        ("acme", "RESOURCE_EXHAUSTED"): 1,
        ("globex", "NOT_FOUND"): 1,
    }
    assert series(registry, "tieback_tenant_rejections_total") == {("acme", "TENANT_QUOTA"): 1}
    assert series(registry, "tieback_tenant_tokens_total") == {
        ("acme", "encoder"): 14,
        ("globex", "encoder"): 7,
    }


async def test_however_many_tenants_there_are_the_series_are_bounded() -> None:
    registry = CollectorRegistry()
    metrics = TenantMetrics(registry, 3)

    await asyncio.gather(*(finish(metrics, f"tenant-{number % 100}") for number in range(200)))

    assert series(registry, "tieback_tenant_requests_total") == {
        ("tenant-0", "OK"): 2,
        ("tenant-1", "OK"): 2,
        ("tenant-2", "OK"): 2,
        (OTHER, "OK"): 194,
    }


async def test_nothing_is_counted_by_tenant_where_no_tokens_are_asked_for() -> None:
    registry = CollectorRegistry()

    await finish(TenantMetrics(registry, 50), "")

    assert series(registry, "tieback_tenant_requests_total") == {}
