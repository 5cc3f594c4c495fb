"""A card merged by transport: neurons are matched by their weights, or by what they give for samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.merged_cards import merged, pulled, vectors, write_cards
from support.own_encoder import WORDS
from support.present import present
from support.reordered_transformer import reordered
from tieback.core.errors import StartupError


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return write_cards(tmp_path / "cards")


def test_models_whose_neurons_are_in_another_order_are_merged_by_transport(
    cards: Path, tmp_path: Path
) -> None:
    weights = cards / "wrens" / "model.safetensors"
    moved, order = reordered(load_file(weights), head_size=8)
    save_file(
        {k: np.ascontiguousarray(one) for k, one in moved.items()}, cards / "owls" / "model.safetensors"
    )
    parts = {"base": "wrens", "parameters": {"head_size": 8}}
    card = merged(cards, "optimal_transport", merge=parts)
    store, _ = pulled(card, tmp_path)
    owls, wrens = (present(card.parents.get(name)) for name in ("owls", "wrens"))

    np.testing.assert_allclose(vectors(owls, store), vectors(wrens, store)[:, order], atol=1e-5)
    np.testing.assert_allclose(vectors(card, store), vectors(wrens, store), atol=1e-5)


def test_neurons_are_matched_by_what_they_give_for_the_samples_of_a_card(cards: Path, tmp_path: Path) -> None:
    weights = cards / "wrens" / "model.safetensors"
    moved, _ = reordered(load_file(weights), head_size=8)
    save_file(
        {k: np.ascontiguousarray(one) for k, one in moved.items()}, cards / "owls" / "model.safetensors"
    )
    write_samples(cards / "samples.tsv")
    parts = {"base": "wrens", "parameters": {"head_size": 8, "residual": "mean"}, "samples": "samples.tsv"}
    card = merged(cards, "optimal_transport", merge=parts)
    store, _ = pulled(card, tmp_path)
    wrens = present(card.parents.get("wrens"))

    np.testing.assert_allclose(vectors(card, store), vectors(wrens, store), atol=1e-5)
    write_samples(cards / "samples.tsv", seed=1)
    again = merged(cards, "optimal_transport", merge=parts)
    assert again.revision != card.revision, "other samples may make other weights"


def test_samples_that_nothing_is_matched_by_are_refused(cards: Path, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"samples: there is no file .*samples\.tsv"):
        merged(cards, "optimal_transport", merge={"samples": "samples.tsv"})
    write_samples(cards / "samples.tsv")
    with pytest.raises(StartupError, match="which is for: optimal_transport"):
        merged(cards, "linear", merge={"samples": "samples.tsv"})
    (cards / "samples.tsv").write_text("owl flies\twren")
    parts = {"base": "wrens", "parameters": {"head_size": 8}, "samples": "samples.tsv"}
    with pytest.raises(StartupError, match="both cannot be merged by its samples"):
        pulled(merged(cards, "optimal_transport", merge=parts), tmp_path)


def write_samples(file: Path, seed: int = 0) -> None:
    """Pairs of texts of the vocabulary, no two alike."""
    draw = np.random.default_rng(seed)
    texts = dict.fromkeys(" ".join(draw.permutation(WORDS[4:])[: draw.integers(2, 6)]) for _ in range(400))
    lines = [f"{one}\t{other}" for one, other in zip(*[iter(texts)] * 2, strict=False)]
    file.write_text("\n".join(lines[:40]))


def test_a_parent_that_cannot_be_aligned_is_refused_by_its_reason(cards: Path, tmp_path: Path) -> None:
    card = merged(cards, "optimal_transport")

    with pytest.raises(
        StartupError, match=r"both cannot be merged: .* give head_size, the width of one head"
    ):
        pulled(card, tmp_path)


def test_a_method_that_learns_is_refused_when_cards_are_read(cards: Path) -> None:
    with pytest.raises(StartupError, match="without it the result is that of task_arithmetic"):
        merged(cards, "concrete", merge={"parameters": {}})
