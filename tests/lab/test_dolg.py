"""DOLG: trained on photos, put into the network's graph, served without PyTorch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import TensorProto, helper
from PIL import Image
from support.each import each
from support.own_encoder import Silent, encodings
from support.photo_encoder import NAME, SIDE, WIDTH, Photos, middle, photos_in, written
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.runtimes.image_regions import ImageRegions
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, OtherWeights, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.pictures.classifier import REGIONS
from tieback.models.pictures.regions import ImageRegionsModel, View
from tieback.models.store import Store
from tieback.recipes.export.image_classifier import load_network
from tieback.recipes.pull import pull
from tieback.recipes.train import REPORT, TrainingOutcome
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind
from tieback_lab.methods.map_pooling import dolg, gem, map_poolings, part
from tieback_lab.recipes.adapt.map_pooling import MAP_POOLING, adapt, weights_of
from tieback_lab.recipes.train.photo_views import read_photo

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return photos_in(tmp_path_factory.mktemp("dolg"))


@pytest.fixture(scope="module")
def outcome(world: Photos) -> TrainingOutcome:
    return world.train("out")


@pytest.fixture(scope="module")
def card(world: Photos, outcome: TrainingOutcome) -> EncoderCard:
    return world.pulled(outcome)


@pytest.fixture(scope="module")
def model(world: Photos, card: EncoderCard) -> ImageRegionsModel:
    loaded = load_encoder(card, world.store)
    assert isinstance(loaded, ImageRegionsModel)
    return loaded


@pytest.fixture(scope="module")
def maps(world: Photos, card: EncoderCard) -> tuple[Array, Array]:
    """The network's maps of all photos, by torch and the recipe's own preparation."""
    network = load_network(weights_of(world.base, world.store))
    options = card.options_for(ImageRegions)
    view = View(options.side, options.view, options.mean, options.scale)
    photos = [read_photo(path.read_bytes(), longest=4 * SIDE) for path in world.photos]
    with torch.no_grad():
        local, deep = network.maps(
            torch.from_numpy(view.scaled(np.stack([view.pixels(one) for one in photos])))
        )
    return local.numpy(), deep.numpy()


def vectors(model: EncoderModel, *photos: bytes) -> Array:
    """The vectors `[photos, width]`."""
    found = [one.dense for one in encodings(model, photos)]
    return np.array([one for one in found if one is not None]).reshape(len(photos), -1)


def test_what_is_learned_is_an_artifact_for_the_networks_weights(
    world: Photos, outcome: TrainingOutcome
) -> None:
    found = Artifact.load(outcome.folder, MAP_POOLING)

    assert found.made_for == (world.base.space,)
    assert found.arrays.keys() == dolg.STATE.keys()
    assert found.arrays["fused"].shape == (1024, WIDTH)
    assert {key: found.facts[key] for key in ("pooling", "space", "width", "side")} == {
        "pooling": "dolg", "space": world.base.name, "width": WIDTH, "side": SIDE,
    }  # fmt: skip
    assert found.provenance["configuration"]["margin"] == 0.15, "defaults are told, too"
    assert len(found.provenance["data"]) == len(world.photos)


def test_held_out_photos_say_what_the_training_gave(outcome: TrainingOutcome, world: Photos) -> None:
    metrics = outcome.artifact.facts["metrics"]

    assert metrics["found"].keys() == {"global average", "before training", "learned"}
    counted = {key: metrics["photos"][key] for key in ("training", "validation", "held_out", "backgrounds")}
    assert sum(counted.values()) == len(world.photos)
    assert counted["backgrounds"] == -(-len(world.photos) // 5)
    assert "| vectors | recall_at_1 | mean_average_precision |" in outcome.artifact.files[REPORT].decode()
    assert metrics["losses"][-1][1] > 0


def test_the_encoder_is_one_of_its_own_beside_the_network(world: Photos, card: EncoderCard) -> None:
    assert card.name == NAME
    assert card.space.name == NAME
    assert card.width == WIDTH
    assert card.kinds == {VectorKind.DENSE, VectorKind.MULTI_VECTOR}
    assert card.joint is None, "class names are the classifier's"
    assert card.license == world.base.license


def test_a_photo_has_a_vector_and_a_row_for_itself_and_each_of_nine_regions(
    model: ImageRegionsModel, world: Photos
) -> None:
    (found,) = encodings(model, (world.photos[0].read_bytes(),))

    assert found.dense is not None
    assert found.rows is not None
    assert found.locators is not None
    assert found.rows.shape == (10, WIDTH)
    assert np.linalg.norm(found.rows, axis=1) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(found.rows[0], found.dense)
    assert found.locators.kind is LocatorKind.BOX
    options = model.card.options_for(ImageRegions)
    with Image.open(world.photos[0]) as photo:
        boxes = View(options.side, options.view, 0, 1).boxes(*photo.size)
    np.testing.assert_allclose(found.locators.places, np.array(boxes, np.float32), atol=1e-6)


def test_regions_cost_no_more_and_are_left_out_where_nobody_asks(
    model: ImageRegionsModel, world: Photos
) -> None:
    content = Content(Modality.IMAGE, world.photos[0].read_bytes())
    plain, whole = EncodePlan(), EncodePlan(kinds=model.card.kinds)

    prepared = [model.prepare(content, plan, Limits()) for plan in (plain, whole)]
    weights = [model.weigh(content, plan, Limits()) for plan in (plain, whole)]

    assert prepared[0].tokens == prepared[1].tokens == weights[0].tokens == (SIDE // 32) ** 2
    assert weights[0] == weights[1]
    (without,) = model.run(prepared[:1], plain)
    assert (without.rows, without.locators) == (None, None)


def test_what_is_served_is_the_method_of_the_networks_maps(
    model: ImageRegionsModel, world: Photos, outcome: TrainingOutcome, maps: tuple[Array, Array]
) -> None:
    found = encodings(model, tuple(path.read_bytes() for path in world.photos[:3]))
    state, method = outcome.artifact.arrays, map_poolings.get("dolg")

    for place, one in enumerate(found):
        assert one.rows is not None
        own = [each[place : place + 1] for each in maps]
        for row, box in zip(one.rows, REGIONS, strict=True):
            wanted = method(part(own[0], box), part(own[1], box), state)[0]
            assert float(row @ wanted) > 0.99  # photos were made small in two ways


def test_of_real_photos_the_local_part_is_orthogonal_to_the_global_one_at_every_cell(
    outcome: TrainingOutcome, maps: tuple[Array, Array]
) -> None:
    state = outcome.artifact.arrays
    whole = gem.pooled(maps[1], state).astype(np.float64)

    parts = dolg.orthogonal(dolg.attended(maps[0], state), whole)

    assert np.abs(np.einsum("ncd,nd->nc", parts, whole)).max() < 1e-5


def test_a_photo_is_seen_in_its_proportions_by_the_square_that_the_network_itself_sees(
    model: ImageRegionsModel, world: Photos
) -> None:
    draw = np.random.default_rng(0).integers(0, 255, (100, 100, 3)).astype(np.uint8)
    square = Image.fromarray(draw)
    wide = Image.new("RGB", (300, 100), (90, 120, 90))
    wide.paste(square, (100, 0))

    one, other = vectors(model, written(square), written(wide))

    assert float(one @ other) > 0.999
    own = world.base.options_for(ImageClassifier)
    assert model.card.options_for(ImageRegions).view == own.crop / own.size


def test_the_boxes_of_regions_are_where_they_are_in_the_picture() -> None:
    boxes = np.array(View(256, 0.5, 127, 128).boxes(400, 200))

    assert boxes[0].tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(boxes[1], [0.375, 0.25, 0.125, 0.25])
    np.testing.assert_allclose(boxes[9], [0.5, 0.5, 0.125, 0.25])
    assert len(boxes) == len(REGIONS)


def test_photos_are_found_by_their_inner_halves(model: ImageRegionsModel, world: Photos) -> None:
    whole = vectors(model, *(path.read_bytes() for path in world.photos))
    parts = vectors(model, *map(middle, world.photos))

    found = (parts @ whole.T).argmax(axis=1) == np.arange(len(world.photos))

    assert found.mean() > 0.25, "one of twenty is found by chance"


def test_the_encoder_is_served_without_pytorch(
    world: Photos, outcome: TrainingOutcome, card: EncoderCard
) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from tieback.catalog.catalog import read_card
from tieback.core.types.content import Content
from tieback_contract.modality import Modality
from tieback.core.types.encoding import EncodePlan
from tieback_contract.limits import Limits
from tieback.models.loading import load_encoder
from tieback.models.store import Store
model = load_encoder(read_card(Path({str(outcome.card)!r})), Store({str(world.store.root)!r}))
photo = Content(Modality.IMAGE, Path({str(world.photos[0])!r}).read_bytes())
one = model.prepare(photo, EncodePlan(), Limits())
print(*model.run([one], EncodePlan())[0].dense.tolist())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    (expected,) = vectors(load_encoder(card, world.store), world.photos[0].read_bytes())
    np.testing.assert_allclose(np.array(done.stdout.split(), float), expected, atol=1e-5)


def test_a_second_run_computes_nothing_and_another_pooling_takes_the_same_maps(
    world: Photos, outcome: TrainingOutcome
) -> None:
    again, other = world.train("out"), world.train("out", pooling="gem")

    assert again.made == ()
    assert again.folder == outcome.folder
    assert other.made == ("gem of efficientnet-lite0",)
    assert other.artifact.arrays.keys() == gem.STATE.keys()
    assert other.card is not None
    assert other.card.stem == "efficientnet-lite0-gem"
    assert again.card is not None
    assert again.card.exists(), "the two stand side by side"


def test_without_a_step_the_state_is_what_the_maps_give_without_labels(world: Photos) -> None:
    found = world.train("unlearned", steps=0).artifact.facts["metrics"]["found"]

    assert found["learned"] == found["before training"]


def test_photos_that_cannot_be_read_are_named_and_left_out_and_copies_count_once(
    world: Photos, tmp_path: Path
) -> None:
    for path in world.photos:
        shutil.copyfile(path, tmp_path / path.name)
    shutil.copyfile(world.photos[0], tmp_path / "again.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    (tmp_path / "notes.txt").write_text("not looked at")
    said: list[str] = []

    made = world.train("partly", tmp_path, say=said.append, steps=1)

    metrics = made.artifact.facts["metrics"]["photos"]
    assert metrics["left_out"] == 1
    assert any(line.startswith("left out broken.jpg: ") for line in said)
    assert "| broken.jpg | " in made.artifact.files[REPORT].decode()
    assert len(made.artifact.provenance["data"]) == len(world.photos)


def test_too_few_photos_or_none_are_refused(world: Photos, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidInput, match=r"there are 3 different photos .* takes 16; 1 could not") as few:
        world.train("few", *world.photos[:3], world.photos[0], tmp_path / "broken.png")
    assert str(few.value.field) == "data"
    with pytest.raises(StartupError, match=r"no photos to learn from; name files or folders of \.jpg"):
        world.train("none", tmp_path / "empty")
    with pytest.raises(StartupError, match=r"there is no file or folder .*nowhere"):
        world.train("none", tmp_path / "nowhere")


@each(
    "changes, error, says",
    [
        ({"space": "efficientnet"}, NotFound, "no space is named 'efficientnet'; did you mean"),
        ({"pooling": "gam"}, NotFound, "no map pooling is named 'gam'"),
        ({"side": 200}, InvalidInput, "parameter 'side': .*multiple of 128"),
        ({"width": 1}, InvalidInput, "parameter 'width'"),
        ({"width": 1000}, InvalidInput, "the two halves give 2 to 624 dimensions"),
        ({"photos": 3}, InvalidInput, "parameter 'photos'"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_parameter(
    world: Photos, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        world.train("odd", **changes)


def test_an_encoder_without_such_maps_is_refused(world: Photos, card: EncoderCard) -> None:
    yamnet = next(one for one in Catalog.load().encoders() if one.name == "yamnet")

    for other in (yamnet, card):
        with pytest.raises(InvalidInput, match=f"the maps of {other.name} cannot be pooled") as refusal:
            replace(world, base=other).train("odd", space=other.name)
        assert str(refusal.value.field) == "parameters.space"


def test_without_the_networks_weights_it_is_said_how_to_fetch_them(world: Photos, tmp_path: Path) -> None:
    with pytest.raises(
        StartupError, match="weights of efficientnet-lite0 are not in the store; run: tieback"
    ):
        replace(world, store=Store(tmp_path)).train("odd")


def test_a_pooling_for_other_weights_is_refused(
    world: Photos, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    other = replace(outcome.artifact, made_for=(replace(world.base.space, revision="0123456789ab"),))

    with pytest.raises(OtherWeights, match=r"was made with efficientnet-lite0@0123456789ab .*train dolg"):
        adapt(other, {world.base.name: world.base}, world.store, tmp_path, print)


def test_a_card_that_no_training_wrote_is_not_replaced(
    world: Photos, outcome: TrainingOutcome, tmp_path: Path
) -> None:
    shipped = Catalog.load().get("wordllama-256").model_dump(mode="json", exclude_defaults=True)
    (tmp_path / f"{NAME}.yaml").write_text(yaml.safe_dump(shipped | {"role": "encoder", "name": NAME}))

    with pytest.raises(AlreadyExists, match=r"-dolg\.yaml is there, and no training wrote it.*--output"):
        adapt(outcome.artifact, {world.base.name: world.base}, world.store, tmp_path, print)


@pytest.mark.parametrize(
    ("given", "made", "shape", "says"),
    [
        (
            "image",
            ("vector", "regions"),
            (9, 4),
            "takes image and gives vector, regions; a network of regions",
        ),
        ("pixels", ("vector", "parts"), (9, 4), "takes pixels and gives vector, parts"),
        ("pixels", ("vector", "regions"), (8, 4), r"regions is \[2, 8, 4\] for 2 pictures; .* \[2, 9, 4\]"),
    ],
)
def test_a_graph_that_sees_no_regions_is_not_exported(
    tmp_path: Path, given: str, made: tuple[str, str], shape: tuple[int, int], says: str
) -> None:
    (tmp_path / "own").mkdir()
    rows, width = shape
    nodes = [
        helper.make_node("GlobalAveragePool", [given], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "one"], [made[0]]),
        helper.make_node("Gemm", ["flat", "many"], ["wide"]),
        helper.make_node("Reshape", ["wide", "shape"], [made[1]]),
    ]
    graph = helper.make_graph(
        nodes,
        "regions",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made],
        [
            onnx.numpy_helper.from_array(np.ones((3, width), np.float32), "one"),
            onnx.numpy_helper.from_array(np.ones((3, rows * width), np.float32), "many"),
            onnx.numpy_helper.from_array(np.array([-1, rows, width], np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "own/model.onnx")
    fields = {
        "name": "own", "role": "encoder", "runtime": "image_regions", "description": "mine", "license": "MIT",
        "upstream": "me", "directory": "own", "modality": "image", "width": 4,
        "kinds": ["dense", "multi_vector"],
        "options": {"weights": "model.onnx", "side": 32, "mean": 127, "scale": 128},
    }  # fmt: skip
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(fields))
    card = read_card(tmp_path / "own.yaml")
    assert isinstance(card, EncoderCard)

    with pytest.raises(StartupError, match=says):
        pull([card], [card], Store(tmp_path / "store"), Silent())
