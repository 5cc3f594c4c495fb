"""Shapes as clouds of points: what does not matter about a cloud, and what does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import HERE, read_card
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.loading import load_encoder
from tieback.models.point_cloud import PointCloudModel
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

Model = PointCloudModel
CARD = HERE / "cards" / "point-nn.yaml"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Out of a store that holds nothing."""
    loaded = load_encoder(encoder_card(CARD), Store(tmp_path_factory.mktemp("empty")))
    assert isinstance(loaded, PointCloudModel)
    return loaded


def encoded(model: Model, points: Array, limits: Limits | None = None) -> Array:
    content = Content(Modality.POINTS, points.astype(np.float32))
    prepared = model.prepare(content, EncodePlan(), limits or Limits())
    (encoding,) = model.run([prepared], EncodePlan(kinds=model.card.kinds))
    assert encoding.dense is not None
    return encoding.dense


def sphere(random: np.random.Generator, count: int) -> Array:
    points = random.normal(size=(count, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def cube(random: np.random.Generator, count: int) -> Array:
    points = random.uniform(-1, 1, (count, 3))
    points[np.arange(count), random.integers(0, 3, count)] = random.choice([-1, 1], count)
    return points


def cylinder(random: np.random.Generator, count: int) -> Array:
    turn = random.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(turn), np.sin(turn), random.uniform(-1, 1, count)], axis=1)


def cone(random: np.random.Generator, count: int) -> Array:
    turn, radius = random.uniform(0, 2 * np.pi, count), np.sqrt(random.random(count))
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), 1 - 2 * radius], axis=1)


def torus(random: np.random.Generator, count: int) -> Array:
    turn, around = random.uniform(0, 2 * np.pi, (2, count))
    radius = 1 + 0.4 * np.cos(around)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), 0.4 * np.sin(around)], axis=1)


def disc(random: np.random.Generator, count: int) -> Array:
    return cone(random, count) * [1, 1, 0]


SHAPES: tuple[Callable[[np.random.Generator, int], Array], ...] = (sphere, cube, cylinder, cone, torus, disc)


def seen(shape: Callable[[np.random.Generator, int], Array], random: np.random.Generator) -> Array:
    """One of its kind: stretched, noisy, turned about the vertical, somewhere, of some size."""
    points = shape(random, int(random.integers(400, 600))) * random.uniform(0.8, 1.2, 3)
    points += random.normal(scale=0.03, size=points.shape)
    turn = random.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return np.asarray(points @ rotation * random.uniform(0.1, 10) + random.uniform(-5, 5, 3), np.float32)


@pytest.fixture
def cloud() -> Array:
    return torus(np.random.default_rng(3), 700).astype(np.float32)


def test_the_order_of_points_says_nothing(model: Model, cloud: Array) -> None:
    shuffled = np.random.default_rng(0).permutation(cloud)

    np.testing.assert_allclose(encoded(model, shuffled), encoded(model, cloud), atol=1e-5)


def test_the_order_of_points_says_nothing_where_every_distance_is_a_tie(model: Model) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(7)] * 3), axis=-1).reshape(-1, 3)
    shuffled = np.random.default_rng(0).permutation(grid)

    np.testing.assert_array_equal(encoded(model, shuffled), encoded(model, grid))


def test_a_point_that_is_given_twice_counts_once(model: Model, cloud: Array) -> None:
    repeated = np.concatenate([cloud, cloud[:50], cloud[:1]])

    np.testing.assert_array_equal(encoded(model, repeated), encoded(model, cloud))


def test_where_a_cloud_is_and_how_large_does_not_matter(model: Model) -> None:
    cloud = np.random.default_rng(1).integers(-512, 512, (500, 3)) / 512.0

    moved = encoded(model, cloud * 8 + [100, -200, 300])

    np.testing.assert_allclose(moved, encoded(model, cloud), atol=1e-5)


