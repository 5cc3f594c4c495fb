"""NoteLLM-2: layers of a language model go on from a text's tokens, and a photo keeps its say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.coloured_triplets import Shades, shades_in
from support.local_platform import served_locally
from support.own_encoder import WORDS, Silent, write_tokenizer
from support.small_fusions import fused, learn, things_file, things_of, train_fusion
from support.small_spaces import write_card
from support.text_architectures import TEXT_ARCHITECTURES
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.methods.projection import unit_rows
from tieback.recipes.networks.llama_files import read_transformers
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Image
from tieback_contract.arrays import Array
from tieback_lab.client import Client
from tieback_lab.methods.fusion import Goal
from tieback_lab.methods.fusion.notellm2 import LAYERS, layer
from tieback_lab.models.learned.fusion import LearnedFusion
from tieback_lab.recipes.train.decoder_layers import decoder_layers, states_before
from tieback_lab.recipes.train.fusing import Things
from transformers import AutoModelForCausalLM

ALL, FIRST = 4, 2
"""Layers of the language model, and of the encoder."""


def saved(folder: Path, *, seed: int = 0) -> Any:
    """A small language model as transformers saves it."""
    torch.manual_seed(seed)
    config = TEXT_ARCHITECTURES["llama"].configured(num_hidden_layers=ALL, tie_word_embeddings=True)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


def encoder_of(model: Any, cards: Path, name: str, *, layers: int = FIRST) -> EncoderCard:
    """The card of the model's first layers."""
    backbone = model.model
    backbone.layers, backbone.config.num_hidden_layers = backbone.layers[:layers], layers
    backbone.save_pretrained(cards / name)
    write_tokenizer(cards / name)
    return write_card(
        cards, name, runtime="transformer_text", modality="text", width=backbone.config.hidden_size,
        directory=name, kinds=["dense", "multi_vector"], max_tokens=32, pooling={"name": "last"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    """Photos, and an encoder of texts that is the beginning of the language model beside it."""
    made = shades_in(tmp_path_factory.mktemp("notes"))
    reader = encoder_of(saved(made.folder / "model"), made.folder / "cards", "reader")
    whole = encoder_of(saved(made.folder / "same"), made.folder / "cards", "whole", layers=ALL - 1)
    cards = [*made.cards, reader, whole]
    assert pull([reader, whole], cards, made.store, Silent()) == []
    return dataclasses.replace(made, cards=cards)


def train_notes(world: Shades, **parameters: Any) -> Any:
    given = {"encoders": {"title": "reader", "note": "words"}, "rows": ["title"]} | parameters
    return train_fusion(world, things_file(world), method="notellm2", **given)


def test_two_layers_are_those_that_follow_in_the_language_model(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    weights = read_transformers(tmp_path / "model")
    texts = [np.random.default_rng(0).integers(0, len(WORDS), 9).tolist()]
    (before,), (wanted,) = (states_before(weights, place, texts) for place in (1, 3))
    state = decoder_layers(weights, 1, 0, np.eye(weights.shape.width)).arrays

    rows = np.concatenate([before[None], np.zeros_like(before[None])], 1)
    there = np.arange(rows.shape[1])[None] < before.shape[0]
    for name in LAYERS:
        rows = layer(np, rows, there, state, name)

    np.testing.assert_allclose(rows[0, : len(before)], wanted, atol=1e-4, rtol=1e-4)


def test_a_fusion_begins_with_the_next_layers_and_is_loaded_for_its_encoders(world: Shades) -> None:
    made = train_notes(world, language_model=str(world.folder / "model"), steps=0)

    loaded = LearnedFusion.load(made.folder, world.cards)

    wanted = decoder_layers(read_transformers(world.folder / "model"), FIRST, 1, np.eye(1)).arrays
    assert all(np.array_equal(loaded.state[name], one) for name, one in wanted.items())
    assert made.artifact.facts["metrics"]["graph_difference"] <= 1e-4


def test_what_the_encoder_gives_enters_the_layers_as_the_state_that_it_was_before_the_norm(
    world: Shades,
) -> None:
    made = train_notes(world, language_model=str(world.folder / "model"), steps=0)
    state = LearnedFusion.load(made.folder, world.cards).state
    weights = read_transformers(world.folder / "model")
    (states,) = states_before(weights, FIRST, [[3, 4, 5]])

    begin, end = state["ends"][:2]
    entered = unit_rows(states * weights.final_norm) @ state["enter"][begin:end]

    np.testing.assert_allclose(unit_rows(entered), unit_rows(states), atol=1e-5)
    assert 0.3 < np.linalg.norm(entered) / np.linalg.norm(states) < 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"language_model": "gone"}, "no language model can be read there"),
        ({"rows": []}, "name that part in rows"),
        ({"encoders": {"title": "whole"}}, "whole has 3 layers, and the language model 4; 2 are needed"),
        ({"language_model": "other"}, "the layers of reader are not the first ones of the language model"),
        ({"method": "ptunifier"}, "ptunifier has no layers of a language model: leave it out"),
    ],
)
def test_layers_that_cannot_follow_are_refused(world: Shades, given: dict[str, Any], said: str) -> None:
    if given.get("language_model") == "other":
        saved(world.folder / "other", seed=1)
    folder = str(world.folder / str(given.get("language_model", "model")))
    how: dict[str, Any] = {
        "encoders": {"title": "reader"},
        "rows": ["title"],
        "method": "notellm2",
        "steps": 1,
    }

    with pytest.raises(InvalidInput, match=said) as refused:
        train_fusion(world, things_file(world), **how | given | {"language_model": folder})

    assert str(refused.value.field) == "parameters.language_model"


