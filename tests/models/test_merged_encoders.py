"""A card merged of others is a model: made at load, held to a probe, refused where parents do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.merged_cards import merged, pulled, vectors, write_card, write_cards
from support.own_encoder import WORDS, Silent, write_folder
from support.present import present
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.recipes.export import make_merged
from tieback.recipes.pull import pull

PROBE = "\n".join(
    json.dumps({"a": f"{one} {two}", "b": f"{two} {one}"}) for one in WORDS[4:] for two in WORDS[4:]
)


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return write_cards(tmp_path / "cards")


def test_a_merged_card_serves_the_model_of_the_merged_weights(cards: Path, tmp_path: Path) -> None:
    parts = [load_file(cards / name / "model.safetensors") for name in ("owls", "wrens")]
    write_folder(cards / "mean")
    save_file({k: (parts[0][k] + parts[1][k]) / 2 for k in parts[0]}, cards / "mean" / "model.safetensors")
    write_card(cards, "mean")
    card = merged(cards)
    store, heard = pulled(card, tmp_path)
    by_hand = Catalog.load(cards).get("mean")
    assert isinstance(by_hand, EncoderCard)
    pull([by_hand], [], store, Silent())

    np.testing.assert_allclose(vectors(card, store), vectors(by_hand, store), atol=1e-5)
    assert "both: merging owls, wrens by linear" in heard


def test_parents_are_pulled_before_what_is_merged_of_them(cards: Path, tmp_path: Path) -> None:
    card = merged(cards)
    store, _ = pulled(card, tmp_path)

    assert all(store.is_ready(parent) for parent in card.parents.values())
    assert store.weights(card).exists() is False


def test_a_server_without_pytorch_makes_a_merged_model_when_it_loads_it(cards: Path, tmp_path: Path) -> None:
    card = merged(cards, "ties")
    store = Store(tmp_path / "store")
    pull(list(card.parents.values()), [], store, Silent())
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from tieback.catalog.catalog import Catalog\n"
        "from tieback.models.store import Store\n"
        "from tieback.serving.plan.assembly import load_models\n"
        "from tieback.serving.settings import Settings\n"
        "from pathlib import Path\n"
        "settings = Settings(models=Path(sys.argv[1]), cards=Path(sys.argv[2]))\n"
        "print(load_models(settings, [Catalog.load(settings.cards).get('both')])[0].card.name)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(store.root), str(cards)], capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "both", done.stderr
    assert store.is_ready(card)


def test_a_store_that_cannot_be_written_says_how_to_make_the_model(cards: Path, tmp_path: Path) -> None:
    card = merged(cards)
    store = Store(tmp_path / "store")
    pull(list(card.parents.values()), [], store, Silent())
    (store.root / "lock").unlink()
    (store.root / "lock").mkdir()  # as a disk that is read only, for root too

    with pytest.raises(StartupError, match=r"cannot be written .*tieback models pull both"):
        make_merged([card], store, lambda _name, _said: None)


def test_the_revision_is_that_of_the_recipe_and_of_every_parent(cards: Path) -> None:
    first = merged(cards)
    assert merged(cards).space == first.space
    assert merged(cards, "slerp").revision != first.revision
    assert merged(cards, "linear", merge={"parameters": {"weights": [1, 2]}}).revision != first.revision

    weights = load_file(cards / "wrens" / "model.safetensors")
    write_folder(cards / "other")
    save_file({k: v + np.float32(0.01) for k, v in weights.items()}, cards / "other" / "model.safetensors")
    write_card(cards, "wrens", directory="other")

    assert merged(cards).revision != first.revision


def test_serve_takes_a_parent_in_place_of_the_merge(cards: Path, tmp_path: Path) -> None:
    back = merged(cards, merge={"serve": "base"})
    store, _ = pulled(back, tmp_path)
    base = Catalog.load(cards).get("base")
    assert isinstance(base, EncoderCard)

    np.testing.assert_array_equal(vectors(back, store), vectors(base, store))


def test_a_merge_that_does_not_reach_its_probe_is_not_served(cards: Path, tmp_path: Path) -> None:
    (cards / "probe.jsonl").write_text(PROBE)
    card = merged(cards, merge={"probe": {"pairs": "probe.jsonl", "against": "best", "margin": 0.9}})
    store = Store(tmp_path / "store")

    with pytest.raises(StartupError, match=r"both is not served: its reciprocal_rank on .*serve: base"):
        pull([card], [card], store, Silent())

    assert not store.is_ready(card)


def test_what_a_probe_found_is_kept_with_the_model(cards: Path, tmp_path: Path) -> None:
    (cards / "probe.jsonl").write_text(PROBE)
    card = merged(cards, merge={"probe": {"pairs": "probe.jsonl", "metric": "recall_at_1", "margin": -1}})
    store, _ = pulled(card, tmp_path)

    found = present(store.manifest(card)).metrics["probe"]
    assert found.keys() == {"both", "base", "owls", "wrens"}
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize(
    ("probe", "says"),
    [(None, "there is no file or folder"), ('{"a": "owl", "b": "wren"}', "the probe of both cannot be run")],
)
def test_a_probe_that_cannot_be_run_serves_nothing(
    cards: Path, tmp_path: Path, probe: str | None, says: str
) -> None:
    if probe is not None:
        (cards / "probe.jsonl").write_text(probe)
    card = merged(cards, merge={"probe": {"pairs": "probe.jsonl"}})

    with pytest.raises(StartupError, match=says):
        pull([card], [card], Store(tmp_path / "store"), Silent())


def test_parents_with_other_vocabularies_are_refused(cards: Path, tmp_path: Path) -> None:
    tokenizer = cards / "wrens" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("night", "noon"))
    card = merged(cards)

    with pytest.raises(StartupError, match="wrens and base read texts by different vocabularies"):
        pull([card], [card], Store(tmp_path / "store"), Silent())


def with_nan(weights: dict[str, Any]) -> None:
    weights["encoder.layer.0.output.dense.weight"][0, 0] = np.nan


def of_another_start(weights: dict[str, Any]) -> None:
    draw = np.random.default_rng(9)
    weights |= {name: draw.standard_normal(one.shape).astype(np.float32) for name, one in weights.items()}


def without_a_tensor(weights: dict[str, Any]) -> None:
    del weights["encoder.layer.0.output.dense.weight"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (with_nan, "the tensor encoder.layer.0.output.dense.weight holds NaN or infinity"),
        (of_another_start, "wrens was not trained from base: .* merged by "),
        (without_a_tensor, "encoder.layer.0.output.dense.weight"),
    ],
)
def test_an_expert_that_is_none_of_its_base_is_refused(
    cards: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], None], says: str
) -> None:
    weights = load_file(cards / "wrens" / "model.safetensors")
    spoil(weights)
    save_file(weights, cards / "wrens" / "model.safetensors")
    card = merged(cards)
    store = Store(tmp_path / "store")

    with pytest.raises(StartupError, match=says):
        pull([card], [card], store, Silent())

    assert not store.is_ready(card)


@pytest.mark.parametrize(
    ("merge", "says"),
    [
        ({"experts": ["owls", "both"]}, "both cannot be merged of itself"),
        ({"experts": ["owls", "nobody"]}, "nobody"),
        ({"experts": ["owls", "owls"]}, "an expert is named twice"),
        ({"experts": []}, "at least 1"),
        ({"method": "stew"}, "stew"),
        ({"parameters": {"weights": [-1.0]}}, "greater than or equal to 0"),
        ({"serve": "wordllama-256"}, "serve names the base or an expert: base, owls, wrens"),
    ],
)
def test_a_manifest_that_cannot_be_made_is_refused_when_cards_are_read(
    cards: Path, merge: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartupError, match=says):
        merged(cards, merge=merge)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pooling": {"name": "cls"}}, "pooling of base is .*mean.*, and of the card .*cls"),
        ({"max_tokens": 8}, "max_tokens of base is 16, and of the card 8"),
        ({"directory": "owls"}, "has its parents' weights"),
    ],
)
def test_a_card_that_differs_from_its_parents_is_refused(
    cards: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartupError, match=says):
        merged(cards, **changes)


def test_a_merge_of_a_merge_names_what_that_is_merged_of(cards: Path) -> None:
    merged(cards)
    write_card(cards, "more", merge={"method": "linear", "base": "base", "experts": ["both"]})

    with pytest.raises(StartupError, match="both is itself merged; name what that is merged of"):
        Catalog.load(cards)
