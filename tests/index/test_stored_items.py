"""Items are given out as they were given, and what upgrades learn is removed with its collection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.acting import begun
from support.present import present
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import NotFound, PermissionDenied
from tieback.core.tenant import AccessLevel, Principal
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.index import Index
from tieback_contract.modality import Modality


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    yield index
    await index.close()


async def test_items_come_with_their_texts_and_originals_and_one_that_is_gone_is_none(index: Index) -> None:
    photo = Item("photo", [Section("1", Content(Modality.IMAGE, b"red"))], metadata={"kind": "colour"})
    known = [IndexedSection(vector(*axis(0)), "a photo", Modality.IMAGE)]
    await index.upsert("docs", [IndexedItem(photo, known), item("owl", section(axis(1), "an owl"))])

    found = await index.stored.read("docs", ["photo", "none", "owl"])

    assert found[1] is None
    contents = [present(present(one).sections[0].content).data for one in (found[0], found[2])]
    assert contents == [b"red", "an owl"]
    assert present(found[0]).metadata == {"kind": "colour"}


async def test_a_photo_without_its_original_has_no_content(store: Path) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    photo = Item("photo", [Section("1", Content(Modality.IMAGE, b"red"))])
    known = [IndexedSection(vector(*axis(0)), "a photo", Modality.IMAGE)]
    await index.upsert("docs", [IndexedItem(photo, known)])

    (found,) = await index.stored.read("docs", ["photo"])

    assert present(found).sections[0].content is None
    await index.close()


async def test_a_sample_is_taken_evenly_from_all_items(index: Index) -> None:
    await index.upsert("docs", [item(f"{n:02}", section(axis(n), "a text")) for n in range(21)])

    assert await index.stored.sample("docs", 5) == ["00", "05", "10", "15", "20"]
    assert len(await index.stored.sample("docs", 100)) == 21


async def test_an_empty_collection_has_an_empty_sample(index: Index) -> None:
    assert await index.stored.sample("docs", 5) == []
    assert await index.stored.read("docs", []) == []


async def test_what_upgrades_learned_goes_with_the_collection(index: Index) -> None:
    folder = index.stored.upgrades("docs")
    (folder / "work").mkdir(parents=True)
    (folder / "work/chosen.json").write_text("{}")

    await index.delete_collection("docs")

    assert not folder.exists()


async def test_of_two_tenants_each_has_its_own_folder_and_needs_the_role(index: Index) -> None:
    acme, globex = Principal("acme"), Principal("globex")
    for tenant in (acme, globex):
        await begun(tenant, index.create_collection("docs", SPACE, WIDTH))

    async def folder() -> Path:
        return index.stored.upgrades("docs")

    folders = {await begun(tenant, folder()) for tenant in (acme, globex)}

    assert len(folders | {index.stored.upgrades("docs")}) == 3
    with pytest.raises(PermissionDenied, match="admin"):
        await begun(Principal("acme", AccessLevel.WRITE), index.stored.read("docs", []))
    with pytest.raises(NotFound):
        await begun(Principal("initech"), index.stored.sample("docs", 1))