def test_rounding_of_a_cloud_that_was_moved_costs_little(model: Model, cloud: Array) -> None:
    assert encoded(model, cloud * 0.37 + [3.1, -2.7, 1.3]) @ encoded(model, cloud) > 0.999


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_a_cloud_of_fewer_points_than_neighbours_has_a_vector_too(model: Model, count: int) -> None:
    vector = encoded(model, np.random.default_rng(count).normal(size=(count, 3)))

    assert vector.shape == (model.card.width,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_equal_points_alone_are_one_point(model: Model) -> None:
    np.testing.assert_array_equal(encoded(model, np.ones((20, 3))), encoded(model, np.zeros((1, 3))))


def test_more_points_of_a_shape_than_are_used_change_it_little(model: Model) -> None:
    random = np.random.default_rng(5)
    few, many, other = torus(random, 1500), torus(random, 60_000), cube(random, 1500)

    one = encoded(model, few)

    assert one @ encoded(model, many) > one @ encoded(model, other)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
async def test_a_coordinate_that_is_no_number_is_refused_with_its_field(model: Model, value: float) -> None:
    bad = np.zeros((10, 3), np.float32)
    bad[4, 1] = value
    good = np.eye(3, dtype=np.float32)
    encoder = Encoder([model])

    reply = await encoder.encode(
        EncodeRequest("point-nn", [Content(Modality.POINTS, points) for points in (good, bad)]), NO_CALL
    )
    await encoder.close()

    first, second = reply.results
    assert isinstance(first, Encoding)
    assert isinstance(second, InvalidInput)
    assert str(second.field) == "contents[1].points"


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((51, 3)), "TOO_MANY_POINTS"),
        (np.zeros((0, 3)), "BAD_POINTS"),
        (np.zeros((5, 2)), "BAD_POINTS"),
        (np.zeros(6), "BAD_POINTS"),
    ],
)
def test_what_is_no_cloud_or_too_large_a_one_is_refused(model: Model, points: Array, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        encoded(model, points, Limits(points=50))

    assert (str(caught.value.field), caught.value.reason) == ("points", reason)


def test_coordinates_of_any_finite_size_give_a_vector(model: Model) -> None:
    largest = np.finfo(np.float32).max

    assert np.isfinite(encoded(model, np.array([[largest, 0, 0], [-largest, 1, 0], [0, 0, largest]]))).all()


async def test_the_nearest_cloud_is_mostly_one_of_the_same_shape(model: Model) -> None:
    random = np.random.default_rng(0)
    kinds = np.repeat(np.arange(len(SHAPES)), 4)
    clouds = [Content(Modality.POINTS, seen(SHAPES[kind], random)) for kind in kinds]
    encoder = Encoder([model])

    reply = await encoder.encode(EncodeRequest("point-nn", clouds), NO_CALL)
    await encoder.close()

    vectors = np.stack(
        [one.vector.values for one in reply.results if isinstance(one, Encoding) and one.vector]
    )
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    assert (kinds[similarity.argmax(axis=1)] == kinds).mean() >= 0.8  # chance: 0.13


def test_a_cloud_costs_the_points_that_are_used(model: Model) -> None:
    content = Content(Modality.POINTS, np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32))

    prepared = model.prepare(content, EncodePlan(), Limits())

    assert prepared.tokens == 1024


def written(folder: Path, **changes: object) -> Path:
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(CARD.read_text()) | changes))
    return path


def encoder_card(path: Path) -> EncoderCard:
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def test_the_revision_of_a_model_without_weights_names_its_computation(tmp_path: Path) -> None:
    card = encoder_card(CARD)
    described = encoder_card(written(tmp_path, description="other words"))
    other = encoder_card(written(tmp_path, width=576, options={"stages": 3}))

    assert len(card.revision) == 12
    assert described.space == card.space
    assert other.revision == card.revision
    assert other.space != card.space


def test_a_model_without_weights_cannot_have_some(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="point_cloud has no weights"):
        read_card(written(tmp_path, directory="."))


def test_a_width_that_the_method_does_not_give_is_refused(tmp_path: Path) -> None:
    card = encoder_card(written(tmp_path, options={"stages": 3}))

    with pytest.raises(StartupError, match="3 stages from 72 give vectors of 576; the card's width is 1152"):
        load_encoder(card, Store(tmp_path))
