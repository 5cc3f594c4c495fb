"""Class names bind classifiers to text spaces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tieback.artifacts import HEADER, PROVENANCE, STATE
from tieback.catalog.catalog import Catalog
from tieback.core.errors import AlteredArtifact, ArtifactError, MissingArtifact, OtherSchema
from tieback.models.joint import bridges as class_name_bindings
from tieback.models.joint.bridges import CLASS_NAMES, ClassNameBridge, load_bridges
from tieback.models.store import Store
from tieback.recipes.class_name_bridges import bind_class_names
from tieback_contract.vectors import SpaceRef


def a_binding(seed: int = 0) -> ClassNameBridge:
    vectors = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
    birds, words = SpaceRef("birds", "1", "2"), SpaceRef("words", "3", "4")
    return ClassNameBridge(birds, words, ("owl", "wren", "crane, a bird"), vectors, {"seconds": 0.5})


def test_a_binding_that_is_saved_is_the_binding_that_is_loaded(tmp_path: Path) -> None:
    binding = a_binding()

    loaded = ClassNameBridge.load(binding.save(tmp_path))

    assert (loaded.source, loaded.target, loaded.names) == (binding.source, binding.target, binding.names)
    np.testing.assert_array_equal(loaded.vectors, binding.vectors)
    assert loaded.provenance == binding.provenance
    assert loaded.revision == binding.revision


def test_a_binding_is_named_by_its_content(tmp_path: Path) -> None:
    assert a_binding(0).save(tmp_path) != a_binding(1).save(tmp_path)
    assert len(load_bridges(tmp_path, [SpaceRef("birds", "1", "2"), SpaceRef("words", "3", "4")])) == 2


@pytest.mark.parametrize("name", [HEADER, STATE, PROVENANCE])
def test_a_binding_with_one_byte_altered_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    folder = a_binding().save(tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])

    with pytest.raises(AlteredArtifact, match=r"class-name binding .* is corrupt.*run: tieback models pull"):
        load_bridges(tmp_path, [])


@pytest.mark.parametrize("name", [HEADER, STATE, PROVENANCE])
def test_a_binding_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = a_binding().save(tmp_path)
    (folder / name).unlink()

    with pytest.raises(MissingArtifact, match=rf"{name}: No such file.*run: tieback models pull"):
        ClassNameBridge.load(folder)


def test_a_binding_of_a_newer_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = replace(CLASS_NAMES, schema=CLASS_NAMES.schema + 1)
    with monkeypatch.context() as later:
        later.setattr(class_name_bindings, "CLASS_NAMES", newer)
        folder = a_binding().save(tmp_path)

    with pytest.raises(OtherSchema, match="install the release that wrote it, or run: tieback models pull"):
        ClassNameBridge.load(folder)


def test_an_artifact_without_vectors_of_names_is_refused(tmp_path: Path) -> None:
    folder = replace(a_binding()._artifact(), arrays={}).save(tmp_path)

    with pytest.raises(ArtifactError, match="cannot be read: 'vectors'; run: tieback models pull"):
        ClassNameBridge.load(folder)


def test_a_pull_removes_a_binding_that_cannot_be_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole, broken = a_binding(0).save(store.bindings), a_binding(1).save(store.bindings)
    (broken / STATE).write_bytes(b"")

    bind_class_names([], store, lambda _: None)

    assert whole.is_dir()
    assert not broken.exists()


def test_a_binding_of_another_revision_of_a_space_is_not_offered(tmp_path: Path) -> None:
    a_binding().save(tmp_path)

    assert not load_bridges(tmp_path, [SpaceRef("birds", "NEW", "2"), SpaceRef("words", "3", "4")])


def test_every_classifier_is_bound_to_every_text_component(catalog: Catalog, store: Store) -> None:
    cards = catalog.encoders()
    sources = [card.space for card in cards if card.joint == "class_names"]
    targets = {card.space: card.width for card in cards if card.joint == "component"}

    bindings = load_bridges(store.bindings, [card.space for card in cards])

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
    (binding,) = load_bridges(store.bindings, pair)

    query = encode("all-minilm-l6-v2", "a cup of espresso").dense

    assert binding.names[int(np.argmax(binding.vectors @ query))] == "espresso"
