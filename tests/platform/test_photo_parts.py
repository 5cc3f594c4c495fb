"""A platform that finds photos by parts of them, with an encoder of regions that a recipe made."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Picture
from support.lab import lab as lab
from support.local_platform import Running, served_locally
from support.photo_encoder import NAME, WIDTH, Photos, middle, photos_in
from support.present import present
from tieback.serving.settings import Settings
from tieback_client import Candidate, Client, Image, InvalidArgument, Item
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice

WANTED = "coffee"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    made = photos_in(tmp_path_factory.mktemp("parts"))
    made.pulled(made.train("cards"))
    return made


@pytest.fixture(scope="module")
def running(world: Photos) -> Iterator[Running]:
    settings = Settings(
        store=world.folder / "store", models=world.store.root, cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=(NAME,), regions="each", binding="none", drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running, world: Photos) -> Iterator[Client]:
    """With all photos in the collection "album"."""
    with Client(running.address, timeout=60) as made:
        items = [Item(path.stem, Image.from_file(path)) for path in world.photos]
        made.ingest("album", items).collect()
        yield made


def photo_of(world: Photos, stem: str) -> Path:
    return next(path for path in world.photos if path.stem == stem)


def test_a_photo_is_encoded_with_its_regions_and_where_they_are(client: Client, world: Photos) -> None:
    photo = Image.from_file(photo_of(world, WANTED))

    found = client.encode(photo, space=NAME, kinds=["dense", "multi_vector"])[0]

    assert found.multi_vector is not None
    assert found.multi_vector.values.shape == (10, WIDTH)
    x, y, width, height = found.multi_vector.locators.places[5].tolist()
    assert (x + width / 2, y + height / 2) == (pytest.approx(0.5), pytest.approx(0.5))
    assert found.vector is not None
    np.testing.assert_allclose(found.multi_vector.values[0], found.vector.values, atol=1e-6)
    with pytest.raises(InvalidArgument, match="takes pictures, not text"):
        client.encode("a cup of coffee", space=NAME).raise_for_errors()


def test_photos_are_stored_by_their_regions_without_a_joint_space(client: Client, world: Photos) -> None:
    album = client.get_collection("album")

    assert album.space.name == NAME
    assert album.vector_count == 10 * album.section_count == 10 * len(world.photos)


def test_a_photo_is_found_by_a_part_of_it_and_the_hit_says_where(client: Client, world: Photos) -> None:
    part = Image(middle(photo_of(world, WANTED)))

    found = client.retrieve("album", part).hits

    assert WANTED in [one.hit.item_id for one in found[:3]]
    assert all(one.hit.region is not None for one in found)


def test_a_photo_alone_is_reranked_by_its_best_pair_of_regions_unless_another_order_is_asked_for(
    client: Client, world: Photos
) -> None:
    part = Image(middle(photo_of(world, WANTED)))

    found = client.retrieve("album", part, explain=True)
    kept = client.retrieve("album", part, reranker="none")
    diverse = client.retrieve("album", part, diversity=0.5)

    assert (found.plan.options.reranker, found.plan.options.candidates) == (MethodChoice("best_pairs"), 40)
    (wanted,) = [one for one in found.hits if one.hit.item_id == WANTED]
    assert wanted.rerank_score == max(present(one.rerank_score) for one in found.hits)
    assert [len(present(one.alignment).pairs) for one in found.hits] == [1] * len(found.hits)
    for other in (kept, diverse):
        assert other.plan.options.reranker == MethodChoice("none")
        assert all(one.rerank_score is None for one in other.hits)


def test_a_crop_that_is_too_small_for_regions_is_searched_for_as_a_whole(client: Client) -> None:
    file = io.BytesIO()
    Picture.new("RGB", (7, 90), (200, 30, 30)).save(file, "PNG")

    found = client.retrieve("album", Image(file.getvalue()))

    assert found.plan.options.reranker == MethodChoice("none")
    with pytest.raises(InvalidArgument, match="7 × 90 pixels") as refused:
        client.retrieve("album", Image(file.getvalue()), reranker="best_pairs")
    assert [one.field for one in refused.value.violations] == ["query[0].content.image"]


@pytest.mark.parametrize("method", ["late_interaction", "optimal_transport"])
def test_a_part_of_a_photo_is_reranked_by_regions_with_their_places(
    client: Client, world: Photos, method: str
) -> None:
    part = Image(middle(photo_of(world, WANTED)))

    found = client.retrieve("album", part, reranker=method, candidates=10, explain=True).hits

    assert all(one.rerank_score is not None for one in found)
    (wanted,) = [one for one in found if one.hit.item_id == WANTED]
    assert wanted.alignment is not None
    assert {pair.candidate.kind.value for pair in wanted.alignment.pairs} == {"box"}


def test_photos_are_reranked_without_a_collection(client: Client, world: Photos) -> None:
    part = Image(middle(photo_of(world, WANTED)))
    others = ["rocket", WANTED, "chelsea"]
    candidates = [Candidate(Image.from_file(photo_of(world, name)), id=name) for name in others]

    named = client.rerank(part, candidates, space=NAME, explain=True)
    unnamed = client.rerank(part, candidates)

    assert named.results[0].id == WANTED
    assert named.results[0].alignment is not None
    assert [one.id for one in unnamed.results] == [one.id for one in named.results], "there is one such space"


def test_regions_are_at_the_command_line(
    running: Running, client: Client, world: Photos, tmp_path: Path
) -> None:
    part = tmp_path / "part.png"
    part.write_bytes(middle(photo_of(world, WANTED)))
    there = {"TIEBACK_SERVER": running.address}

    def command(*words: str) -> str:
        done = CliRunner().invoke(app.tieback, words, env=there)
        assert done.exit_code == 0, done.output
        return done.stdout

    encoded = json.loads(
        command("encode", "--file", str(part), "--space", NAME, "--kinds", "dense,multi_vector", "--json")
    )
    shown = command(
        "search",
        "--image",
        str(part),
        "-c",
        "album",
        "--reranker",
        "late_interaction",
        "--explain",
        "-n",
        "3",
    )

    assert len(encoded["multi_vectors"][0]["locators"]["places"]) == 10
    assert WANTED in shown
    assert " ~ " in shown, "which regions matched which"
