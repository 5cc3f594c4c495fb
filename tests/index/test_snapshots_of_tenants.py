"""Whose a snapshot is, what a role may do with it, and how it counts in a quota."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from support.acting import begun
from support.sections import SPACE, WIDTH, item
from tieback.core.errors import NotFound, PermissionDenied, QuotaExceeded, TiebackError
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.index import Index

ACME, GLOBEX = Principal("acme"), Principal("globex")
HANDBOOK = CollectionKey("globex", "handbook")

CHANGES: dict[str, Callable[[Index], Awaitable[object]]] = {
    "create": lambda index: index.snapshots.create_snapshot("handbook", "new"),
    "restore": lambda index: index.snapshots.restore_snapshot("first", "again"),
    "delete": lambda index: index.snapshots.delete_snapshot("first"),
}


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    """globex has "handbook" with an item, and a snapshot "first" of it; acme has nothing."""
    made = Index.open(store)
    await begun(GLOBEX, made.create_collection("handbook", SPACE, WIDTH))
    await begun(GLOBEX, made.upsert("handbook", [item("a"), item("b")]))
    await begun(GLOBEX, made.snapshots.create_snapshot("handbook", "first"))
    yield made
    await made.close()


async def names(index: Index, principal: Principal) -> list[str]:
    return [one.name for one in (await begun(principal, index.snapshots.list_snapshots()))[0]]


async def error_of(principal: Principal, work: Awaitable[object]) -> TiebackError:
    with pytest.raises(TiebackError) as caught:
        await begun(principal, work)
    return caught.value


async def test_a_snapshot_is_seen_restored_and_deleted_by_its_tenant_alone(index: Index) -> None:
    for name in ("first", "nosuch", "globex/first"):
        for work in (
            index.snapshots.restore_snapshot(name, "again"),
            index.snapshots.delete_snapshot(name),
        ):
            error = await error_of(ACME, work)
            assert isinstance(error, NotFound)
            assert error.message == f"no snapshot is named {name!r}; there are none yet"
    assert await names(index, ACME) == []
    assert await names(index, GLOBEX) == ["first"]


async def test_two_tenants_have_snapshots_of_one_name(index: Index, store: Path) -> None:
    await begun(ACME, index.create_collection("own", SPACE, WIDTH))
    await begun(ACME, index.upsert("own", [item("x")]))
    await begun(ACME, index.snapshots.create_snapshot("own", "first"))
    await index.create_collection("nobodys", SPACE, WIDTH)
    await index.snapshots.create_snapshot("nobodys", "first")
    await index.close()
    again = Index.open(store)

    for principal, items in ((ACME, ["x"]), (GLOBEX, ["a", "b"]), (Principal(), [])):
        await begun(principal, again.snapshots.restore_snapshot("first", "restored"))
        listed, _ = await begun(principal, again.list_items("restored"))
        assert [one.id for one in listed] == items
    await begun(ACME, again.snapshots.delete_snapshot("first"))

    assert await names(again, ACME) == []
    assert await names(again, GLOBEX) == await names(again, Principal()) == ["first"]
    await again.close()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("access", [AccessLevel.READ, AccessLevel.WRITE])
async def test_snapshots_are_listed_by_any_role_and_changed_by_admin_alone(
    index: Index, change: str, access: AccessLevel
) -> None:
    error = await error_of(Principal("globex", access), CHANGES[change](index))

    assert isinstance(error, PermissionDenied)
    assert f"needs the role admin, and the token has the role {access}" in error.message
    assert await names(index, Principal("globex", access)) == ["first"]


async def test_a_shared_collection_is_kept_by_its_owner_alone(index: Index) -> None:
    acme = Principal("acme", shared={HANDBOOK: Share(AccessLevel.WRITE, TenantQuota())})

    error = await error_of(acme, index.snapshots.create_snapshot("globex/handbook", "mine"))
    assert isinstance(error, PermissionDenied)
    error = await error_of(ACME, index.snapshots.create_snapshot("globex/handbook", "mine"))
    assert isinstance(error, NotFound)
    assert error.kind == "collection"


async def test_the_bytes_of_snapshots_count_in_the_quota_until_they_are_deleted(
    index: Index, store: Path
) -> None:
    (first,) = (await begun(GLOBEX, index.snapshots.list_snapshots()))[0]
    await begun(GLOBEX, index.delete_collection("handbook"))
    assert (await begun(GLOBEX, index.get_usage())).byte_count == first.byte_count > 0
    await begun(GLOBEX, index.snapshots.restore_snapshot("first", "handbook"))
    stored = (await begun(GLOBEX, index.get_usage())).byte_count
    tight = Principal("globex", quota=TenantQuota(bytes=stored + first.byte_count - 1))

    error = await error_of(tight, index.snapshots.create_snapshot("handbook", "second"))
    assert isinstance(error, QuotaExceeded)
    assert f"stores {stored:,} of the" in error.message
    assert await names(index, GLOBEX) == ["first"]
    assert list((store / "making").iterdir()) == []

    await index.close()
    again = Index.open(store)
    assert (await begun(GLOBEX, again.get_usage())).byte_count == stored
    await begun(GLOBEX, again.snapshots.delete_snapshot("first"))
    assert (await begun(GLOBEX, again.get_usage())).byte_count == stored - first.byte_count
    await begun(tight, again.snapshots.create_snapshot("handbook", "second"))
    await again.close()


@pytest.mark.parametrize("what", ["items", "bytes", "collections"])
async def test_what_is_restored_is_held_against_the_quota(index: Index, store: Path, what: str) -> None:
    usage = await begun(GLOBEX, index.get_usage())
    most = {"items": usage.item_count + 1, "bytes": usage.byte_count + 1}
    most["collections"] = usage.collection_count
    tight = Principal("globex", quota=TenantQuota(**{what: most[what]}))

    error = await error_of(tight, index.snapshots.restore_snapshot("first", "again"))

    assert isinstance(error, QuotaExceeded)
    assert f" {what} that its quota allows" in error.message
    assert [one.name for one in (await begun(GLOBEX, index.list_collections()))[0]] == ["handbook"]
    assert list((store / "making").iterdir()) == []


async def test_a_page_token_of_one_tenant_is_none_of_another(index: Index) -> None:
    await begun(GLOBEX, index.snapshots.create_snapshot("handbook", "second"))
    _, token = await begun(GLOBEX, index.snapshots.list_snapshots(page_size=1))

    assert token
    await error_of(ACME, index.snapshots.list_snapshots(page_token=token))
    await error_of(GLOBEX, index.list_collections(page_token=token))
