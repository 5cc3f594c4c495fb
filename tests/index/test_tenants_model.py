"""Whatever three tenants do, each finds what a dictionary of its own would hold, and no more."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.acting import begun
from support.requests import searched
from support.sections import SPACE, WIDTH, item, vector
from tieback.core.errors import InvalidInput, NotFound, PermissionDenied, TiebackError
from tieback.core.tenant import AccessLevel, CollectionKey, Principal, Share, TenantQuota
from tieback.index import Index

READ_A, WRITE_B = CollectionKey("one", "a"), CollectionKey("one", "b")
PRINCIPALS = {
    "one": Principal("one"),
    "two": Principal(
        "two",
        shared={
            READ_A: Share(AccessLevel.READ, TenantQuota()),
            WRITE_B: Share(AccessLevel.WRITE, TenantQuota()),
        },
    ),
    "reader": Principal("two", AccessLevel.READ, shared={WRITE_B: Share(AccessLevel.WRITE, TenantQuota())}),
    "nobody": Principal(""),
}
NEEDED = {
    "create": AccessLevel.ADMIN,
    "delete": AccessLevel.ADMIN,
    "upsert": AccessLevel.WRITE,
    "remove": AccessLevel.WRITE,
    "get": AccessLevel.READ,
    "item": AccessLevel.READ,
    "items": AccessLevel.READ,
    "search": AccessLevel.READ,
}
STEPS = st.tuples(
    st.sampled_from(sorted(PRINCIPALS)),
    st.sampled_from(sorted(NEEDED)),
    st.sampled_from(["a", "b", "c", "one/a", "one/b", "one/c", "two/a", "/a", "one/../a"]),
    st.sampled_from(["x", "y"]),
)
BEGUN = [("one", asked, name, "x") for name in ("a", "b", "c") for asked in ("create", "upsert")]
Model = dict[tuple[str, str], set[str]]


def expected(model: Model, principal: Principal, asked: str, name: str, item_id: str) -> Any:
    """What the step gives, or the class of its error; carries it out on the model."""
    owner, slash, own = name.rpartition("/")
    key = (owner, own) if slash else (principal.tenant, name)
    needed = NEEDED[asked]
    if asked == "create":
        if "/" in name:
            return InvalidInput
        if principal.access < needed:
            return PermissionDenied
        return sorted(model.setdefault(key, set()))
    if principal.access < needed:
        return PermissionDenied
    if key[0] != principal.tenant:
        share = principal.shared.get(CollectionKey(*key))
        if share is None:
            return NotFound
        if share.access < needed:
            return PermissionDenied
    if key not in model:
        return NotFound
    held = model[key]
    if asked == "delete":
        del model[key]
        return None
    if asked == "upsert":
        held.add(item_id)
    elif asked == "remove":
        held.discard(item_id)
    elif asked == "item":
        return item_id if item_id in held else NotFound
    return sorted(held)


async def done(index: Index, asked: str, name: str, item_id: str) -> Any:
    """The step on the index; of a change, what the collection holds after it."""
    match asked:
        case "create":
            await index.create_collection(name, SPACE, WIDTH)
        case "delete":
            return await index.delete_collection(name)
        case "upsert":
            await index.upsert(name, [item(item_id)])
        case "remove":
            await index.delete_items(name, [item_id])
        case "get":
            found = await index.get_collection(name)
            assert found.name in (name, name.removeprefix("two/"), name.removeprefix("one/"))
        case "item":
            return (await index.get_item(name, item_id)).id
        case "search":
            reply = await searched(index, name, vector=vector(1, 0, 0, 0))
            return sorted(hit.item_id for hit in reply.hits)
    return [one.id for one in (await index.list_items(name))[0]]


async def compared(steps: Sequence[tuple[str, str, str, str]], opened: Callable[[], Index]) -> None:
    """Carries the steps out on an index that is `opened`, and opened again, and on a model."""
    model: Model = {}
    index = opened()
    for who, asked, name, item_id in steps:
        principal = PRINCIPALS[who]
        wanted = expected(model, principal, asked, name, item_id)
        got: Any
        try:
            got = await begun(principal, done(index, asked, name, item_id))
        except TiebackError as error:
            got = type(error)
        assert got == wanted, (who, asked, name, item_id)
    await index.close()
    again = opened()
    for principal in PRINCIPALS.values():
        listed = [one.name for one in (await begun(principal, again.list_collections()))[0]]
        shared = [str(key) for key in principal.shared if tuple(key) in model]
        assert listed == sorted([name for owner, name in model if owner == principal.tenant] + shared)
        assert (await begun(principal, again.get_usage())).item_count == sum(
            len(held) for (owner, _), held in model.items() if owner == principal.tenant
        )
    await again.close()


@settings(max_examples=12, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=25))
def test_every_tenant_finds_what_is_its_own_or_shared_with_it_and_no_more(
    steps: list[tuple[str, str, str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compared([*BEGUN, *steps], lambda: Index.open(folder + "/store")))
