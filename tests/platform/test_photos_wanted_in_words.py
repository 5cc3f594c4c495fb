"""A mixed library in the default joint space: what texts have in common does not hide photos."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Client, Fused, Item, Modality, SearchResult, Section

PAGES = Path(__file__).parents[2] / "examples" / "library" / "text"
TEXTS = "photographs-*.md", "coffee-*.md", "tea-*.md", "moon-*.md", "factbook-[cjru]*.md"
PHOTOS = ("rocket", "coffee", "chelsea", "coins", "china")
WANTED = {"a rocket on its launch pad": "photo-rocket", "a cup of coffee": "photo-coffee"}
PAGODA = "a Chinese pagoda above a lake"


@pytest.fixture(scope="module")
def library(client: Client) -> str:
    files = [path for pattern in TEXTS for path in sorted(PAGES.glob(pattern))]
    items = [Item(id=path.stem, sections=_sections(path)) for path in files]
    items += [
        Item(id=f"photo-{path.stem}", sections=[Section(path)]) for path in photos() if path.stem in PHOTOS
    ]
    for acknowledgement in client.ingest("mixed", items):
        assert not acknowledgement.errors
    return "mixed"


def photos() -> list[Path]:
    store, catalog = Store(Settings().models.expanduser()), Catalog.load()
    folders = [store.media(catalog.get_media(name)) for name in ("scikit-image", "scikit-learn")]
    return [path for folder in folders for path in sorted(folder.rglob("*"))]


def _sections(path: Path) -> list[Section]:
    parts = re.split(r"^## (.+)\n", path.read_text(encoding="utf-8"), flags=re.M)
    return [Section(text, title=title) for title, text in zip(parts[1::2], parts[2::2], strict=True)]


def fused(client: Client, text: str) -> Fused:
    blocks = client.retrieve("mixed", text, limit=1).routing.weights
    spaces = [one.name for one in client.spaces() if one.modalities == [Modality.TEXT] and one.name in blocks]
    return client.fuse([[client.encode([text], space=space)[0] for space in spaces]])[0]


def test_a_photo_wanted_in_words_is_found_before_texts_that_have_some_of_them(
    client: Client, library: str
) -> None:
    retrieved = client.retrieve(library, PAGODA)
    bare = client.search(
        library,
        vector=fused(client, PAGODA).vector,
        text=PAGODA,
        rank_fusion=retrieved.plan.options.rank_fusion,
        collapse_pieces=True,
    )

    assert retrieved.hits[0].hit.item_id == "photo-china"
    assert bare.hits[0].modality is Modality.TEXT, "by the whole vector texts hide the photo"


@pytest.mark.parametrize("text", WANTED)
def test_who_fuses_and_searches_by_hand_finds_what_retrieve_finds(
    client: Client, library: str, text: str
) -> None:
    query = fused(client, text)

    by_hand = client.search(library, vector=query, limit=100, collapse_pieces=True)
    retrieved = client.retrieve(library, text, hybrid=False, limit=100)
    bare = client.search(library, vector=query.vector, limit=100, collapse_pieces=True)

    assert {one.modality for one in query.ignored} == {Modality.TEXT}
    assert [(hit.item_id, hit.section_id) for hit in by_hand.hits] == [
        (one.hit.item_id, one.hit.section_id) for one in retrieved.hits
    ]
    assert place(by_hand, WANTED[text]) < place(bare, WANTED[text]), (
        "by the whole vector texts hide the photo"
    )


def place(found: SearchResult, item: str) -> int:
    return [hit.item_id for hit in found.hits].index(item)


def test_all_of_the_vector_counts_where_a_photo_asks(client: Client, library: str) -> None:
    photo = next(path for path in photos() if path.stem == "rocket")
    space = next(one.name for one in client.spaces() if one.modalities == [Modality.IMAGE])

    assert list(client.fuse(client.encode([photo], space=space))[0].ignored) == []
