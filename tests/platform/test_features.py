"""Categorical features through the whole platform: a space learned from pairs, items, queries and filters."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support import milvus_lite
from support.lab import lab as lab
from support.listeners import TRIBES, learn, pairs, pulled
from support.local_platform import Running, served_locally
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import (
    Client,
    Encoding,
    Features,
    InvalidArgument,
    Item,
    Modality,
    TiebackError,
    Unimplemented,
)
from tieback_client.cli.app import tieback

GENRES = [genre for liked in TRIBES.values() for genre in liked]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a model store in which the space is."""
    folder = tmp_path_factory.mktemp("features")
    pulled(learn(folder, pairs(2000)), Store(folder / "store"))
    return folder


@pytest.fixture(scope="module", params=["embedded", "milvus"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def running(folder: Path, store: str) -> Iterator[Running]:
    with contextlib.ExitStack() as stack:
        milvus = ""
        if store == "milvus":
            milvus = stack.enter_context(milvus_lite.in_own_process(folder / "lite")).address
        settings = Settings(
            models=folder / "store", store=folder / f"index-{store}", cards=folder / "cards", port=0,
            metrics_port=None, spaces=("records",), binding="none", generator="none", drain_seconds=1,
            originals_bytes=10**6, milvus=milvus,
        )  # fmt: skip
        yield stack.enter_context(served_locally(settings))


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def shelf(client: Client) -> str:
    items = [
        Item(f"{genre}-{label}", Features({"genre": genre, "label": f"l{label}"}), title=f"A {genre} record")
        for genre in GENRES
        for label in range(3)
    ]
    items.append(Item("both", Features({"genre": ["soul", "techno"]}), metadata={"year": 1972}))
    for acknowledgement in client.ingest("shelf", items, space="records"):
        assert not acknowledgement.errors
    return "shelf"


def test_a_listener_finds_the_records_that_the_tribe_likes(client: Client, shelf: str) -> None:
    for tribe, liked in TRIBES.items():
        found = client.retrieve(shelf, Features({"tribe": tribe}), limit=6)

        assert {one.hit.item_id.partition("-")[0] for one in found.hits} <= {*liked, "both"}
        assert found.hits[0].hit.modality is Modality.FEATURES


def test_filters_reach_the_features_of_items(client: Client, shelf: str) -> None:
    def ids(filter: str) -> set[str]:
        found = client.retrieve(shelf, Features({"tribe": "mods"}), filter=filter, limit=30)
        return {one.hit.item_id for one in found.hits}

    assert ids('genre = "techno"') == {"techno-0", "techno-1", "techno-2", "both"}
    assert ids('label = "l1" AND genre = "ska"') == {"ska-1"}
    assert ids("year < 1980") == {"both"}
    assert ids('modality = "features"') == ids("")


def test_features_are_the_words_of_a_hit(client: Client, shelf: str) -> None:
    found = client.retrieve(shelf, Features({"genre": "ska"}), filter='label = "l2"', limit=1)

    assert found.hits[0].hit.text == "A ska record: genre: ska; label: l2"


def test_bad_features_fail_alone_and_say_why(client: Client) -> None:
    encoded = client.encode(
        [
            Features({"genre": "soul"}),
            Features({"size": "42"}),
            Features({"genre": [f"g{place}" for place in range(300)]}),
            Features({}),
            Features({"genre": ""}),
            "words",
        ],
        space="records",
    )

    assert isinstance(encoded.outcomes[0], Encoding)
    assert encoded.outcomes[0].modality is Modality.FEATURES
    errors = encoded.errors
    assert "no feature 'size'; there are: genre, label, town, tribe" in errors[1].message
    assert isinstance(errors[1], InvalidArgument)
    assert [one.field for one in errors[1].violations] == ['contents[1].features.values["size"]']
    assert "300 values and this server takes 256" in errors[2].message
    assert "no features" in errors[3].message
    assert "1 to 4096 bytes" in errors[4].message
    assert "takes features, not text" in errors[5].message


def test_metadata_that_contradicts_a_feature_refuses_its_item_alone(client: Client) -> None:
    errors: dict[str, TiebackError] = {}
    for acknowledgement in client.ingest(
        "mixed",
        [
            Item("wrong", Features({"genre": "soul"}), metadata={"genre": "ska"}),
            Item("right", Features({"genre": ["ska", "soul"]}), metadata={"genre": ["soul", "ska"]}),
        ],
        space="records",
    ):
        errors |= acknowledgement.errors

    assert list(errors) == ["wrong"]
    assert "features become metadata" in errors["wrong"].message
    assert [one.id for one in client.items("mixed")] == ["right"]


def test_the_same_features_in_another_order_come_from_the_cache(running: Running, client: Client) -> None:
    first = client.encode([Features({"genre": ["ska", "soul"], "label": "l1"})], space="records")
    second = client.encode([Features({"label": ["l1", "l1"], "genre": ["soul", "ska"]})], space="records")

    assert (first[0].source, second[0].source) == ("computed", "memory")
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_a_collection_of_features_is_encoded_again_from_what_it_kept(client: Client, shelf: str) -> None:
    def ranking() -> list[str]:
        found = client.retrieve(shelf, Features({"tribe": "goths"}), limit=30)
        return [one.hit.item_id for one in found.hits]

    before = ranking()
    report = client.reindex(shelf).result()

    assert not report.failures
    assert ranking() == before


def test_what_an_item_was_made_of_can_be_read_again(
    running: Running, client: Client, shelf: str, tmp_path: Path, store: str
) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(
            tieback, ["collections", "original", shelf, *words], env={"TIEBACK_SERVER": running.address}
        )

    if store == "milvus":
        with pytest.raises(Unimplemented, match="not kept beside collections in Milvus"):
            client.original(shelf, "ska-1", "1")
        return
    assert client.original(shelf, "ska-1", "1") == Features({"genre": ["ska"], "label": ["l1"]})
    path = tmp_path / "ska.json"
    first, again = run("ska-1", "1", "--to", str(path)), run("ska-1", "1", "--to", str(path))
    missing = run("ska-1", "7", "--to", "-")
    assert json.loads(path.read_text()) == {"genre": ["ska"], "label": ["l1"]}
    assert first.exit_code == 0
    assert "is there already; --replace writes over it" in again.stderr
    assert "no section is named '7'" in missing.stderr


def test_a_space_says_which_features_it_has(client: Client) -> None:
    assert client.space("records").features == ["genre", "label", "town", "tribe"]


def test_a_space_of_features_reads_no_words(client: Client, shelf: str) -> None:
    with pytest.raises(InvalidArgument, match="does not read text; it reads: features"):
        client.retrieve(shelf, "soul music")


def test_features_are_named_on_the_command_line(running: Running, shelf: str, tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(tieback, words, env={"TIEBACK_SERVER": running.address})

    lines = tmp_path / "rows.jsonl"
    lines.write_text('{"id": "a", "features": {"genre": ["soul", "ska"]}}\n{"features": {"genre": "ska"}}\n')
    one = run("encode", "--feature", "genre=soul", "--feature", "genre=ska", "--space", "records", "--json")
    many = run("encode", "--lines", str(lines), "--space", "records", "--json")
    found = run("search", "--feature", "tribe=ravers", "-c", shelf, "-n", "3", "--json")
    wrong = run("search", "--feature", "tribe", "-c", shelf)

    rows = [json.loads(line) for line in many.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["a", 2]
    np.testing.assert_allclose(json.loads(one.stdout)["vectors"][0], rows[0]["vector"], atol=1e-6)
    assert json.loads(found.stdout)["hits"][0]["hit"]["item_id"].startswith(("techno", "house"))
    assert wrong.exit_code == 2
    assert "'tribe' is not NAME=VALUE" in wrong.stderr
