"""Encoders merged as pairs of texts teach it: by factors, or in a mask, and beside what learns nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file
from support.each import each
from support.own_encoder import Silent
from support.own_folders import save_text_model
from support.small_training import SmallTraining, write_reordered_pairs
from tieback.artifacts import Artifact
from tieback.catalog.catalog import Catalog
from tieback.recipes.pull import pull
from tieback.serving.commands.models import models
from tieback.serving.commands.train import train
from tieback_lab.recipes.adapt.layered_encoder import LEARNED_MERGE

pytestmark = pytest.mark.all

METHODS = ("anisotropic", "concrete")
QUICK = ("--set", "pairs=120", "--set", "steps=40", "--set", "batch=16")
EXPERTS = ("--base", "own", "--expert", "own-birds", "--expert", "own-owls")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SmallTraining:
    """A base, two experts of it in a folder of cards, and pairs."""
    folder = tmp_path_factory.mktemp("learned")
    save_text_model(folder / "own")
    draw = np.random.default_rng(0)
    weights = folder / "own" / "model.safetensors"
    trained = {
        key: np.asarray(array + 0.02 * draw.standard_normal(array.shape), array.dtype)
        for key, array in load_file(weights).items()
    }
    save_file(trained, weights)
    write_reordered_pairs(folder / "pairs.tsv")
    quick: dict[str, Any] = {"space": "own", "steps": 20, "batch": 16, "learning_rate": 1e-3, "patience": 0}
    world = SmallTraining.of(folder, "finetune", quick, "pairs.tsv")
    cards = folder / "cards"
    cards.mkdir()
    for seed, domain in enumerate(("birds", "owls")):
        card = world.train(domain, domain=domain, seed=seed).card
        assert card is not None
        shutil.copytree(card.parent, cards, dirs_exist_ok=True)
    shutil.copy(folder / "own.yaml", cards)
    shutil.copytree(folder / "own", cards / "own")
    found = Catalog.load(cards)
    pull([found.get(name) for name in ("own", "own-birds", "own-owls")], [], world.store, Silent())
    return world


@pytest.fixture
def shelf(world: SmallTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of cards, for this test alone."""
    cards = shutil.copytree(world.folder / "cards", tmp_path / "cards")
    monkeypatch.setenv("TIEBACK_CARDS", str(cards))
    monkeypatch.setenv("TIEBACK_MODELS", str(world.store.root))
    return cards


def learned(method: str, *words: str, name: str = "flock") -> Any:
    return CliRunner().invoke(models, ["merge", name, *EXPERTS, "--method", method, *words])


@each("method", METHODS)
def test_one_command_learns_how_to_merge_and_says_how_well_beside_tuned_merges(
    world: SmallTraining, shelf: Path, method: str
) -> None:
    name = f"by-{method}"

    done = learned(method, "--learn", str(world.data), *QUICK, "--json", name=name)

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    ranks = found["metrics"]["reciprocal_rank"]
    assert [model.partition(",")[0] for model in ranks] == ["base", "task_arithmetic", "ties", method]
    assert ranks[method] > ranks["base"]
    artifact = Artifact.load(Path(found["folder"]), LEARNED_MERGE)
    if method == "anisotropic":
        scales = artifact.arrays["learned.scales"]
        assert scales.shape[0] == 2
        assert np.ptp(scales) > 0
    else:
        masks = [array for key, array in artifact.arrays.items() if key.startswith("learned.mask.")]
        assert masks
        assert all(abs(one.astype(np.float32).mean() - 1) < 1e-2 for one in masks)
    pull([Catalog.load(shelf).get(name)], [], world.store, Silent())
    vector = world.vector_without_pytorch(shelf / f"{name}.yaml", "owl flies")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_without_steps_both_are_task_arithmetic_with_the_scale_that_was_tuned(
    world: SmallTraining, shelf: Path
) -> None:
    weights = []
    for method in METHODS:
        name = f"unlearned-{method}"
        quick = ("--set", "pairs=120", "--set", "steps=0", "--json")
        done = learned(method, "--learn", str(world.data), *quick, name=name)

        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        ranks = found["metrics"]["reciprocal_rank"]
        assert ranks[method] == next(one for key, one in ranks.items() if key.startswith("task_arithmetic"))
        weights.append(load_file(shelf / f"{name}-{found['revision']}" / "model.safetensors"))
    for key, array in weights[0].items():
        np.testing.assert_allclose(array, weights[1][key], atol=1e-6)


