"""Folders of PyLate and checkpoints of ColBERT: token vectors as theirs, by the rules of each side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.late_folders import LateModel, save_colbert, save_pylate
from support.own_encoder import Silent
from support.present import present
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.commands.models import models
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

TEXTS = ("owl flies at night !", "wren", "owl wren owl at night " * 5)


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setenv("TIEBACK_CARDS", str(folder))
    return folder


def add(*arguments: str) -> Result:
    return CliRunner().invoke(models, ["add", *arguments], prog_name="tieback models")


def sides(cards: Path, name: str = "late") -> tuple[EncoderCard, EncoderCard]:
    catalog = Catalog.load(cards)
    query, document = (catalog.get(f"{name}-{side}") for side in ("query", "document"))
    assert isinstance(query, EncoderCard)
    assert isinstance(document, EncoderCard)
    return query, document


def rows(card: EncoderCard, store: Store, *texts: str) -> list[np.ndarray[Any, Any]]:
    model, plan = load_encoder(card, store), EncodePlan(kinds=card.kinds, truncation=Truncation.END)
    batch = [model.prepare(Content(Modality.TEXT, text), plan, Limits()) for text in texts]
    return [present(one.rows) for one in model.run(batch, plan)]


def assert_serves(cards: Path, tmp_path: Path, expected: LateModel) -> None:
    store = Store(tmp_path / "store")
    both = sides(cards)
    pull(both, [], store, Silent())
    for card, side in zip(both, ("query", "document"), strict=True):
        found = [*rows(card, store, *TEXTS), *rows(card, store, TEXTS[1])]
        for text, got in zip((*TEXTS, TEXTS[1]), found, strict=True):
            np.testing.assert_allclose(got, expected.rows(text, side), atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{}, {"attend_to_expansion_tokens": True}, {"do_query_expansion": False}],
    ids=["apart", "attended", "without expansion"],
)
def test_a_folder_of_pylate_gives_its_vectors(cards: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    expected = save_pylate(tmp_path / "late", **settings)

    added = add(str(tmp_path / "late"))

    assert added.exit_code == 0, added.output
    assert "kind: folder of PyLate" in added.stderr
    assert "next: tieback models pull late-query late-document" in added.stdout
    assert_serves(cards, tmp_path, expected)


def test_a_checkpoint_of_colbert_gives_its_vectors(cards: Path, tmp_path: Path) -> None:
    expected = save_colbert(tmp_path / "late")
    expected.settings["skiplist_words"] = ["!", ","]

    added = add(str(tmp_path / "late"))

    assert "kind: checkpoint of ColBERT" in added.stderr
    assert_serves(cards, tmp_path, expected)


def test_vectors_of_tokens_are_served_in_int8_if_the_cards_ask(cards: Path, tmp_path: Path) -> None:
    save_pylate(tmp_path / "late")
    assert add(str(tmp_path / "late")).exit_code == 0
    for path in cards.iterdir():
        path.write_text(path.read_text() + "precisions: {int8: {smallest_cosine: 0.9}}\n")
    store, both = Store(tmp_path / "store"), sides(cards)
    pull(both, [], store, Silent())

    for card in both:
        exact, lower = (rows(card.at(one), store, *TEXTS) for one in ("float32", "int8"))
        cosines = np.concatenate([(one * other).sum(axis=1) for one, other in zip(exact, lower, strict=True)])
        assert 0.9 < cosines.min() < 1 - 1e-6
    assert both[0].at("int8").space == both[1].at("int8").space != both[0].space


def test_both_sides_are_in_one_space_and_rows_say_where_they_are(cards: Path, tmp_path: Path) -> None:
    save_pylate(tmp_path / "late")
    add(str(tmp_path / "late"))
    query, document = sides(cards)
    store = Store(tmp_path / "store")
    pull([query, document], [], store, Silent())
    model = load_encoder(document, store)
    plan = EncodePlan(kinds=document.kinds)

    (found,) = model.run([model.prepare(Content(Modality.TEXT, TEXTS[0]), plan, Limits())], plan)

    assert query.space == document.space
    assert query.space.name == "late"
    places = present(found.locators).places.tolist()
    assert places == [[0, 0], [0, 0], [0, 3], [4, 9], [10, 12], [13, 18], [0, 0]]  # "!" has no vector
    mean = present(found.rows).mean(0)
    assert query.kinds == {VectorKind.DENSE, VectorKind.MULTI_VECTOR}
    assert present(found.dense) @ mean / np.linalg.norm(mean) > 0.9


def test_token_numbers_are_refused_since_they_have_no_marker(cards: Path, tmp_path: Path) -> None:
    save_pylate(tmp_path / "late")
    add(str(tmp_path / "late"))
    query, _ = sides(cards)
    store = Store(tmp_path / "store")
    pull([query], [], store, Silent())
    model = load_encoder(query, store)

    with pytest.raises(InvalidInput, match="are sent as text"):
        model.prepare(Content(Modality.TEXT, TokenNumbers(np.array([2, 9, 3]))), EncodePlan(), Limits())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"query_prefix": ""}, "a side without a marker"),
        ({"skiplist_words": "!"}, "skiplist_words is a list of texts"),
    ],
)
def test_settings_that_cannot_be_served_are_refused(
    cards: Path, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    save_pylate(tmp_path / "late", **settings)

    assert said in add(str(tmp_path / "late")).output


def test_modules_that_are_no_layers_are_refused_by_name(cards: Path, tmp_path: Path) -> None:
    save_pylate(tmp_path / "late")
    modules = json.loads((tmp_path / "late/modules.json").read_text())
    modules[1]["type"] = "pylate.models.Router"
    (tmp_path / "late/modules.json").write_text(json.dumps(modules))

    assert "a module 'pylate.models.Router' behind the transformer" in add(str(tmp_path / "late")).output


def test_a_marker_that_is_no_token_ends_the_start(cards: Path, tmp_path: Path) -> None:
    save_pylate(tmp_path / "late", query_prefix="[QUESTION] ")
    add(str(tmp_path / "late"))
    query, _ = sides(cards)
    store = Store(tmp_path / "store")
    pull([query], [], store, Silent())

    with pytest.raises(StartupError, match=r"the marker '\[QUESTION\] ' is no token of tokenizer.json"):
        load_encoder(query, store)
