"""A card says what is served; what is wrong with one is said before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.each import each
from tieback.catalog.card import EncoderCard, GeneratorCard, MediaCard
from tieback.catalog.catalog import HERE, Catalog, read_card
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.errors import NotFound, StartupError

FILES = sorted(HERE.glob("*/*.yaml"))


def a_card(**changes: Any) -> dict[str, Any]:
    card = yaml.safe_load((HERE / "cards" / "wordllama-256.yaml").read_text())
    return {key: value for key, value in (card | changes).items() if value is not None}


def written(folder: Path, card: dict[str, Any], name: str = "card.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(card))
    return path


@each("path", FILES)
def test_every_card_of_the_package_can_be_read_and_is_named_like_its_file(path: Path) -> None:
    card = read_card(path)

    assert card.name == path.stem
    assert card.sources or (isinstance(card, EncoderCard) and card.computation)
    assert isinstance(card, MediaCard) == (path.parent.name == "media")


def test_the_catalog_sorts_cards_by_what_they_are_for() -> None:
    catalog = Catalog.load()

    assert {"all-minilm-l6-v2", "yamnet"} <= {card.name for card in catalog.encoders()}
    assert all(isinstance(card, GeneratorCard) for card in catalog.generators())
    assert {card.name for card in catalog.media()} == {"scikit-image", "scikit-learn", "speech"}


def test_a_misspelt_key_stops_the_start_with_its_file_and_place(tmp_path: Path) -> None:
    path = written(tmp_path, a_card(wdith=256))

    with pytest.raises(StartupError, match=r"card\.yaml: unknown key 'wdith'"):
        Catalog.load(tmp_path)

    assert path.exists()


def test_a_card_of_a_language_model_leaves_room_for_the_question_and_sends_its_template_to_vllm_alone(
    tmp_path: Path,
) -> None:
    own = yaml.safe_load((HERE / "cards" / "smollm2-135m-instruct.yaml").read_text())
    endpoint = {"base_url": "https://there/v1", "model": "m", "dialect": "openai"}
    elsewhere = {key: value for key, value in own.items() if key != "sources"} | {
        "runtime": "chat_endpoint",
        "options": endpoint,
    }

    for card, said in (
        (own | {"evidence_tokens": 2000}, "leave no room in context_tokens"),
        (own | {"stop": [""]}, "stop.0"),
        (elsewhere | {"chat_template": "{{ messages }}"}, "set dialect: vllm"),
    ):
        with pytest.raises(StartupError, match=said):
            read_card(written(tmp_path, card))


@pytest.mark.parametrize("place", ["options", "sources.0"])
def test_a_misspelt_key_within_a_part_is_named_with_the_part(tmp_path: Path, place: str) -> None:
    card = a_card()
    part = card["options"] if place == "options" else card["sources"][0]
    part["shasum"] = "1"

    with pytest.raises(StartupError, match=rf"unknown key '{place}\.shasum'"):
        read_card(written(tmp_path, card))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"directory": "."}, "either sources or a directory"),
        ({"sources": None}, "either sources or a directory"),
        ({"widths": [64, 512]}, "the largest of them is the width"),
        ({"widths": [0, 256]}, "positive"),
        ({"kinds": ["multi_vector"]}, "every encoder has the kind 'dense' or 'sparse'"),
        ({"kinds": ["sparse"]}, "component needs an encoder with the kind 'dense'"),
        ({"joint": "class_names"}, "needs an encoder with the kind 'labels'"),
        ({"modality": "image"}, "for text encoders"),
        ({"joint": "pairs"}, "pairs is for encoders of what is no text"),
        (
            {"joint": "pairs", "modality": "audio", "kinds": ["sparse"]},
            "pairs needs an encoder with the kind",
        ),
        ({"runtime": "steam"}, "steam"),
        ({"role": "oracle"}, "oracle"),
        ({"name": "../up"}, "name"),
        ({"license": None}, "license"),
        ({"directory": "nowhere", "sources": None}, "does not exist"),
        ({"precision": "int4"}, "precision"),
        ({"precisions": {"int8": {}}}, "made of transformer_text"),
        ({"precisions": {"int8": {"smallest_cosine": 2}}}, "smallest_cosine"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = written(tmp_path, a_card(**changes))

    with pytest.raises(StartupError, match=said):
        read_card(path)


def test_a_source_without_a_whole_hash_is_refused(tmp_path: Path) -> None:
    card = a_card()
    card["sources"][0]["sha256"] = "42c2"

    with pytest.raises(StartupError, match=r"sources\.0\.sha256"):
        read_card(written(tmp_path, card))


def test_a_stored_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    card = a_card()
    card["sources"][0]["files"] = {"inside": "../outside"}

    with pytest.raises(StartupError, match="files"):
        read_card(written(tmp_path, card))


def test_two_files_cannot_be_stored_under_one_name(tmp_path: Path) -> None:
    card = a_card()
    card["sources"][0]["files"] = {"one": "same", "two": "same"}

    with pytest.raises(StartupError, match="both be stored as same"):
        read_card(written(tmp_path, card))


@pytest.mark.parametrize("text", ["- a list", "{", "\x00"])
def test_what_is_no_mapping_is_no_card(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.yaml").write_text(text)

    with pytest.raises(StartupError, match=r"card\.yaml"):
        Catalog.load(tmp_path)


def test_a_card_of_the_user_takes_the_place_of_ours(tmp_path: Path) -> None:
    written(tmp_path, a_card(description="mine"))

    catalog = Catalog.load(tmp_path)

    assert catalog.get("wordllama-256").description == "mine"
    assert "yamnet" in {card.name for card in catalog}


def test_two_cards_of_the_user_cannot_have_one_name(tmp_path: Path) -> None:
    written(tmp_path, a_card(), "a.yaml")
    written(tmp_path, a_card(), "b.yaml")

    with pytest.raises(StartupError, match=r"b\.yaml: the name 'wordllama-256' is taken by a\.yaml"):
        Catalog.load(tmp_path)


def test_a_folder_of_cards_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="TIEBACK_CARDS"):
        Catalog.load(tmp_path / "nowhere")


def test_an_unknown_model_is_answered_with_the_choices() -> None:
    with pytest.raises(NotFound, match=r"did you mean 'yamnet'\?.*all-minilm-l6-v2") as caught:
        Catalog.load().get("yamnett")

    assert caught.value.reason == "MODEL_NOT_FOUND"


def test_the_revision_follows_the_weights_and_the_fingerprint_their_use(tmp_path: Path) -> None:
    card = read_card(written(tmp_path, a_card()))
    other_words = read_card(written(tmp_path, a_card(description="other", license="Apache-2.0")))
    other_use = read_card(written(tmp_path, a_card(max_tokens=16)))
    changed = a_card()
    changed["sources"][0]["sha256"] = "0" * 64
    other_weights = read_card(written(tmp_path, changed))

    assert isinstance(card, EncoderCard)
    assert isinstance(other_words, EncoderCard)
    assert isinstance(other_use, EncoderCard)
    assert isinstance(other_weights, EncoderCard)
    assert other_words.space == card.space
    assert other_use.revision == card.revision
    assert other_use.fingerprint != card.fingerprint
    assert other_weights.revision != card.revision
    assert other_weights.fingerprint == card.fingerprint


def test_a_language_model_is_exported_again_where_the_recipe_makes_another_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Catalog.load().generators()[0]
    before = (card.fingerprint, card.export)

    monkeypatch.setattr(CausalLanguageModel, "graph", "another")

    assert card.fingerprint == before[0]
    assert card.export != before[1]


def a_quantised_card(folder: Path, **changes: Any) -> EncoderCard:
    kind: dict[str, Any] = {
        "runtime": "transformer_text",
        "options": None,
        "widths": None,
        "precisions": {"int8": {}},
    }
    card = read_card(written(folder, a_card(**kind | changes)))
    assert isinstance(card, EncoderCard)
    return card


def test_each_precision_of_an_encoder_has_a_space_of_its_own(tmp_path: Path) -> None:
    card = a_quantised_card(tmp_path)
    plain = read_card(
        written(tmp_path, a_card(runtime="transformer_text", options=None, widths=None), "plain.yaml")
    )

    assert isinstance(plain, EncoderCard)
    assert card.offered_precisions == ("float32", "int8")
    assert card.at("float32").space == card.space == plain.space
    assert card.at("int8").space != card.space
    assert card.at("int8").export == card.export != plain.export


def test_what_a_precision_costs_is_said_by_the_card_and_moves_no_vector(tmp_path: Path) -> None:
    drift = {"measure": "cosine, smallest", "value": 0.99, "float32": 1}
    card = a_quantised_card(tmp_path).at("int8")
    measured = a_quantised_card(tmp_path, precision="int8", precisions={"int8": {"drift": [drift]}})

    assert measured.drift[0].value == 0.99
    assert measured.at("float32").drift == ()
    assert (measured.space, measured.export) == (card.space, card.export)


def test_a_precision_that_is_not_offered_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="not offered in 'float16'; it is in: float32, int8"):
        a_quantised_card(tmp_path).at("float16")

    with pytest.raises(StartupError, match="precision is float32 or one of precisions"):
        a_quantised_card(tmp_path, precision="float16")


def test_a_directory_counts_from_the_card_and_its_content_is_the_revision(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "table.safetensors").write_bytes(b"one")
    card = read_card(written(tmp_path, a_card(directory="weights", sources=None)))
    other = tmp_path / "other"
    other.mkdir()
    (other / "table.safetensors").write_bytes(b"two")
    changed = read_card(written(tmp_path, a_card(directory="other", sources=None)))

    assert isinstance(card, EncoderCard)
    assert card.directory == weights
    assert card.revision != changed.revision


def test_widths_are_offered_only_where_they_were_trained() -> None:
    catalog = Catalog.load()
    offered = {card.name: card.offered_widths for card in catalog.encoders()}

    assert offered["wordllama-256"] == (64, 128, 256)
    assert offered["all-minilm-l6-v2"] == (384,)
