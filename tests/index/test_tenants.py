"""Whose a collection is, who else may use it, and how much a tenant may store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from support.acting import begun
from support.each import each
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import InvalidInput, NotFound, PermissionDenied, QuotaExceeded, TiebackError
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.index import Index
from tieback_contract.collections import Source
from tieback_contract.vectors import SpaceRef

HANDBOOK = CollectionKey("globex", "handbook")
ACME, GLOBEX = Principal("acme"), Principal("globex")
OTHER_SPACE = SpaceRef("other", "r", "f")

Asked = Callable[[Index, str], Awaitable[object]]
READS: dict[str, Asked] = {
    "get": lambda index, name: index.get_collection(name),
    "get item": lambda index, name: index.get_item(name, "a"),
    "list items": lambda index, name: index.list_items(name),
    "count items": lambda index, name: index.count_items(name),
    "search": lambda index, name: searched(index, name, vector=vector(1, 0, 0, 0)),
}
WRITES: dict[str, Asked] = {
    "upsert": lambda index, name: index.upsert(name, [item("a")]),
    "delete items": lambda index, name: index.delete_items(name, ["a"]),
    "record source": lambda index, name: index.record_source(name, Source("s", "host", "/s")),
    "delete source": lambda index, name: index.delete_source(name, "s"),
}
ADMINISTERS: dict[str, Asked] = {"delete": lambda index, name: index.delete_collection(name)}
ALL = READS | WRITES | ADMINISTERS


def shared_with_acme(
    access: AccessLevel, own: AccessLevel = AccessLevel.ADMIN, quota: TenantQuota | None = None
) -> Principal:
    return Principal("acme", own, shared={HANDBOOK: Share(access, quota or TenantQuota())})


@pytest.fixture
async def index(open_index: Callable[..., Index]) -> AsyncIterator[Index]:
    """globex has "handbook" and "secret", both with an item; acme has nothing."""
    made = open_index()
    for name in ("handbook", "secret"):
        await begun(GLOBEX, made.create_collection(name, SPACE, WIDTH))
        await begun(GLOBEX, made.upsert(name, [item("a")]))
        await begun(GLOBEX, made.record_source(name, Source("s", "host", "/s")))
    yield made
    await made.close()


async def names(index: Index, principal: Principal) -> list[str]:
    return [one.name for one in (await begun(principal, index.list_collections()))[0]]


async def error_of(principal: Principal, work: Awaitable[object]) -> TiebackError:
    with pytest.raises(TiebackError) as caught:
        await begun(principal, work)
    return caught.value


@each("asked", ALL)
async def test_another_tenants_collection_is_not_found_just_as_one_that_does_not_exist(
    index: Index, asked: str
) -> None:
    for name in ("secret", "globex/secret"):
        for principal in (ACME, shared_with_acme(AccessLevel.WRITE), Principal("")):
            there = await error_of(principal, ALL[asked](index, name))
            absent = await error_of(principal, ALL[asked](index, name.replace("secret", "nosuch")))

            assert type(there) is type(absent) is NotFound
            assert there.message.replace("secret", "nosuch") == absent.message
            assert there.reason == absent.reason
    assert await names(index, GLOBEX) == ["handbook", "secret"]


async def test_two_tenants_have_collections_of_one_name_that_know_nothing_of_each_other(index: Index) -> None:
    made = await begun(ACME, index.create_collection("handbook", OTHER_SPACE, 2))
    assert (made.name, made.item_count, made.width) == ("handbook", 0, 2)

    await begun(ACME, index.delete_collection("handbook"))

    assert await names(index, ACME) == []
    assert (await begun(GLOBEX, index.get_item("handbook", "a"))).id == "a"


async def test_collections_of_one_name_are_still_apart_after_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await begun(ACME, index.create_collection("handbook", OTHER_SPACE, 2))
    await index.create_collection("handbook", SPACE, WIDTH)
    await index.close()

    again = open_index()

    assert (await begun(ACME, again.get_collection("handbook"))).space == OTHER_SPACE
    assert (await begun(GLOBEX, again.get_collection("handbook"))).item_count == 1
    assert [one.name for one in (await begun(GLOBEX, again.get_collection("handbook"))).sources] == ["s"]
    assert (await again.get_collection("handbook")).item_count == 0
    await again.close()


async def test_a_shared_collection_is_listed_and_read_under_its_owners_name(index: Index) -> None:
    await begun(ACME, index.create_collection("zoo", SPACE, WIDTH))
    acme = shared_with_acme(AccessLevel.READ)

    assert await names(index, acme) == ["globex/handbook", "zoo"]
    for read in READS.values():
        await begun(acme, read(index, "globex/handbook"))
    assert (await begun(acme, index.get_collection("globex/handbook"))).name == "globex/handbook"
    assert (await begun(GLOBEX, index.get_collection("globex/handbook"))).name == "handbook"


@pytest.mark.parametrize("asked", WRITES | ADMINISTERS)
async def test_a_collection_that_is_shared_for_reading_is_not_written(index: Index, asked: str) -> None:
    error = await error_of(shared_with_acme(AccessLevel.READ), ALL[asked](index, "globex/handbook"))

    assert isinstance(error, PermissionDenied)
    assert f"needs the role {'admin' if asked in ADMINISTERS else 'write'}" in error.message
    assert (await begun(GLOBEX, index.get_collection("handbook"))).item_count == 1


async def test_a_collection_that_is_shared_for_writing_is_written_and_not_deleted(index: Index) -> None:
    acme = shared_with_acme(AccessLevel.WRITE)

    await begun(acme, index.upsert("globex/handbook", [item("b")]))
    await begun(acme, index.delete_items("globex/handbook", ["a"]))

    assert isinstance(await error_of(acme, index.delete_collection("globex/handbook")), PermissionDenied)
    items, _ = await begun(GLOBEX, index.list_items("handbook"))
    assert [one.id for one in items] == ["b"]


@pytest.mark.parametrize(
    ("access", "denied"), [(AccessLevel.READ, WRITES | ADMINISTERS), (AccessLevel.WRITE, ADMINISTERS)]
)
async def test_a_token_does_to_its_own_collections_what_its_role_allows_and_no_more(
    index: Index, access: AccessLevel, denied: dict[str, Asked]
) -> None:
    globex = Principal("globex", access)
    for asked, call in ALL.items():
        if asked in denied:
            error = await error_of(globex, call(index, "handbook"))
            assert isinstance(error, PermissionDenied)
            assert f"the token has the role {access}" in error.message
        elif asked in READS:
            await begun(globex, call(index, "handbook"))
    error = await error_of(globex, index.create_collection("more", SPACE, WIDTH))
    assert isinstance(error, PermissionDenied)
    assert "needs the role admin" in error.message
    assert await names(index, GLOBEX) == ["handbook", "secret"]


async def test_no_tenant_makes_a_collection_of_another(index: Index) -> None:
    for name in ("globex/more", "acme/more", "globex/handbook"):
        error = await error_of(
            shared_with_acme(AccessLevel.WRITE), index.create_collection(name, SPACE, WIDTH)
        )
        assert isinstance(error, InvalidInput)
        assert str(error.field) == "name"


async def test_a_page_token_of_one_tenant_is_none_of_another(index: Index) -> None:
    for name in ("a", "b", "c"):
        await begun(ACME, index.create_collection(name, SPACE, WIDTH))
    _, token = await begun(ACME, index.list_collections(page_size=1))

    assert [one.name for one in (await begun(ACME, index.list_collections(page_token=token)))[0]] == [
        "b",
        "c",
    ]
    assert isinstance(await error_of(GLOBEX, index.list_collections(page_token=token)), InvalidInput)

    await begun(ACME, index.create_collection("handbook", SPACE, WIDTH))
    for principal in (ACME, GLOBEX):
        await begun(principal, index.upsert("handbook", [item("a"), item("b")]))
    _, token = await begun(ACME, index.list_items("handbook", page_size=1))
    assert isinstance(await error_of(GLOBEX, index.list_items("handbook", page_token=token)), InvalidInput)


async def test_items_over_the_quota_are_refused_with_the_way_out_and_nothing_is_written(index: Index) -> None:
    globex = Principal("globex", quota=TenantQuota(items=4))
    await begun(globex, index.upsert("handbook", [item("b"), item("c")]))

    error = await error_of(globex, index.upsert("secret", [item("b")]))

    assert isinstance(error, QuotaExceeded)
    assert "stores 4 of the 4 items" in error.message
    assert "remove items or a collection" in error.message
    assert (await begun(globex, index.get_collection("secret"))).item_count == 1
    await begun(globex, index.upsert("handbook", [item("b"), item("c")]))  # there already
    await begun(globex, index.delete_items("handbook", ["c"]))
    await begun(globex, index.upsert("secret", [item("b")]))


async def test_bytes_over_the_quota_are_refused_and_a_smaller_item_may_take_the_place_of_a_larger(
    index: Index,
) -> None:
    large = item("large", section(axis(0), "word " * 1000))
    await begun(GLOBEX, index.upsert("handbook", [large]))
    stored = (await begun(GLOBEX, index.get_usage())).byte_count
    assert 5000 < stored < 6000
    lowered = Principal("globex", quota=TenantQuota(bytes=stored - 2000))

    assert isinstance(await error_of(lowered, index.upsert("handbook", [item("b")])), QuotaExceeded)
    await begun(lowered, index.upsert("handbook", [item("large", section(axis(0), "word " * 500))]))
    assert (await begun(GLOBEX, index.get_usage())).byte_count < stored - 2000


async def test_metadata_and_titles_count_as_bytes(index: Index) -> None:
    before = (await begun(GLOBEX, index.get_usage())).byte_count
    await begun(GLOBEX, index.upsert("handbook", [item("b", note="é" * 1000)]))

    assert (await begun(GLOBEX, index.get_usage())).byte_count - before > 2000


async def test_writes_at_the_same_time_do_not_pass_the_quota_together(index: Index) -> None:
    globex = Principal("globex", quota=TenantQuota(items=7))

    outcomes = await asyncio.gather(
        *(begun(globex, index.upsert("handbook", [item(f"new {number}")])) for number in range(20)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, QuotaExceeded) for one in outcomes) == 15
    assert (await begun(globex, index.get_usage())).item_count == 7


async def test_what_is_written_to_a_shared_collection_counts_against_its_owner(index: Index) -> None:
    acme = shared_with_acme(AccessLevel.WRITE, quota=TenantQuota(items=3))
    await begun(acme, index.upsert("globex/handbook", [item("b")]))

    error = await error_of(acme, index.upsert("globex/handbook", [item("c")]))

    assert isinstance(error, QuotaExceeded)
    assert "'globex', whose collection it is" in error.message
    assert "3" not in error.message  # what globex stores is not acme's to know
    assert (await begun(acme, index.get_usage())).item_count == 0


async def test_collections_over_the_quota_are_refused(index: Index) -> None:
    globex = Principal("globex", quota=TenantQuota(collections=2))

    assert isinstance(await error_of(globex, index.create_collection("more", SPACE, WIDTH)), QuotaExceeded)
    await begun(globex, index.create_collection("secret", SPACE, WIDTH))  # there already
    await begun(globex, index.delete_collection("secret"))
    await begun(globex, index.create_collection("more", SPACE, WIDTH))


async def test_a_tenant_is_told_what_it_stores_and_no_more(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await begun(ACME, index.create_collection("zoo", SPACE, WIDTH))
    before = await begun(GLOBEX, index.get_usage())
    await index.close()
    again = open_index()

    acme, globex = await begun(ACME, again.get_usage()), await begun(GLOBEX, again.get_usage())

    assert acme == ACME.usage(collections=1, items=0, bytes=0)
    assert (globex.collection_count, globex.item_count) == (2, 2)
    assert globex.byte_count == before.byte_count > 0
    await again.close()