def test_a_run_that_was_killed_is_gone_on_with(world: SmallTraining, shelf: Path) -> None:
    words = ("--learn", str(world.data), "--set", "pairs=120", "--set", "steps=300", "--set", "patience=0")
    command = [sys.executable, "-m", "tieback_client.cli", "models", "merge", "killed", *EXPERTS]
    command = [*command, "--method", "concrete", *words]
    run = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    checkpoint = world.store.steps / "concrete-own.checkpoint.safetensors"
    until = time.monotonic() + 120
    while not checkpoint.exists() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    _, said = run.communicate()
    assert checkpoint.exists(), said.decode()

    done = learned("concrete", *words, "--json", name="killed")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["metrics"]["steps"]["taken"] == 300
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('{"a": "owl", "b": "wren"}\n{"a": "owl"}', "bad.jsonl, line 2: it has no two texts"),
        ('{"a": "owl", "b": "wren"}\n\n{"a": "owl", "b"', "bad.jsonl, line 3: this is not JSON"),
        ('["owl", "wren"]', "bad.jsonl, line 1: it is no object"),
        ('{"a": "owl", "b": "wren"}', "there are 1 pairs"),
    ],
)
def test_pairs_that_cannot_be_learned_by_are_refused_by_their_line(
    shelf: Path, tmp_path: Path, lines: str, says: str
) -> None:
    (tmp_path / "bad.jsonl").write_text(lines)

    done = learned("concrete", "--learn", str(tmp_path / "bad.jsonl"))

    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
    assert not (shelf / "flock.yaml").exists()


@pytest.mark.parametrize(
    ("method", "words", "says"),
    [
        ("ties", (), "ties learns nothing; those that learn are: anisotropic, concrete"),
        ("concrete", ("--expert", "nobody"), "nobody"),
        ("concrete", ("--probe", __file__), "--learn takes no --probe"),
        ("concrete", ("--set", "base=own-owls", "--set", "name=x"), "given twice"),
        ("concrete", ("--set", "depth=2"), "has no parameter 'depth'"),
    ],
)
def test_a_merge_that_cannot_be_learned_says_why(
    world: SmallTraining, shelf: Path, method: str, words: tuple[str, ...], says: str
) -> None:
    done = learned(method, "--learn", str(world.data), *words)

    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
    assert not (shelf / "flock.yaml").exists()


def test_experts_that_are_their_base_leave_nothing_to_learn(world: SmallTraining, shelf: Path) -> None:
    words = ("--base", "own", "--expert", "own", "--method", "concrete", "--learn", str(world.data))

    done = CliRunner().invoke(models, ["merge", "flock", *words])

    assert done.exit_code == 1
    assert "no expert differs from the base" in done.output


def interpolated(shelf: Path, *words: str, experts: str = "own-birds,own-owls") -> Any:
    given = ["interpolate", "--set", "base=own", "--set", f"experts={experts}", "--set", "pairs=120"]
    return CliRunner().invoke(train, [*given, *words, "--output", str(shelf)])


def test_a_sweep_between_two_experts_chooses_the_best_share_by_pairs_that_are_inside(
    world: SmallTraining, shelf: Path
) -> None:
    other = shelf.parent / "other.tsv"
    write_reordered_pairs(other)
    words = ("--data", str(world.data), "--data", str(other), "--set", "points=5")

    done = interpolated(shelf, *words, "--set", "outside=other.tsv", "--json")

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    curve = found["metrics"]["curve"]
    assert [row["share of own-owls"] for row in curve] == [0, 0.25, 0.5, 0.75, 1]
    assert all(row["inside"] == row["pairs.tsv"] and row["outside"] == row["other.tsv"] for row in curve)
    share = found["metrics"]["share"]
    made, birds, owls = (
        load_file(next(shelf.glob(f"{name}-*/model.safetensors")))
        for name in ("interpolated", "own-birds", "own-owls")
    )
    for key, array in made.items():
        np.testing.assert_allclose(array, (1 - share) * birds[key] + share * owls[key], atol=1e-6)
    pull([Catalog.load(shelf).get("interpolated")], [], world.store, Silent())
    vector = world.vector_without_pytorch(shelf / "interpolated.yaml", "owl flies")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_the_curve_is_drawn_and_says_what_was_chosen(world: SmallTraining, shelf: Path) -> None:
    done = interpolated(shelf, "--data", str(world.data), "--set", "points=3")

    assert done.exit_code == 0, done.output
    assert done.output.count("▪ chosen") == 1


@pytest.mark.parametrize(
    ("words", "experts", "says"),
    [
        ((), "own-birds", "name two experts, experts=NAME,NAME: there are 1"),
        (("--set", "outside=owls.tsv"), "own-birds,own-owls", "there are: pairs.tsv"),
        (("--set", "outside=pairs.tsv"), "own-birds,own-owls", "every file is outside"),
        (("--set", "points=1"), "own-birds,own-owls", "points"),
    ],
)
def test_a_sweep_that_cannot_be_made_says_why(
    world: SmallTraining, shelf: Path, words: tuple[str, ...], experts: str, says: str
) -> None:
    done = interpolated(shelf, "--data", str(world.data), *words, experts=experts)

    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
