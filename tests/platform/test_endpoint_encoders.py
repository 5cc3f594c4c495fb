"""An encoder that another platform serves: its vectors, its death and its replacement, seen from here."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from support.far_platform import FarPlatform, write_endpoint
from support.local_platform import Running, served_locally
from support.running_platform import wait_for
from tieback.serving.commands.models import models
from tieback.serving.settings import Settings
from tieback_client import Client, Health, Item, TiebackError, Unavailable

TEXTS = ["owl flies at night", "wren", "wren night", "owl at night at night"]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarPlatform]:
    made = FarPlatform(tmp_path_factory.mktemp("far"))
    made.start()
    yield made
    made.kill()


@contextmanager
def near(folder: Path, far: FarPlatform, **options: Any) -> Iterator[tuple[Running, Client]]:
    """The platform that is tested, whose one encoder is the far one's."""
    (folder / "cards").mkdir(exist_ok=True)
    if not (folder / "cards/far.yaml").exists():
        options = {"model": "words", "canary_seconds": 0.3} | options
        write_endpoint(folder / "cards", "openai_embeddings", far.base_url, options=options)
    settings = Settings(
        cards=folder / "cards", models=folder / "models", store=folder / "store", port=0, metrics_port=None,
        spaces=("far",), rerankers=("none",), checkers=("none",), recognisers=("none",), binding="none",
        generator="none", drain_seconds=1, cache_bytes=0,
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        yield running, client


def test_the_vectors_are_those_of_the_model_where_it_runs(far: FarPlatform, tmp_path: Path) -> None:
    texts = [" ".join(TEXTS[place % 4] for _ in range(1 + place)) for place in range(70)]
    assert far.platform is not None
    with near(tmp_path, far) as (running, client), Client(far.platform.address) as there:
        own = there.encode(texts, space="words").vectors
        found = client.encode(texts, space="far")
        space = client.spaces()[0]
        cosine = running.value("tieback_endpoint_cosine", space="far")

    assert np.abs(found.vectors - own).max() < 1e-6
    assert (space.name, space.width) == ("far", 16)
    assert cosine > 0.9999


def test_an_endpoint_killed_during_ingest_and_back_loses_nothing_acknowledged(
    far: FarPlatform, tmp_path: Path
) -> None:
    acknowledged, refusals = set[str](), list[str]()
    killed, started = threading.Timer(0.3, far.kill), threading.Timer(3.0, far.start)
    with near(tmp_path, far) as (_, client):
        killed.start()
        started.start()
        for number in itertools.count():
            items = [Item(f"item{number}-{one}", f"wren {TEXTS[one % 4]}") for one in range(20)]
            try:
                client.ingest("birds", items).collect()
                acknowledged |= {one.id for one in items}
            except Unavailable as error:
                refusals.append(error.reason)
                time.sleep(error.retry_delay or 0.2)
            if len(acknowledged) >= 400 and not started.is_alive():
                break
        started.join()
        kept = {one.id for one in client.items("birds")}
        after = client.retrieve("birds", "owl", hybrid=False)

    assert set(refusals) <= {"ENDPOINT_UNAVAILABLE"}
    assert len(refusals) + client.retries > 0
    assert len(acknowledged) >= 400
    assert acknowledged <= kept
    assert not after.routing.degraded


def test_while_its_endpoint_is_away_a_collection_is_searched_by_words(
    far: FarPlatform, tmp_path: Path
) -> None:
    with near(tmp_path, far) as (running, client):
        client.ingest("birds", [Item("first", "owl"), Item("second", "wren")]).collect()
        far.kill()
        by_words = client.retrieve("birds", "owl")
        with Client(running.address, timeout=3) as impatient, pytest.raises(Unavailable) as away:
            impatient.ingest("birds", [Item("refused", "wren")]).collect()
        far.start()
        kept = {one.id for one in client.items("birds")}

    assert [one.hit.item_id for one in by_words.hits] == ["first"]
    assert by_words.routing.reasons == {"far": "down"}
    assert away.value.reason == "ENDPOINT_UNAVAILABLE"
    assert away.value.retry_delay is not None
    assert "a search by words works meanwhile" in str(away.value)
    assert kept == {"first", "second"}


def test_a_model_that_is_replaced_behind_the_endpoint_is_caught(
    far: FarPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in {"CARDS": "cards", "MODELS": "models", "STORE": "store"}.items():
        monkeypatch.setenv(f"TIEBACK_{name}", str(tmp_path / folder))
    with near(tmp_path, far) as (running, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren")]).collect()
        before = client.encode("owl", space="far").vectors
        same = CliRunner().invoke(models, ["canary", "far"])

        far.kill()
        far.change(2)
        far.start()
        with pytest.raises(TiebackError) as refused:
            client.ingest("birds", [Item("c", "owl")]).collect()
        by_words = client.retrieve("birds", "wren")
        with pytest.raises(TiebackError):
            client.retrieve("birds", "wren", hybrid=False)
        cosine = running.value("tieback_endpoint_cosine", space="far")
        wait_for(lambda: client.health("endpoint:far") is Health.NOT_SERVING, 40)
        kept = {one.id for one in client.items("birds")}
    with near(tmp_path, far) as (_, client):  # the canary is on the disk
        with pytest.raises(TiebackError) as again:
            client.ingest("birds", [Item("c", "owl")]).collect()
        other = CliRunner().invoke(models, ["canary", "far"])

        far.kill()
        far.change(1)
        far.start()
        restored = client.encode("owl", space="far").vectors
        client.ingest("birds", [Item("d", "owl")]).collect()
        healed = client.retrieve("birds", "wren", hybrid=False)

    assert (same.exit_code, other.exit_code) == (0, 1)
    assert "The model is the same." in same.output
    assert "Another model answers" in other.output
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "ENDPOINT_CHANGED")
    assert again.value.reason == "ENDPOINT_CHANGED"
    for way_out in ("model of before", "another version", "tieback reindex", "--accept"):
        assert way_out in str(refused.value)
    assert far.base_url not in str(refused.value)
    assert [one.hit.item_id for one in by_words.hits] == ["b"]
    assert by_words.routing.degraded
    assert cosine < 0.9
    assert kept == {"a", "b"}
    assert np.abs(before - restored).max() < 1e-6
    assert not healed.routing.degraded


def test_a_change_on_purpose_is_another_version_and_a_reindex(far: FarPlatform, tmp_path: Path) -> None:
    with near(tmp_path, far) as (_, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren")]).collect()
    far.kill()
    far.change(3)
    far.start()
    path = tmp_path / "cards/far.yaml"
    card = yaml.safe_load(path.read_text())
    card["options"]["version"] = "2"
    path.write_text(yaml.safe_dump(card))

    with near(tmp_path, far) as (_, client):
        stale = client.get_collection("birds").stale
        last = client.reindex("birds").result()
        found = client.retrieve("birds", "wren", hybrid=False)
        own = client.encode("wren", space="far").vectors

    assert "tieback reindex birds" in stale
    assert (last.finished, last.done) == (True, 2)
    assert found.hits[0].hit.item_id == "b"
    assert found.hits[0].search_score == pytest.approx(1.0, abs=1e-5)
    assert own.shape == (1, 16)
