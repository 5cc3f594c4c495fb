"""One binding of all that there is: classes, a dual encoder, and the user's pairs."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from support.colours import png
from support.own_encoder import Silent
from support.shades import (
    CLASSES,
    NAMES,
    World,
    sentences,
    write_dual,
    write_eyes,
    write_words,
)
from support.small_spaces import write_colours, write_shapes
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import Store
from tieback.recipes.binding.bind import BindingOutcome
from tieback.recipes.pull import pull
from tieback_contract.modality import Modality
from tieback_lab.training.solids import SOLIDS, cloud

PHOTOS, PAIRS = 48, 40
SPACES = ("words", "speech", "eyes", "clip-text", "clip-image", "shapes", "own")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> BindingOutcome:
    folder = tmp_path_factory.mktemp("all")
    draw = np.random.default_rng(5)
    colours = draw.random((CLASSES, 3))
    cards = [
        write_words(folder, "words", colours, 1),
        write_words(folder, "speech", colours, 2),
        write_eyes(folder, "eyes", colours),
        *write_dual(folder, "clip", colours),
        write_shapes(folder, "shapes"),
        write_colours(folder, "own"),
    ]
    store = Store(folder / "store")
    assert pull(cards, cards, store, Silent()) == []
    data = folder / "data"
    data.mkdir()
    (data / "rain.txt").write_text(" ".join(sentences(draw)))
    for number, colour in enumerate(255 * colours[:PHOTOS]):
        (data / f"{number:02}.png").write_bytes(png(*(int(one) for one in colour)))
    pairs = folder / "pairs.jsonl"
    said = [{"text": f"a photo of {NAMES[n]}", "image": str(data / f"{n:02}.png")} for n in range(PAIRS)]
    for number, copy in product(range(len(SOLIDS)), range(2)):
        np.save(folder / f"{number}-{copy}.npy", cloud(number, copy, 0))
        said.append({"text": SOLIDS[number].name, "points": f"{number}-{copy}.npy"})
    pairs.write_text("\n".join(json.dumps(one) for one in said))
    return World(cards, store, data, folder).bind(spaces=SPACES, anchors=pairs)


def test_every_kind_of_member_has_its_block_its_projections_and_its_router(outcome: BindingOutcome) -> None:
    bound = JointSpaceArtifact.load(outcome.folder)

    assert {block.space.name: block.modality for block in bound.blocks} == {
        "words": Modality.TEXT, "speech": Modality.TEXT, "clip": Modality.IMAGE, "eyes": Modality.IMAGE,
        "own": Modality.IMAGE, "shapes": Modality.POINTS,
    }  # fmt: skip
    projected = {(one.source.name, one.block) for one in bound.projections}
    assert {("shapes", "clip"), ("clip", "shapes"), ("own", "clip"), ("clip", "own")} <= projected
    assert {router.modality: router.inputs for router in bound.routers} == {
        Modality.TEXT: ("words", "speech", "clip"),
        Modality.IMAGE: (),
        Modality.POINTS: (),
    }
    assert bound.imputations


def test_what_the_user_calls_a_thing_is_found_by_every_kind_of_member(outcome: BindingOutcome) -> None:
    metrics = outcome.bound.metrics

    reported = metrics["pairs"]["own"]["held_out"]
    assert reported["accuracy"] > 2 / reported["texts"]
    tasks = {row["task"] for row in metrics["retrieval"]}
    assert tasks >= {
        "text → image (own)",
        "text → image (eyes)",
        "text → image (your pairs)",
        "text → points",
    }
    assert metrics["decoupling"]["classes"] == ["image", "text"]
