"""Parts that two sets have in common, or that only one has, are told apart and served as conditions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.colours import png
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.present import present
from support.small_spaces import write_colours
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import check_state
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train
from tieback.serving.settings import Settings
from tieback.training.loop import Plan
from tieback_client import Client, Image
from tieback_contract.arrays import Array
from tieback_lab.methods.conditional_projection import conditional_projections, separated
from tieback_lab.recipes.train.separating import Separation, joint_entropy, separate_rows, uniform

pytestmark = pytest.mark.all

SHARED, OWN, NOISE = 3, 2, 0.05
QUICK: dict[str, Any] = {"space": "eyes", "width": 4, "steps": 300, "batch": 48, "learning_rate": 0.01}
GREEN, BLUE = 40, 120


def sets(count: int, seed: int) -> tuple[Array, Array, Array]:
    """Rows, half of them a target's, and the factors that they are of: the last are the target's alone."""
    draw = np.random.default_rng(seed)
    factors = draw.normal(size=(count, SHARED + OWN))
    is_new = np.arange(count) % 2 == 1
    factors[~is_new, SHARED:] = 0
    mixed = factors @ np.random.default_rng(9).normal(size=(SHARED + OWN, 12))
    return (mixed + NOISE * draw.normal(size=mixed.shape)).astype(np.float32), is_new, factors


def learned(jem: float = 100.0) -> dict[str, Array]:
    rows, is_new, _ = sets(400, seed=1)
    separation = Separation(4, 12, 64, 0.1, 2.0, 10.0, 100.0, jem)
    return dict(separate_rows(rows, is_new, Plan(300, 0.01), separation)[0])


def told(vectors: Array, wanted: Array) -> float:
    """The share of what is wanted that a linear map of half of the vectors says of the other half."""
    given = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1)
    half = len(given) // 2
    said = given[half:] @ np.linalg.lstsq(given[:half], wanted[:half], rcond=None)[0]
    return float(
        1 - ((said - wanted[half:]) ** 2).sum() / ((wanted[half:] - wanted[half:].mean(0)) ** 2).sum()
    )


@pytest.fixture(scope="module")
def state() -> dict[str, Array]:
    return learned()


def part(rows: Array, which: int, state: dict[str, Array]) -> Array:
    return conditional_projections.get("separated")(
        rows[:, None], np.ones((len(rows), 1), bool), which, state
    )


def test_each_part_tells_its_own_factors(state: dict[str, Array]) -> None:
    rows, is_new, factors = sets(600, seed=2)
    common, salient = (part(rows[is_new], which, state) for which in (separated.COMMON, separated.SALIENT))
    shared, own = factors[is_new, :SHARED], factors[is_new, SHARED:]

    assert told(salient, own) > told(salient, shared) + 0.4
    assert told(common, shared) > told(common, own) + 0.4


def test_k_jem_raises_the_joint_entropy_of_rows_that_it_never_saw(state: dict[str, Array]) -> None:
    rows, is_new, _ = sets(600, seed=2)

    def entropy(state: dict[str, Array]) -> float:
        parts = (part(rows[is_new], which, state) for which in (separated.COMMON, separated.SALIENT))
        return float(joint_entropy(*map(torch.from_numpy, parts)))

    assert entropy(state) > entropy(learned(jem=0.0)) + 0.1


def test_the_background_is_the_null_vector(state: dict[str, Array]) -> None:
    rows, is_new, _ = sets(600, seed=2)

    far = separated.salience(rows, state)

    assert np.quantile(far[~is_new], 0.95) < 0.2 * np.median(far[is_new])
    assert separated.salience(state["mean"][None], state) == pytest.approx(0, abs=1e-5)


def test_vectors_are_of_length_1_and_read_the_whole_alone(state: dict[str, Array]) -> None:
    rows = sets(20, seed=3)[0].reshape(10, 2, -1)
    method = conditional_projections.get("separated")

    for which in (separated.COMMON, separated.SALIENT):
        found = method(rows, np.ones((10, 2), bool), which, state)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(found, part(rows[:, 0], which, state), atol=1e-6)
        tensors = {name: torch.from_numpy(one) for name, one in state.items()}
        trained = separated.projected(torch.from_numpy(rows[:, 0].copy()), which, tensors)
        np.testing.assert_allclose(found, trained.numpy(), atol=1e-5)
    check_state(state, conditional_projections.state("separated"), input=12, width=4, conditions=2)


def test_the_joint_entropy_is_higher_of_parts_that_tell_nothing_of_each_other() -> None:
    draw = torch.Generator().manual_seed(0)
    one, other = (torch.nn.functional.normalize(torch.randn(200, 2, generator=draw)) for _ in range(2))

    assert joint_entropy(one, other) > joint_entropy(one, one) + 0.3
    assert uniform(one) < uniform(one * 0.1)


@dataclass
class World:
    """Photos of which the target's differ in green too, and the encoder of colours."""

    folder: Path
    cards: list[EncoderCard]
    store: Store

    def learn(self, data: str = "sets.jsonl", **parameters: Any) -> TrainingOutcome:
        return train(
            "separate", QUICK | parameters, cards=self.cards, store=self.store, data=[self.folder / data],
            output=self.folder / "out", say=lambda _: None,
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder, draw, lines = tmp_path_factory.mktemp("separated"), np.random.default_rng(3), []
    (folder / "cards").mkdir()
    for number in range(160):
        is_new = number % 2
        red, green = draw.integers(0, 240), draw.integers(120, 240) if is_new else GREEN
        (folder / f"{number}.png").write_bytes(png(int(red), int(green), BLUE))
        of = "target" if is_new else "background"
        lines.append(json.dumps({"file": f"{number}.png", "labels": {"set": of}}))
    (folder / "sets.jsonl").write_text("\n".join(lines))
    cards, store = [write_colours(folder / "cards", "eyes")], Store(folder / "models")
    assert pull(cards, cards, store, Silent()) == []
    return World(folder, cards, store)


@pytest.fixture(scope="module")
def outcome(world: World) -> TrainingOutcome:
    return world.learn(name="green")


def test_the_server_gives_the_vectors_of_both_parts(world: World, outcome: TrainingOutcome) -> None:
    photos = [Image(png(red, green, BLUE)) for red, green in ((30, 230), (220, 230), (30, GREEN))]
    settings = Settings(
        models=world.store.root, store=world.folder / "store", cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=("eyes",), binding="none", generator="none", drain_seconds=1,
        artifacts=(str(outcome.folder),), extensions=("lab",),
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        common, salient, whole = (
            np.stack(
                [
                    present(one.vector).values
                    for one in client.encode(photos, space="eyes", condition=condition)
                ]
            )
            for condition in ("green-common", "green-salient", "")
        )

    arrays = dict(outcome.artifact.arrays)
    np.testing.assert_allclose(common, part(whole, separated.COMMON, arrays), atol=1e-4)
    np.testing.assert_allclose(salient, part(whole, separated.SALIENT, arrays), atol=1e-4)
    distances = 1 - salient @ arrays["offset"][separated.SALIENT]
    assert distances[:2].min() > distances[2] + 0.3, "the third has a green of the background"


def test_the_report_says_what_is_new_here(outcome: TrainingOutcome) -> None:
    written = json.loads((outcome.folder / "new.json").read_text())

    assert outcome.learned.metrics["auc"] > 0.95
    called = [each["content"] for one in written["groups"] for each in one["contents"]]
    assert len(called) > 60
    assert all(int(Path(one).stem) % 2 for one in called), "those of the background are not new"
    assert [one["size"] for one in written["groups"]] == [len(one["contents"]) for one in written["groups"]]
    assert called[0] in (outcome.folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"file": "0.png", "labels": {"set": "both"}}, "line 1: the label 'set' is 'background' or 'target'"),
        (
            {"file": "0.png", "labels": {"of": "target"}},
            "line 1: the label 'set' is 'background' or 'target'",
        ),
        ({"text": "red", "labels": {"set": "target"}}, "line 1: a content has a 'file' and 'labels'"),
        ({"file": "gone.png", "labels": {"set": "target"}}, "line 1: there is no file"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(world: World, line: dict[str, object], says: str) -> None:
    (world.folder / "wrong.jsonl").write_text(
        json.dumps(line) + "\n" + (world.folder / "sets.jsonl").read_text()
    )

    with pytest.raises(InvalidInput, match=says):
        world.learn("wrong.jsonl")


def test_what_cannot_be_learned_is_refused(world: World) -> None:
    lines = (world.folder / "sets.jsonl").read_text().splitlines()
    (world.folder / "few.jsonl").write_text("\n".join(lines[:40]))

    with pytest.raises(InvalidInput, match="20 contents of the background to learn from, and it takes 32"):
        world.learn("few.jsonl")
    with pytest.raises(InvalidInput, match="small letters"):
        world.learn(name="No Name")
    with pytest.raises(NotFound, match="eyes"):
        world.learn(space="ears")
