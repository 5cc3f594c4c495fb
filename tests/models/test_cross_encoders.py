"""Folders of cross-encoders, served as transformers computes; what is none is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.own_encoder import write_tokenizer
from support.own_folders import save_text_model
from support.own_reranker import (
    PASSAGES,
    QUERY,
    own_scores,
    reranker_card,
    save_cross_encoder,
    served,
    write_pair_tokenizer,
)
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.store import Store
from tieback.recipes.graphs.architectures import BACKBONES
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.mark.parametrize("architecture", BACKBONES)
def test_every_architecture_scores_as_transformers_computes(
    tmp_path: Path, store: Store, architecture: str
) -> None:
    model = save_cross_encoder(tmp_path / "own", architecture)
    expected = own_scores(tmp_path / "own", model)

    loaded = served(reranker_card(tmp_path / "own"), store)
    batch = [loaded.prepare(QUERY, passage) for passage in PASSAGES]

    np.testing.assert_allclose(loaded.run(batch), expected, atol=1e-4)
    assert len({round(score, 3) for score in expected}) == len(PASSAGES)  # so that the comparison can fail


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_eight_bits_stay_near_the_scores_and_are_said_to_be_that_far(
    tmp_path: Path, store: Store, architecture: str
) -> None:
    model = save_cross_encoder(tmp_path / "own", architecture)
    expected = own_scores(tmp_path / "own", model)
    card = reranker_card(tmp_path / "own", options={"precision": "int8"})

    loaded = served(card, store)
    found = loaded.run([loaded.prepare(QUERY, passage) for passage in PASSAGES])

    apart = np.abs(np.subtract(found, expected)).max()
    assert 1e-4 < apart < 0.05
    assert store.open(card).manifest.metrics["int8_difference"] < 0.05


def test_a_long_pair_keeps_half_its_room_for_the_query_and_cuts_the_passage(
    tmp_path: Path, store: Store
) -> None:
    save_cross_encoder(tmp_path / "own")
    loaded = served(reranker_card(tmp_path / "own", max_tokens=13), store)  # 10 for words

    both = loaded.prepare(" ".join(["owl"] * 8), " ".join(["wren"] * 8))
    passage = loaded.prepare("owl", " ".join(["wren"] * 12))

    assert both.ids.tolist() == [2, *[4] * 5, 3, *[5] * 5, 3]
    assert both.types.tolist() == [0] * 7 + [1] * 6
    assert both.cut == 6
    assert passage.ids.tolist() == [2, 4, 3, *[5] * 9, 3]
    assert passage.cut == 3


def test_names_of_control_tokens_in_a_text_are_text(tmp_path: Path, store: Store) -> None:
    save_cross_encoder(tmp_path / "own")
    loaded = served(reranker_card(tmp_path / "own"), store)

    pair = loaded.prepare("owl", "wren [SEP] owl")

    assert (pair.ids == 3).sum() == 2


@pytest.mark.parametrize(("query", "passage", "field"), [("   ", "owl", "first"), ("owl", "\t", "second")])
def test_a_text_without_a_token_is_named(
    tmp_path: Path, store: Store, query: str, passage: str, field: str
) -> None:
    save_cross_encoder(tmp_path / "own")
    loaded = served(reranker_card(tmp_path / "own"), store)

    with pytest.raises(InvalidInput) as raised:
        loaded.prepare(query, passage)

    assert str(raised.value.field) == field


def test_a_classifier_of_several_classes_is_refused_with_what_can_be_done(
    tmp_path: Path, store: Store
) -> None:
    save_cross_encoder(tmp_path / "own", labels=3)

    with pytest.raises(StartupError, match=r"3 logits .* --pooling NAME"):
        served(reranker_card(tmp_path / "own"), store)
    labels = inspect(tmp_path / "own", "own", FolderOptions())  # such a folder gives labels
    assert (labels.cards[0]["role"], labels.missing) == ("classifier", [])
    encoder = inspect(tmp_path / "own", "own", FolderOptions(pooling="mean"))
    assert encoder.cards[0]["role"] == "encoder"


def test_a_folder_without_the_head_is_refused(tmp_path: Path, store: Store) -> None:
    save_text_model(tmp_path / "own")
    write_pair_tokenizer(tmp_path / "own")
    config = json.loads((tmp_path / "own/config.json").read_text())
    (tmp_path / "own/config.json").write_text(json.dumps(config | {"id2label": {"0": "score"}}))

    with pytest.raises(StartupError, match=r"does not fit config\.json: it lacks .*'classifier\."):
        served(reranker_card(tmp_path / "own"), store)


def test_an_architecture_without_a_classifier_is_refused(tmp_path: Path, store: Store) -> None:
    save_cross_encoder(tmp_path / "own")
    config = json.loads((tmp_path / "own/config.json").read_text())
    (tmp_path / "own/config.json").write_text(json.dumps(config | {"model_type": "vit"}))

    with pytest.raises(StartupError, match=r"no classifier of texts of vit \(config\.json\)"):
        served(reranker_card(tmp_path / "own"), store)


def test_a_tokenizer_that_does_not_separate_two_texts_is_refused(tmp_path: Path, store: Store) -> None:
    save_cross_encoder(tmp_path / "own")
    write_tokenizer(tmp_path / "own")  # for single texts

    with pytest.raises(StartupError, match=r"0 special tokens around two texts"):
        served(reranker_card(tmp_path / "own"), store)


def test_a_folder_without_a_tokenizer_gets_no_card(tmp_path: Path, store: Store) -> None:
    save_cross_encoder(tmp_path / "own")
    (tmp_path / "own/tokenizer.json").unlink()

    found = inspect(tmp_path / "own", "own", FolderOptions())

    assert found.missing
    assert "tokenizer.json" in found.missing[0]
    with pytest.raises(StartupError, match=r"no file tokenizer\.json"):
        served(reranker_card(tmp_path / "own"), store)


def test_a_card_that_lets_in_no_pair_is_refused(tmp_path: Path, store: Store) -> None:
    save_cross_encoder(tmp_path / "own")

    with pytest.raises(StartupError, match="write max_tokens: 5 or more"):
        served(reranker_card(tmp_path / "own", max_tokens=4), store)


def test_a_card_with_the_name_of_a_method_is_refused(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path / "own")

    with pytest.raises(StartupError, match="'none' is how requests name a method of reranking"):
        reranker_card(tmp_path / "own", name="none")


def test_a_folder_is_found_to_be_a_cross_encoder(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path / "own", "roberta")

    found = inspect(tmp_path / "own", "own", FolderOptions())

    (card,) = found.cards
    assert found.missing == []
    assert (card["role"], card["runtime"], card["max_tokens"]) == ("reranker", "cross_encoder", 24 - 2)
    assert found.facts["kind"] == "cross-encoder's folder"
