"""A dense and a sparse view of a text: learned from pairs, put into one graph, and served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.asking import encodings as answers
from support.asking import texts
from support.own_encoder import TEXTS, WIDTH, WORDS, Silent
from support.own_folders import save_text_model
from support.present import present
from support.small_training import SmallTraining
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.call import NO_CALL
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.loading import load_encoder
from tieback.recipes.pull import pull
from tieback.recipes.train import REPORT, TrainingOutcome
from tieback_contract.vectors import VectorKind
from tieback_lab.recipes.adapt.dense_sparse import DENSE_SPARSE
from tieback_lab.recipes.train.word_head import joined, sketched, sparse_view

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "space": "own", "steps": 100, "batch": 32, "negatives": 4, "learning_rate": 0.02, "terms": 3,
    "sketch": 16, "patience": 0,
}  # fmt: skip
BOTH = EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.SPARSE}), terms=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("dense_sparse")
    save_text_model(folder / "own")
    draw = np.random.default_rng(0)
    lines = []
    for _ in range(300):
        words = draw.choice(WORDS[4:], 2, replace=False)
        left, right = (f"{' '.join(draw.permutation(words))} {draw.integers(10**6)}" for _ in range(2))
        lines.append(f"{left}\t{right}")
    (folder / "pairs.tsv").write_text("\n".join(lines))
    return SmallTraining.of(folder, "dense_sparse", QUICK, "pairs.tsv")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


@pytest.fixture(scope="module")
def card(world: SmallTraining, outcome: TrainingOutcome) -> EncoderCard:
    """The card that was written, with its model in the store."""
    assert outcome.card is not None
    read = read_card(outcome.card)
    assert isinstance(read, EncoderCard)
    assert pull([read], [read], world.store, Silent()) == []
    return read


def test_the_report_compares_the_views_and_what_they_were_before_training(outcome: TrainingOutcome) -> None:
    found = outcome.artifact.facts["metrics"]["found"]

    assert found.keys() == {
        "dense", "sparse", "dense and sparse", "as a collection compares them",
        "dense and sparse before training",
    }  # fmt: skip
    assert all(0 < one["reciprocal_rank"] <= 1 for one in found.values())
    assert "| vectors | recall_at_1 | reciprocal_rank |" in outcome.artifact.files[REPORT].decode()
    losses = [float(row["loss"]) for row in outcome.learned.report["Training"]]
    assert losses[-1] < losses[0]


def test_the_card_has_both_kinds_and_the_vector_of_the_backbone_as_a_width(card: EncoderCard) -> None:
    assert card.name == "own-dense-sparse"
    assert card.kinds == {VectorKind.DENSE, VectorKind.SPARSE}
    assert card.offered_widths == (WIDTH, WIDTH + 16)


async def test_one_run_gives_both_views_and_the_backbones_own_vector(
    world: SmallTraining, card: EncoderCard
) -> None:
    own, both = (Encoder([load_encoder(one, world.store)]) for one in (world.card, card))

    first = answers(await own.encode(EncodeRequest("own", texts(*TEXTS), EncodePlan()), NO_CALL))
    whole = answers(await both.encode(EncodeRequest(card.name, texts(*TEXTS), BOTH), NO_CALL))
    cut = answers(
        await both.encode(EncodeRequest(card.name, texts(*TEXTS), EncodePlan(width=WIDTH)), NO_CALL)
    )

    for one, views, front in zip(first, whole, cut, strict=True):
        np.testing.assert_allclose(present(front.vector).values, present(one.vector).values, atol=1e-5)
        sparse = present(views.sparse)
        assert 1 <= len(sparse.indices) <= 3
        assert np.linalg.norm(sparse.weights) == pytest.approx(1, abs=1e-5)
        assert set(sparse.terms) <= set(WORDS)
        assert np.linalg.norm(present(views.vector).values) == pytest.approx(1, abs=1e-5)
    for encoder in (own, both):
        await encoder.close()


async def test_a_text_is_encoded_alike_alone_and_beside_a_longer_one(
    world: SmallTraining, card: EncoderCard
) -> None:
    encoder = Encoder([load_encoder(card, world.store)])

    (alone,) = answers(await encoder.encode(EncodeRequest(card.name, texts("wren"), BOTH), NO_CALL))
    beside = answers(
        await encoder.encode(
            EncodeRequest(card.name, texts("wren", "owl flies at night night"), BOTH), NO_CALL
        )
    )[0]

    np.testing.assert_allclose(present(alone.vector).values, present(beside.vector).values, atol=1e-5)
    np.testing.assert_array_equal(present(alone.sparse).indices, present(beside.sparse).indices)
    await encoder.close()


def test_products_of_joined_vectors_are_nearly_the_sum_over_the_views() -> None:
    draw = torch.Generator().manual_seed(0)
    dense = torch.nn.functional.normalize(torch.randn(20, 8, generator=draw), dim=1)
    weights, places = sparse_view(torch.rand(20, 500, generator=draw), 40)
    buckets = torch.randint(4096, (500,), generator=draw)
    signs = torch.randint(2, (500,), generator=draw) * 2.0 - 1

    found = joined(dense, sketched(weights, places, buckets, signs, 4096), 0.5)

    rows = torch.zeros(20, 500).scatter(1, places, weights)
    wanted = (dense @ dense.T + 0.5 * rows @ rows.T) / 1.5
    assert (found @ found.T - wanted).abs().max() < 0.05


def test_the_artifact_is_made_for_the_backbones_weights(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    found = Artifact.load(outcome.folder, DENSE_SPARSE)

    assert found.made_for == (world.card.space,)
    assert found.facts["terms"] == 3


def test_what_cannot_be_learned_is_refused(world: SmallTraining, tmp_path: Path) -> None:
    few = tmp_path / "few.tsv"
    few.write_text("owl\twren")
    with pytest.raises(InvalidInput, match="1 pairs of texts"):
        world.train("out", data=few)
    with pytest.raises(NotFound, match="own"):
        world.train("out", space="other")


def test_a_card_that_no_training_wrote_is_not_replaced(world: SmallTraining) -> None:
    (world.folder / "taken").mkdir()
    (world.folder / "taken" / "own-dense-sparse.yaml").write_text(
        "{name: own-dense-sparse, role: encoder, runtime: point_cloud, description: x, license: MIT, "
        "upstream: me, modality: points, width: 1152, kinds: [dense]}"
    )

    with pytest.raises(AlreadyExists, match="name another folder"):
        world.train("taken", steps=1)
