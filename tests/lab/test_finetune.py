"""An encoder fine-tuned on pairs: learned, served as a model of its own, and merged with another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file
from support.own_encoder import Silent
from support.own_folders import save_text_model
from support.present import present
from support.small_training import SmallTraining, write_reordered_pairs
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.merging import LEARN, mergings
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome
from tieback.serving.commands.models import models

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "space": "own", "domain": "birds", "steps": 60, "batch": 32, "learning_rate": 3e-3, "patience": 0
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    folder = tmp_path_factory.mktemp("finetune")
    save_text_model(folder / "own")
    draw = np.random.default_rng(0)
    weights = folder / "own" / "model.safetensors"
    trained = {  # no two tensors of a model that was trained are equal
        key: np.asarray(array + 0.02 * draw.standard_normal(array.shape), array.dtype)
        for key, array in load_file(weights).items()
    }
    save_file(trained, weights)
    write_reordered_pairs(folder / "pairs.tsv")
    return SmallTraining.of(folder, "finetune", QUICK, "pairs.tsv")


@pytest.fixture(scope="module")
def outcome(world: SmallTraining) -> TrainingOutcome:
    return world.train("out")


def test_held_out_partners_are_found_better_than_before(outcome: TrainingOutcome) -> None:
    found = outcome.artifact.facts["metrics"]["reciprocal_rank"]

    assert found["after"] > found["before"] + 0.05


def test_the_card_is_of_a_model_of_its_own_named_by_the_domain(
    world: SmallTraining, outcome: TrainingOutcome
) -> None:
    assert outcome.card is not None
    card = read_card(outcome.card)

    assert card.name == "own-birds"
    assert card.revision != world.card.revision
    pull([card], [], world.store, Silent())
    vector = world.vector_without_pytorch(outcome.card, "owl flies")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


@pytest.fixture
def shelf(
    world: SmallTraining, outcome: TrainingOutcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of cards with the base and two experts, whose models are in the store."""
    cards = tmp_path / "cards"
    cards.mkdir()
    again = world.train("again", domain="owls", seed=1)
    for one in (outcome, again):
        assert one.card is not None
        shutil.copytree(one.card.parent, cards, dirs_exist_ok=True)
    shutil.copy(world.folder / "own.yaml", cards)
    shutil.copytree(world.folder / "own", cards / "own")
    monkeypatch.setenv("TIEBACK_CARDS", str(cards))
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    found = Catalog.load(cards)
    pull([found.get(name) for name in ("own", "own-birds", "own-owls")], [], world.store, Silent())
    return cards


def merged(*words: str, name: str = "flock") -> Any:
    experts = ("--expert", "own-birds", "--expert", "own-owls")
    return CliRunner().invoke(models, ["merge", name, "--base", "own", *experts, *words])


def test_experts_are_merged_by_one_command_and_held_to_a_probe(world: SmallTraining, shelf: Path) -> None:
    probe = ("--probe", str(world.data), "--against", "base", "--margin", "0.01", "--json")

    done = merged("--method", "linear", "--set", "weights=2,1", *probe)

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["metrics"]["probe"]
    assert found["flock"] > found["own"]
    card = Catalog.load(shelf).get("flock")
    assert Store(world.store.root).is_ready(card)


def test_every_method_that_learns_nothing_is_reached_by_the_command(
    world: SmallTraining, shelf: Path
) -> None:
    learned = {name for name in mergings.names() if mergings.has(LEARN, name)}
    set_for = {"optimal_transport": ("--set", "head_size=4")}

    for method in set(mergings.names()) - learned:
        name = f"by-{method.replace('_', '-')}"
        done = merged("--method", method, *set_for.get(method, ()), name=name)

        assert done.exit_code == 0, f"{method}: {done.output}"
        assert Store(world.store.root).is_ready(Catalog.load(shelf).get(name)), method
    assert learned == {"anisotropic", "concrete"}


def test_a_merge_that_keeps_its_experts_is_made_by_one_command(world: SmallTraining, shelf: Path) -> None:
    router = [f"--router={name}={world.data}" for name in ("own-birds", "own-owls")]

    done = merged("--method", "twin", "--set", "scale=0.5", "--adapters", "rank=3", *router)

    assert done.exit_code == 0, done.output
    assert "router: right on 0." in done.output
    assert "--space flock --adapter own-birds" in done.output
    card = Catalog.load(shelf).get("flock")
    assert isinstance(card, EncoderCard)
    assert card.adapters == ("own-birds", "own-owls", "mixed")
    merge = present(card.merge)
    assert (merge.parameters, merge.adapters) == ({"scale": 0.5}, {"rank": 3})


def test_a_merge_below_its_probe_leaves_no_card(world: SmallTraining, shelf: Path) -> None:
    done = merged("--method", "linear", "--probe", str(world.data), "--against", "best", "--margin", "0.9")

    assert done.exit_code == 1
    assert "flock is not served" in done.output
    assert not (shelf / "flock.yaml").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--method", "stew"), "the choices are"),
        (("--method", "concrete"), "is that of task_arithmetic: use that method"),
        (("--method", "anisotropic"), "task_arithmetic: use that method, or give its scales"),
        (("--method", "ties", "--set", "density=2"), "density"),
        (("--method", "ties", "--set", "depth=2"), "has no parameter 'depth'"),
        (("--method", "ties", "--expert", "nobody"), "nobody"),
        (
            ("--method", "ties", "--adapters", "rank=3"),
            "those that keep them are: low_rank, tall_masks, twin",
        ),
        (("--method", "twin", "--adapters", "depth=2"), "has no parameter 'depth'"),
        (("--method", "twin", "--adapters", "rank"), "--adapters takes KEY=VALUE"),
        (("--method", "twin", "--router", "own-owls=no.jsonl"), "--router own-owls: there is no file"),
        (
            ("--method", "twin", "--router", f"own-owls={__file__}"),
            "router has a file of texts for each expert",
        ),
    ],
)
def test_a_merge_that_cannot_be_made_says_why(shelf: Path, words: tuple[str, ...], says: str) -> None:
    done = merged(*words)

    assert done.exit_code == 1
    assert says in done.output
    assert not (shelf / "flock.yaml").exists()


def test_a_name_that_is_taken_is_refused(shelf: Path) -> None:
    assert "already" in (output := merged("--method", "linear", name="own").output) or "has a model" in output


def test_an_encoder_that_is_not_there_is_refused_with_the_choices(world: SmallTraining) -> None:
    with pytest.raises(NotFound):
        world.train("nothing", space="nobody")


def test_too_few_pairs_are_refused(world: SmallTraining, tmp_path: Path) -> None:
    (tmp_path / "few.tsv").write_text("owl\twren")

    with pytest.raises(InvalidInput, match="there are 1 pairs"):
        world.train("nothing", data=tmp_path / "few.tsv")
