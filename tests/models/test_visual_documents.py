"""Pages as pictures, and the queries that look for them, as transformers' ColPali has both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import Silent
from support.own_folders import write_json
from support.own_pictures import PICTURES, opened
from support.visual_documents import PATCHES, QUERIES, WORDS, Saved, save_pages, sides
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.arrays import WHOLE
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind


def encoded(card: Any, store: Store, *contents: str | bytes) -> list[Any]:
    """Contents in one batch, and each by itself, which must be the same."""
    model = load_encoder(card, store)
    plan = EncodePlan(kinds=card.kinds, truncation=Truncation.END)
    batch = [model.prepare(Content(card.modality, one), plan, Limits()) for one in contents]
    together: list[Any] = model.run(batch, plan)
    for one, prepared in zip(together, batch, strict=True):
        alone: Any = model.run([prepared], plan)[0]
        np.testing.assert_allclose(alone.rows, one.rows, atol=1e-5)
        np.testing.assert_allclose(alone.dense, one.dense, atol=1e-5)
    return together


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("visual"))


def test_queries_and_pages_have_the_vectors_that_transformers_computes(saved: Saved) -> None:
    pictures = [opened(data).convert("RGB") for data in PICTURES[:6]]
    asked = saved.rows(saved.processor.process_queries(list(QUERIES)))
    shown = saved.rows(saved.processor.process_images(pictures))

    queries = encoded(saved.query, saved.store, *QUERIES)
    pages = encoded(saved.page, saved.store, *PICTURES[:6])

    for ours, theirs in ((queries, asked), (pages, shown)):
        for one, rows in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one.rows, rows, atol=1e-4)
            mean = rows.mean(axis=0)
            np.testing.assert_allclose(one.dense, mean / np.linalg.norm(mean), atol=1e-4)
    assert np.abs(pages[0].dense - pages[1].dense).max() > 0.01  # so that it can fail


def test_the_first_page_by_late_interaction_is_that_of_transformers(saved: Saved) -> None:
    expected = saved.scores(QUERIES, PICTURES[:6])

    queries = [one.rows for one in encoded(saved.query, saved.store, *QUERIES)]
    pages = [one.rows for one in encoded(saved.page, saved.store, *PICTURES[:6])]
    scores = [[(query @ page.T).max(axis=1).sum() for page in pages] for query in queries]

    np.testing.assert_allclose(scores, expected, rtol=1e-3)


def test_each_row_of_a_page_says_where_it_is_and_the_words_behind_it_are_of_the_whole(saved: Saved) -> None:
    (page,) = encoded(saved.page, saved.store, PICTURES[0])

    boxes = [tuple(map(float, one)) for one in page.locators.places]
    assert len(boxes) == len(page.rows)
    assert boxes[1] == (0.25, 0.0, 0.25, 0.25)
    assert boxes[4] == (0.0, 0.25, 0.25, 0.25)
    assert set(boxes[PATCHES:]) == {tuple(WHOLE)}


def test_both_sides_are_in_one_space_with_vectors_of_each_row(saved: Saved) -> None:
    assert saved.query.space == saved.page.space
    assert (saved.query.modality, saved.page.modality) == (Modality.TEXT, Modality.IMAGE)
    assert saved.query.kinds == saved.page.kinds == {VectorKind.DENSE, VectorKind.MULTI_VECTOR}


def test_a_long_query_is_cut_in_front_of_the_end_of_its_template_or_refused(saved: Saved) -> None:
    card = sides(saved.folder, max_tokens=20)[0]
    assert pull([card], [], saved.store, Silent()) == []
    model, long = load_encoder(card, saved.store), " ".join(["owl"] * 12)
    cut, kept = (EncodePlan(kinds=card.kinds, truncation=one) for one in (Truncation.END, Truncation.REFUSE))

    prepared = model.prepare(Content(Modality.TEXT, long), cut, Limits())

    assert (prepared.tokens, prepared.truncated) == (20, 6)
    assert prepared.payload[-11:].tolist() == [0] * 10 + [WORDS.index("\n")]
    with pytest.raises(InvalidInput, match="12 tokens, and this space reads 6 beside its template"):
        model.prepare(Content(Modality.TEXT, long), kept, Limits())
    with pytest.raises(InvalidInput, match="the text is empty"):
        model.prepare(Content(Modality.TEXT, " "), kept, Limits())


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("processor_config.json", {"size": {"height": 28, "width": 28}}, "makes pictures 28 × 28.*56 × 56"),
        ("config.json", {"model_type": "colidefics"}, "'colidefics'"),
    ],
)
def test_files_that_are_not_of_one_model_are_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], said: str
) -> None:
    save_pages(tmp_path / "pages")
    fields = json.loads((tmp_path / "pages" / name).read_text())
    inner = fields.get("image_processor", fields)
    inner |= changes
    write_json(tmp_path / "pages" / name, fields)

    with pytest.raises(StartupError, match=said):
        pull([sides(tmp_path / "pages")[1]], [], Store(tmp_path / "store"), Silent())
