"""A platform that serves one model: no joint space and no router, and the whole pipeline all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.colours import png
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.small_spaces import write_colours, write_words
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import (
    AlreadyExists,
    Client,
    Image,
    InvalidArgument,
    Item,
    NotFound,
    SamplingParameters,
    Section,
    SpaceRef,
    TokenVectors,
)
from tieback_client.cli import app
from tieback_contract.method_choice import MethodChoice

SPACE = "all-minilm-l6-v2"
TIDES = "The gravity of the moon pulls the sea and makes the tides."
BREAD = "Bread is made from flour, water, salt and yeast."


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("one")
    settings = Settings(store=folder / "store", port=0, metrics_port=None, spaces=(SPACE,), drain_seconds=1)
    with served_locally(settings) as running:
        yield running.address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, timeout=60) as client:
        yield client


def test_one_text_model_ingests_retrieves_and_answers(client: Client) -> None:
    client.ingest("book", [Item("tides", TIDES), Item("bread", BREAD)]).collect()

    found = client.retrieve("book", "Why does the sea rise and fall?")
    answer = client.answer(
        "book", "What makes the tides?", sampling=SamplingParameters(max_tokens=12)
    ).collect()

    assert [(space.name, space.binding) for space in client.spaces()] == [(SPACE, "")]
    assert client.get_collection("book").space.name == SPACE
    assert [hit.hit.item_id for hit in found.hits] == ["tides", "bread"]
    assert answer.text
    assert not {"router"} & {service.name for service in client.server_info().services}


def test_stored_vectors_compare_with_those_of_encode(client: Client) -> None:
    client.create_collection("plain")
    client.ingest("plain", [Item("tides", TIDES), Item("bread", BREAD)]).collect()

    hit = client.search("plain", vector=client.encode([BREAD], space=SPACE)[0].vector).hits[0]

    assert hit.item_id == "bread"
    assert hit.score == pytest.approx(1, abs=1e-3)


def test_texts_are_reranked_by_the_vectors_of_tokens_that_their_collection_keeps(client: Client) -> None:
    items = [Item("tides", TIDES, title="Größe"), Item("bread", BREAD)]
    every = TokenVectors(pooling=("ward", {"factor": 1}), codec="float32")
    client.ingest("kept", items, token_vectors=True).collect()
    client.ingest("every", items, token_vectors=every).collect()
    client.ingest("encoded", items).collect()

    kept, whole, encoded = (
        client.retrieve(name, "Which salt is in bread?", reranker="late_interaction", explain=True)
        for name in ("kept", "every", "encoded")
    )

    assert [one.plan.token_vectors for one in (kept, whole, encoded)] == [True, True, False]
    scores = [{hit.hit.item_id: hit.rerank_score for hit in one.hits} for one in (kept, whole, encoded)]
    assert scores[1]["bread"] == pytest.approx(scores[2]["bread"], abs=0.01)
    assert scores[0]["bread"] == pytest.approx(scores[2]["bread"], abs=0.1)
    for found, words in ((whole, {"salt"}), (kept, set[str]())):
        first = found.hits[0]
        assert first.hit.item_id == "bread"
        assert first.alignment is not None
        spans = [map(int, pair.candidate.place) for pair in first.alignment.pairs]
        shown = {BREAD.encode()[slice(*span)].decode() for span in spans}
        assert words <= shown
        assert all(one and one in BREAD for one in shown)
    known = client.get_collection("kept").token_vectors
    assert known is not None
    assert isinstance(known.space, SpaceRef)
    assert (known.space.name, known.width, known.pooling) == (SPACE, 384, MethodChoice("ward", {"factor": 3}))
    assert known.stored_bytes == 10 * (384 + 4 + 8)
    hit = client.search("every", text="bread", token_vectors=True).hits[0]
    assert hit.multi_vector is not None
    assert hit.multi_vector.values.dtype == np.float16
    again = client.rerank("salt", [hit.multi_vector])
    assert again.results[0].rerank_score > 0.2
    with pytest.raises(AlreadyExists, match="keeps vectors of tokens"):
        client.create_collection("kept", token_vectors=TokenVectors(codec="binary"))
    with pytest.raises(InvalidArgument, match="factor"):
        client.ingest("more", items, token_vectors=TokenVectors(pooling=("ward", {"factor": 0}))).collect()


def test_own_vectors_of_tokens_are_written_and_wrong_ones_refused(client: Client) -> None:
    client.create_collection("own", token_vectors=TokenVectors(SPACE, codec="float16"))
    one = client.encode([BREAD], space=SPACE, kinds=("dense", "multi_vector"))[0]

    client.upsert(
        "own", [Item("bread", Section(BREAD, vector=one.vector, tokens=one.multi_vector))]
    ).collect()

    hit = client.search("own", text="bread", token_vectors=True).hits[0]
    assert hit.multi_vector is not None
    assert one.multi_vector is not None
    assert len(hit.multi_vector.values) == -(-len(one.multi_vector.values) // 3)
    with pytest.raises(InvalidArgument, match="ingest makes the vectors itself"):
        client.ingest("own", [Item("bread", Section(BREAD, tokens=one.multi_vector))]).collect()


def test_a_collection_says_by_which_codec_it_keeps_its_vectors(client: Client) -> None:
    client.ingest("signs", [Item("tides", TIDES), Item("bread", BREAD)], codec="binary").collect()

    made = client.get_collection("signs")
    hit = client.search("signs", vector=client.encode([BREAD], space=SPACE)[0].vector).hits[0]

    assert (made.codec, made.resident_bytes > 0) == ("binary", True)
    assert hit.item_id == "bread"
    assert hit.score == pytest.approx(1, abs=1e-3)
    assert client.create_collection("signs").codec == "binary"
    with pytest.raises(AlreadyExists, match="'binary'"):
        client.create_collection("signs", codec="int8")
    with pytest.raises(InvalidArgument, match="oversampling"):
        client.create_collection("more", codec=("binary", {"oversampling": -1}))


def test_weights_are_refused_where_there_is_nothing_to_weight(client: Client) -> None:
    client.ingest("alone", [Item("tides", TIDES)]).collect()

    with pytest.raises(InvalidArgument, match="nothing to weight"):
        client.retrieve("alone", "the moon", weights={SPACE: 1.0})
    with pytest.raises(InvalidArgument, match="nothing to weight"):
        client.create_collection("weighted", weights="uniform")


def test_a_folder_of_texts_and_photos_is_indexed_and_the_photos_are_left_out_once_with_the_reason(
    address: str, tmp_path: Path
) -> None:
    (tmp_path / "tides.md").write_text(f"# Tides\n\n{TIDES}\n")
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(250, 0, 0))
    arguments, there = ["index", str(tmp_path), "--collection", "folder"], {"TIEBACK_SERVER": address}

    told = CliRunner().invoke(app.tieback, arguments, env=there)
    again = CliRunner().invoke(app.tieback, [*arguments, "--json"], env=there)

    assert told.exit_code == 0, told.output
    assert told.output.count("skipped") == 1
    assert f"3 photos skipped: the collection's space {SPACE} encodes only texts" in " ".join(
        told.output.split()
    )
    name = tmp_path.name
    assert json.loads(again.stdout)["unread"] == [f"{name}/{number}.png" for number in range(3)]


def test_one_model_of_pictures_finds_pictures_and_needs_no_text_space(tmp_path: Path) -> None:
    card = write_colours(tmp_path, "colours")
    assert pull([card], [card], Store(tmp_path / "models"), Silent()) == []
    settings = Settings(
        store=tmp_path / "store", models=tmp_path / "models", cards=tmp_path, port=0, metrics_port=None,
        spaces=("colours",), drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        shades = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}
        client.ingest("paints", [Item(name, Image(png(*shade))) for name, shade in shades.items()]).collect()

        found = client.retrieve("paints", Image(png(10, 240, 20)))
        with pytest.raises(InvalidArgument, match="it reads: image"):
            client.retrieve("paints", "green")

    assert found.hits[0].hit.item_id == "green"


def test_a_collection_of_one_space_beside_the_joint_one(tmp_path: Path) -> None:
    words = dict(zip(["owl", "wren", "night"], np.eye(8)[:3], strict=True))
    cards = [write_words(tmp_path, name, words) for name in ("small-a", "small-b")]
    assert pull(cards, cards, Store(tmp_path / "models"), Silent()) == []
    settings = Settings(
        store=tmp_path / "store", models=tmp_path / "models", cards=tmp_path, port=0, metrics_port=None,
        spaces=("small-a", "small-b"), generator="none", drain_seconds=1,
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        client.create_collection("single", space="small-a")
        client.ingest("single", [Item("owl", "owl"), Item("wren", "wren")]).collect()
        client.ingest("made", [Item("owl", "owl")], space="small-b").collect()
        client.ingest("joined", [Item("owl", "owl")]).collect()

        spaces = {one.name: one.space.name for one in client.collections()}
        found = client.retrieve("single", "wren", reranker="none")
        with pytest.raises(AlreadyExists, match="small-a"):
            client.ingest("single", [Item("owl", "owl")], space="joint").collect()
        with pytest.raises(NotFound, match="small-a"):
            client.ingest("other", [Item("owl", "owl")], space="small-c").collect()

    assert spaces == {"single": "small-a", "made": "small-b", "joined": "joint"}
    assert found.hits[0].hit.item_id == "wren"