def halves(count: int, *, seed: int = 0) -> Things:
    """Two things of each group: a photo that tells it a little, and three rows of a text that tell most."""
    draw, maps = np.random.default_rng(seed), np.random.default_rng(7)
    shown = np.repeat(draw.normal(size=(count, 6)), 2, axis=0)

    def rows(width: int, tokens: int, noise: float) -> Array:
        clean = shown @ maps.normal(size=(6, width))
        noisy = clean[:, None] + noise * draw.normal(size=(len(shown), tokens, width))
        return np.asarray(noisy, np.float32)

    there = [np.ones((len(shown), tokens), bool) for tokens in (1, 3)]
    return Things([rows(24, 1, 2.0), rows(16, 3, 1.5)], there, None, Goal(np.repeat(np.arange(count), 2)))


def found_first(change: Callable[[Things], Things], state: Any, tested: Things) -> float:
    first, second = (
        fused("notellm2", change(tested).take(np.arange(at, len(tested), 2)), state) for at in (0, 1)
    )
    return float(((first @ second.T).argmax(axis=1) == np.arange(len(first))).mean())


def test_partners_are_found_by_a_photo_and_a_text_and_a_photo_of_another_costs() -> None:
    state, tested = learn("notellm2", halves(300), steps=120, dropout=0.2), halves(60, seed=1)

    def shuffled(things: Things) -> Things:
        photos = np.roll(things.rows[0].reshape(-1, 2, *things.rows[0].shape[1:]), 1, axis=0)
        photos[:, 1] = np.roll(photos[:, 1], 1, axis=0)
        return dataclasses.replace(things, rows=[photos.reshape(things.rows[0].shape), things.rows[1]])

    whole, other, text = (
        found_first(change, state, tested)
        for change in (lambda one: one, shuffled, lambda one: one.only([1]))
    )

    assert whole > text > 0.1
    assert whole > other + 0.1


def test_a_thing_without_a_photo_is_what_the_layers_read_of_its_text_alone() -> None:
    things = things_of(60)
    state = learn("notellm2", things, steps=2)
    text = things.take(np.flatnonzero(things.has[:, 1])).only([1])

    closed = fused("notellm2", text, {**state, "mix_bias": state["mix_bias"] - 100})

    np.testing.assert_allclose(fused("notellm2", text, state), closed, atol=1e-6)


def test_photos_and_tokens_of_a_language_model_are_fused_by_a_server_as_the_method_fuses_them(
    world: Shades,
) -> None:
    made = train_notes(world, language_model=str(world.folder / "model"), dropout=0.2, name="notes")
    settings = Settings(
        models=world.store.root, store=world.folder / "store", cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=("eyes", "words", "reader"), binding="none", generator="none",
        artifacts=(str(made.folder),), extensions=("lab",), drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        (photo,) = client.encode(Image.from_file(world.photo((5, 2))), space="eyes")
        (title,) = client.encode(["more red"], space="reader", kinds=["multi_vector"])

        both, alone = client.fuse_parts("notes", [{"photo": photo, "title": title}, {"title": title}])

    loaded = LearnedFusion.load(made.folder, world.cards)
    assert photo.vector is not None
    assert title.multi_vector is not None
    rows = [photo.vector.values[None, None], title.multi_vector.values[None], np.zeros((1, 1, 8), np.float32)]
    there = [
        np.ones((1, 1), bool),
        np.ones((1, len(title.multi_vector.values)), bool),
        np.zeros((1, 1), bool),
    ]
    wanted = loaded.fused(rows, there, None)
    np.testing.assert_allclose(both.vector.values, wanted[0], atol=1e-4)
    assert (list(both.present), list(both.missing)) == (["photo", "title"], ["note"])
    assert np.linalg.norm(both.vector.values - alone.vector.values) > 0.01
