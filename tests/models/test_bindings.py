"""Class names bind classifiers to text spaces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.core.types.vectors import SpaceRef
from tieback.models.binding import ClassNameBinding, load_bindings
from tieback.models.store import Store


def a_binding(seed: int = 0) -> ClassNameBinding:
    vectors = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
    return ClassNameBinding(
        SpaceRef("birds", "1", "2"), SpaceRef("words", "3", "4"), ("owl", "wren", "crane, a bird"), vectors
    )


def test_a_binding_that_is_saved_is_the_binding_that_is_loaded(tmp_path: Path) -> None:
    binding = a_binding()

    loaded = ClassNameBinding.load(binding.save(tmp_path))

    assert (loaded.source, loaded.target, loaded.names) == (binding.source, binding.target, binding.names)
    np.testing.assert_array_equal(loaded.vectors, binding.vectors)
    assert loaded.revision == binding.revision


def test_a_binding_is_named_by_its_content(tmp_path: Path) -> None:
    assert a_binding(0).save(tmp_path) != a_binding(1).save(tmp_path)
    assert len(load_bindings(tmp_path, [SpaceRef("birds", "1", "2"), SpaceRef("words", "3", "4")])) == 2


def test_a_corrupt_binding_is_refused(tmp_path: Path) -> None:
    folder = a_binding().save(tmp_path)
    header = json.loads((folder / "binding.json").read_text())
    header["names"][0] = "eagle"
    (folder / "binding.json").write_text(json.dumps(header))

    with pytest.raises(StartupError, match="corrupt"):
        ClassNameBinding.load(folder)


@pytest.mark.parametrize("file", ["binding.json", "vectors.safetensors"])
def test_a_binding_without_a_file_is_refused(tmp_path: Path, file: str) -> None:
    folder = a_binding().save(tmp_path)
    (folder / file).write_bytes(b"{")

    with pytest.raises(StartupError, match="cannot be read"):
        ClassNameBinding.load(folder)


def test_a_binding_of_another_revision_of_a_space_is_not_offered(tmp_path: Path) -> None:
    a_binding().save(tmp_path)

    assert not load_bindings(tmp_path, [SpaceRef("birds", "NEW", "2"), SpaceRef("words", "3", "4")])


def test_every_classifier_is_bound_to_every_text_component(catalog: Catalog, store: Store) -> None:
    cards = catalog.encoders()
    sources = [card.space for card in cards if card.joint == "class_names"]
    targets = {card.space: card.width for card in cards if card.joint == "component"}

    bindings = load_bindings(store.bindings, [card.space for card in cards])

    assert {(binding.source, binding.target) for binding in bindings} == {
        (source, target) for source in sources for target in targets
    }
    for binding in bindings:
        assert binding.vectors.shape == (len(binding.names), targets[binding.target])
        np.testing.assert_allclose(np.linalg.norm(binding.vectors, axis=1), 1, atol=1e-5)


def test_a_class_name_lies_near_a_text_that_means_it(catalog: Catalog, store: Store, encode: object) -> None:
    assert callable(encode)
    cards = {card.name: card for card in catalog.encoders()}
    pair = [cards["efficientnet-lite0"].space, cards["all-minilm-l6-v2"].space]
    (binding,) = load_bindings(store.bindings, pair)

    query = encode("all-minilm-l6-v2", "a cup of espresso").dense

    assert binding.names[int(np.argmax(binding.vectors @ query))] == "espresso"
