"""Point clouds through the whole platform, with the real Point-NN and a binding made small."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods.projection import fit, unit_rows
from tieback.models.joint.artifact import BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train.encoding import encode
from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings
from tieback_client import Client, Image, InvalidArgument, Item, Points
from tieback_client.cli.app import tieback
from tieback_contract.modality import Modality
from tieback_lab.training.solids import SOLIDS, cloud

NAMES = ("sphere", "table", "ladder", "spring", "star")
WIDTH = 16


def one_of(name: str, copy: int) -> np.ndarray:
    return cloud([solid.name for solid in SOLIDS].index(name), copy, 3)


def small_binding(folder: Path) -> tuple[Path, Store]:
    """Words with a vector each, and Point-NN bound to them by three clouds of each name."""
    draw = np.random.default_rng(0)
    names = np.linalg.qr(draw.normal(size=(WIDTH, WIDTH)))[0][: len(NAMES)]
    words = write_words(folder, "words", dict(zip(NAMES, names, strict=True)))
    store = Store(folder / "store")
    assert pull([words], [words], store, Silent()) == []
    shapes = next(card for card in Catalog.load().encoders() if card.name == "point-nn")
    contents = [Content(Modality.POINTS, one_of(name, copy)) for name in NAMES for copy in range(3)]
    seen = encode(load_encoder(shapes, store), contents).dense
    of = np.repeat(np.arange(len(NAMES)), 3)
    centre = seen.mean(axis=0)
    states = {
        ("point-nn", "words"): fit("anchor_attention", seen, names[of]),
        ("words", "point-nn"): fit(
            "anchor_attention", names, unit_rows(np.stack([seen[of == n].mean(0) - centre for n in range(5)]))
        ),
        ("point-nn", "point-nn"): {"centre": centre, "basis": np.eye(shapes.width, dtype=np.float32)},
    }
    spaces = {card.name: card for card in (words, shapes)}
    projections = [BoundProjection(words.space, WIDTH, "words")]
    for (source, block), state in states.items():
        method, card = "subspace" if source == block else "anchor_attention", spaces[source]
        projections.append(BoundProjection(card.space, card.width, block, method, {}, state))
    blocks = [
        SpaceBlock(shapes.space, Modality.POINTS, shapes.width),
        SpaceBlock(words.space, Modality.TEXT, WIDTH),
    ]
    return JointSpaceArtifact(tuple(blocks), tuple(projections)).save(folder / "bound"), store


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("clouds")
    binding, store = small_binding(folder)
    settings = Settings(
        store=folder / "index", models=store.root, cards=folder, spaces=("words", "point-nn"),
        binding=str(binding), generator="none", port=0, metrics_port=0, drain_seconds=1,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = LocalServer(settings)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(60)
    try:
        yield f"localhost:{server.port}"
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def shelf(client: Client) -> str:
    """A new cloud of each name, and each name in words."""
    items = [Item(f"{name}-cloud", Points(one_of(name, 10)), title=f"A {name}") for name in NAMES]
    items += [Item(f"{name}-word", name) for name in NAMES]
    for acknowledgement in client.ingest("shelf", items):
        assert not acknowledgement.errors
    return "shelf"


def test_words_find_the_cloud_of_what_they_name(client: Client, shelf: str) -> None:
    for name in NAMES:
        reply = client.retrieve(shelf, name, filter='modality = "points"', hybrid=False, reranker="none")
        assert reply.hits[0].hit.item_id == f"{name}-cloud"


def test_a_cloud_finds_its_like_and_the_words_for_it(client: Client, shelf: str) -> None:
    reply = client.retrieve(shelf, Points(one_of("spring", 20)), limit=10, reranker="none")

    order = [one.hit.item_id for one in reply.hits]
    clouds = [one for one in order if one.endswith("-cloud")]
    words = [one for one in order if one.endswith("-word")]
    assert clouds[0] == "spring-cloud"
    assert words[0] == "spring-word"
    assert reply.routing.modality == "points"
    assert reply.routing.weights.keys() == {"words", "point-nn"}
    assert not reply.labels


def test_a_cloud_is_found_by_the_words_of_its_title(client: Client, shelf: str) -> None:
    reply = client.retrieve(shelf, "A ladder", filter='modality = "points"', reranker="none")

    assert reply.hits[0].hit.item_id == "ladder-cloud"
    assert reply.hits[0].hit.text == "A ladder"


def test_a_modality_that_the_binding_does_not_have_is_refused_with_those_it_has(
    client: Client, shelf: str
) -> None:
    with pytest.raises(InvalidArgument, match="this server does not read image; it reads: points, text"):
        client.retrieve(shelf, Image(b"a picture"))


def test_a_cloud_that_is_none_is_refused(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="points"):
        client.retrieve("shelf", Points(np.full((20, 3), np.nan, np.float32)))


def test_the_command_line_indexes_and_searches_clouds(address: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    np.save(folder / "ladder.npy", one_of("ladder", 30))
    star = "\n".join(" ".join(map(str, row)) for row in one_of("star", 30).tolist())
    (folder / "star.xyz").write_text(star)
    head = f"ply\nformat ascii 1.0\nelement vertex {len(star.splitlines())}\n"
    axes = "".join(f"property float {axis}\n" for axis in "xyz")
    (folder / "star.ply").write_text(f"{head}{axes}end_header\n{star}\n")
    (folder / "broken.ply").write_text("ply")

    def run(*words: str) -> Any:
        return CliRunner().invoke(tieback, words, env={"TIEBACK_SERVER": address})

    indexed = run("index", str(folder), "--collection", "cli", "--json")
    star_wanted = ("search", "--points", str(folder / "star.xyz"), "--collection", "cli", "--json")
    found, once = run(*star_wanted, "--every-copy"), run(*star_wanted)
    by_words = run(
        "search", "ladder", "--modality", "points", "--collection", "cli", "--json", "--reranker", "none"
    )

    report = json.loads(indexed.stdout)
    assert report["written"] == 3
    assert "it is no PLY" in report["failures"]["models/broken.ply"]
    hits = [hit["hit"]["item_id"] for hit in json.loads(found.stdout)["hits"]]
    assert set(hits[:2]) == {"models/star.ply", "models/star.xyz"}
    best = json.loads(once.stdout)["hits"][0]["hit"]  # both files hold the same points
    assert (best["item_id"], [one["item_id"] for one in best["also_in"]]) == (
        "models/star.ply",
        ["models/star.xyz"],
    )
    assert json.loads(by_words.stdout)["hits"][0]["hit"]["item_id"] == "models/ladder.npy"
