"""Folders of the user's, served as their libraries compute: transformers and sentence-transformers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from support.lab import lab as lab
from support.own_encoder import TEXTS, card_for, encodings, served
from support.own_folders import (
    POOLS,
    WIDTH,
    assert_serves,
    own_vectors,
    save_sentence_model,
    save_text_model,
    write_json,
)
from support.present import present
from tieback.catalog import own_directory
from tieback.catalog.catalog import read_card
from tieback.catalog.source import short_hash
from tieback.core.errors import StartupError
from tieback.recipes.graphs.architectures import BACKBONES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("architecture", BACKBONES)
def test_every_architecture_is_served_as_transformers_computes(tmp_path: Path, architecture: str) -> None:
    model = save_text_model(tmp_path / "own", architecture)

    assert_serves(card_for(tmp_path / "own"), tmp_path, own_vectors(tmp_path / "own", model, POOLS["mean"]))


def test_the_backbone_of_a_model_with_a_head_is_served(tmp_path: Path) -> None:
    model = save_text_model(tmp_path / "own", "roberta")
    state = {f"roberta.{name}": value for name, value in model.state_dict().items()}
    save_file(state | {"lm_head.bias": torch.zeros(3)}, tmp_path / "own/model.safetensors")

    assert_serves(card_for(tmp_path / "own"), tmp_path, own_vectors(tmp_path / "own", model, POOLS["mean"]))


def test_a_checkpoint_in_half_precision_is_served_in_float32(tmp_path: Path) -> None:
    model = save_text_model(tmp_path / "own").half()  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(tmp_path / "own")

    expected = own_vectors(tmp_path / "own", model.float(), POOLS["mean"])
    assert_serves(card_for(tmp_path / "own"), tmp_path, expected)


@pytest.mark.parametrize("mode", ["mean_tokens", "cls_token", "max_tokens"])
def test_a_sentence_model_is_pooled_as_its_files_say(tmp_path: Path, mode: str) -> None:
    model = save_sentence_model(tmp_path / "own", pooling=mode)

    expected = own_vectors(tmp_path / "own", model, POOLS[mode.partition("_")[0]])
    assert_serves(card_for(tmp_path / "own", pooling=None), tmp_path, expected)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_sentence_model_with_a_dense_layer_has_its_width(tmp_path: Path, normalize: bool) -> None:
    model = save_sentence_model(tmp_path / "own", dense=6, normalize=normalize)
    layer = load_file(tmp_path / "own/2_Dense/model.safetensors")

    def pool(states: torch.Tensor) -> torch.Tensor:
        return torch.tanh(layer["linear.weight"] @ states.mean(0) + layer["linear.bias"])

    expected = own_vectors(tmp_path / "own", model, pool)
    assert_serves(card_for(tmp_path / "own", pooling=None, width=6), tmp_path, expected)


def test_a_prompt_stands_before_texts_and_not_in_their_spans(tmp_path: Path) -> None:
    model = save_sentence_model(tmp_path / "own")
    options = {"prompts": {"query": "night owl ", "passage": "wren "}, "prompt": "query"}
    card = card_for(tmp_path / "own", pooling=None, options=options)

    (found, _) = encodings(served(card, tmp_path), TEXTS)

    prompted = ("night owl " + TEXTS[0],)
    (expected,) = own_vectors(tmp_path / "own", model, POOLS["mean"], prompted)
    np.testing.assert_allclose(present(found.dense), expected, atol=1e-4)
    assert [TEXTS[0][begin:end] for begin, end in present(found.locators).places] == TEXTS[0].split()
    assert len(present(found.rows)) == 4


def test_a_prompt_that_leaves_no_room_for_a_text_is_refused(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own")
    options = {"prompts": {"query": "owl " * 14}, "prompt": "query"}

    with pytest.raises(StartupError, match=r"prompt 'query' has 14 tokens.*reads 16"):
        served(card_for(tmp_path / "own", pooling=None, options=options), tmp_path)


def test_a_prompt_that_the_folder_leaves_out_of_the_pooling_is_refused(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own", include_prompt=False)
    options = {"prompts": {"query": "owl "}, "prompt": "query"}

    with pytest.raises(StartupError, match="include_prompt"):
        served(card_for(tmp_path / "own", pooling=None, options=options), tmp_path)


def test_cards_that_differ_in_their_prompt_alone_may_share_a_space(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own")
    prompts = {"query": "night ", "passage": "wren "}
    cards = [
        card_for(
            tmp_path / "own", name=name, pooling=None, kinds=["dense"], shares="both",
            options={"prompts": prompts, "prompt": name},
        )
        for name in prompts
    ]  # fmt: skip

    assert cards[0].space == cards[1].space
    assert cards[0].fingerprint != cards[1].fingerprint


def test_a_card_without_new_options_keeps_the_fingerprint_that_it_had(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    files = {"weights": "model.safetensors", "tokenizer": "tokenizer.json", "config": "config.json"}
    before = {
        "runtime": "transformer_text",
        "options": {"runtime": "transformer_text", "tokens_tensor": ""} | files,
        "width": 16,
        "max_tokens": 16,
        "pooling": {"name": "mean", "parameters": {}},
    }

    assert card_for(tmp_path / "own").fingerprint == short_hash(json.dumps(before, sort_keys=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pooling": None}, r"names no pooling.*cls, last, max, mean, weighted_mean"),
        ({"width": 17}, "write width: 16"),
        ({"max_tokens": 25}, "write max_tokens: 24 or less"),
        ({"max_tokens": None}, "write max_tokens: 24 or less"),
        (
            {"options": {"weights": "onnx/model.onnx"}},
            r"no file onnx/model.onnx; it has: config.json, model.safe",
        ),
        ({"options": {"weights": "../model.safetensors"}}, "options.weights"),
        ({"options": {"prompt": "query"}}, "prompt names one of prompts, which are: none"),
    ],
)
def test_a_card_that_does_not_fit_its_folder_is_told_what_to_write(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    save_text_model(tmp_path / "own")

    with pytest.raises(StartupError, match=said):
        served(card_for(tmp_path / "own", **changes), tmp_path)


def config_says(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        write_json(folder / "config.json", config)

    return change


def turn_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["encoder.layer.0.intermediate.dense.weight"] = torch.zeros(16, 32)
    save_file(state, folder / "model.safetensors")


def leave_a_pickle_alone(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (config_says(model_type="vit"), "architecture 'vit', which is not exported here as an encoder"),
        (config_says(model_type=None), "architecture None"),
        (config_says(auto_map={"AutoModel": "evil.Model"}), "code that comes with the weights.*never run"),
        (config_says(quantization_config={"bits": 4}), "quantised weights"),
        (config_says(is_decoder=True), "decoder"),
        (config_says(num_hidden_layers=10**9), "1000000000 layers"),
        (config_says(hidden_size=10**7), r"is \[16\], and \[10000000\] by the"),
        (config_says(num_attention_heads=3), "cannot be built|no configuration"),
        (config_says(vocab_size=5), "the tokenizer has 9 tokens and the model 5; they are not of one model"),
        (turn_a_tensor, r"intermediate.dense.weight is \[16, 32\], and \[32, 16\] by the configuration"),
        (leave_a_pickle_alone, "pytorch_model.bin is a pickle, which runs code.*save_pretrained"),
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), "not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "a list where a JSON object"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 40), "not a safetensors file"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json that can be read"),
    ],
    ids=[
        "another architecture", "no architecture", "code", "quantised", "decoder", "layers", "wide", "heads",
        "vocabulary", "shape", "pickle", "nested", "no object", "no safetensors", "no tokenizer",
    ],
)  # fmt: skip
def test_a_hostile_folder_is_refused_with_what_is_wrong(
    tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    save_text_model(tmp_path / "own")
    harm(tmp_path / "own")

    with pytest.raises(StartupError, match=said):
        served(card_for(tmp_path / "own"), tmp_path)


def test_a_tokenizer_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    with (tmp_path / "own/tokenizer.json").open("wb") as file:
        file.truncate(own_directory.LARGEST_TOKENIZER + 1)  # a hole: no disk is filled

    with pytest.raises(StartupError, match="at most 67108864"):
        served(card_for(tmp_path / "own"), tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder", "nowhere"])
def test_a_link_out_of_the_folder_is_refused_when_the_card_is_read(tmp_path: Path, kind: str) -> None:
    save_text_model(tmp_path / "own")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key.json").write_text("{}")
    target = {"file": "secret/key.json", "folder": "secret", "nowhere": "gone"}[kind]
    (tmp_path / "own/linked").symlink_to(tmp_path / target)

    with pytest.raises(StartupError, match=r"linked is a link that leads (out of the folder|nowhere)"):
        card_for(tmp_path / "own")


def test_a_link_within_the_folder_and_hidden_files_are_well(tmp_path: Path) -> None:
    model = save_text_model(tmp_path / "own")
    before = card_for(tmp_path / "own").revision
    own_directory.directory_hashes.cache_clear()
    (tmp_path / "own/.cache").mkdir()
    (tmp_path / "own/.cache/downloaded-at").write_text("now")
    (tmp_path / "own/model.safetensors").rename(tmp_path / "own/weights-1.safetensors")
    (tmp_path / "own/model.safetensors").symlink_to("weights-1.safetensors")

    card = card_for(tmp_path / "own")

    assert ".cache/downloaded-at" not in own_directory.own_files(tmp_path / "own")
    assert card.revision != before  # by the second name of the weights
    assert_serves(card, tmp_path, own_vectors(tmp_path / "own", model, POOLS["mean"]))


def test_a_folder_of_thousands_of_files_is_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_text_model(tmp_path / "own")
    monkeypatch.setattr(own_directory, "MOST_FILES", 2)

    with pytest.raises(StartupError, match="more than 2 files"):
        card_for(tmp_path / "own")


def test_a_file_that_changed_since_the_card_was_written_is_refused(tmp_path: Path) -> None:
    save_text_model(tmp_path / "own")
    hashes = {"model.safetensors": "0" * 64}

    with pytest.raises(StartupError, match=r"model\.safetensors differs from the one.*models add"):
        served(card_for(tmp_path / "own", hashes=hashes), tmp_path)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ({"type": "custom_st.Transformer"}, "'custom_st.Transformer', whose code comes with the weights"),
        ({"type": "sentence_transformers.models.CNN"}, "begins with"),
        ({"path": "../elsewhere"}, "leads out of the folder"),
    ],
)
def test_modules_that_are_not_known_are_refused(tmp_path: Path, harm: dict[str, str], said: str) -> None:
    save_sentence_model(tmp_path / "own")
    modules = json.loads((tmp_path / "own/modules.json").read_text())
    modules[0] |= harm
    write_json(tmp_path / "own/modules.json", modules)

    with pytest.raises(StartupError, match=said):
        served(card_for(tmp_path / "own", pooling=None), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pooling_mode_lasttoken": True}, "pools by pooling_mode_mean_tokens, pooling_mode_lasttoken"),
        ({"pooling_mode_mean_tokens": False}, "pools by nothing"),
    ],
)
def test_a_pooling_that_is_not_done_here_is_refused_with_those_that_are(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    save_sentence_model(tmp_path / "own", **changes)

    with pytest.raises(StartupError, match=said):
        served(card_for(tmp_path / "own", pooling=None), tmp_path)


def test_a_dense_layer_of_another_shape_is_refused(tmp_path: Path) -> None:
    save_sentence_model(tmp_path / "own", dense=6)
    wrong = {"linear.weight": torch.zeros(7, WIDTH), "linear.bias": torch.zeros(6)}
    save_file(wrong, tmp_path / "own/2_Dense/model.safetensors")

    with pytest.raises(StartupError, match=r"linear.weight is \[7, 16\], and \[6, 16\] was expected"):
        served(card_for(tmp_path / "own", pooling=None, width=6), tmp_path)


CARDS = [
    card
    for page in ("own-models.md",)
    for card in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.S | re.M)
]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: yaml.safe_load(card)["name"])
def test_the_cards_of_the_documentation_can_be_read(tmp_path: Path, card: str) -> None:
    fields = yaml.safe_load(card)
    (tmp_path / "cards").mkdir()
    if "directory" in fields:  # what another server runs, or is merged of others, has none
        (tmp_path / "cards" / fields["directory"]).mkdir(parents=True)
    for texts in fields.get("merge", {}).get("router", {}).values():
        (tmp_path / "cards" / texts).write_text("")
    (tmp_path / "cards/card.yaml").write_text(card)

    assert read_card(tmp_path / "cards/card.yaml").name == fields["name"]
