"""A server without an index encodes, reranks and checks, says that it keeps nothing, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.local_platform import Running, served_locally
from tieback.core.errors import StartupError
from tieback.serving.settings import Settings, load_settings
from tieback_client import Client, Item, Section
from tieback_client.errors import Unimplemented

SPACE = "wordllama-256"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("without") / "store"


@pytest.fixture(scope="module")
def platform(store: Path) -> Iterator[Running]:
    settings = Settings(
        store=store, port=0, metrics_port=None, http_port=0, drain_seconds=0, spaces=(SPACE,), binding="none",
        rerankers=("none",), recognisers=("none",), generator="none", index_enabled=False,
    )  # fmt: skip
    with served_locally(settings) as server:
        yield server


def test_it_encodes_checks_and_is_ready(platform: Running, store: Path) -> None:
    with Client(platform.address) as client:
        encoded = client.encode("a lighthouse", space=SPACE)
        checked = client.check("Cats sleep.", ["Cats sleep for twelve hours a day."])
        names = [one.name for one in client.server_info().services]

    assert encoded.vectors.shape == (1, 256)
    assert checked.claims
    assert names == [f"encoder:{SPACE}", "reranker"]
    assert not store.exists(), "a folder was made for nothing"


def test_what_needs_collections_is_unimplemented(platform: Running) -> None:
    with Client(platform.address) as client:
        for call in (
            lambda: client.ingest("library", [Item(id="a", sections=[Section("a", id="1")])]).collect(),
            lambda: client.retrieve("library", "a"),
            lambda: list(client.collections()),
            lambda: list(client.operations()),
        ):
            with pytest.raises(Unimplemented, match="no such call"):
                call()


def test_the_http_door_lists_models_and_embeds(platform: Running) -> None:
    with httpx.Client(base_url=platform.http) as http:
        listed = [one["id"] for one in http.get("/v1/models").json()["data"]]
        embedded = http.post("/v1/embeddings", json={"model": SPACE, "input": "a"})
        asked = {"model": "collection:library", "messages": [{"role": "user", "content": "Who?"}]}
        answered = http.post("/v1/chat/completions", json=asked)

    assert SPACE in listed
    assert not any(name.startswith("collection:") for name in listed)
    assert embedded.status_code == 200
    assert answered.status_code == 501


def test_one_series_says_how_busy_the_process_is(platform: Running) -> None:
    page = platform.server.telemetry.page().decode().splitlines()

    for name in ("tieback_waiting_items", "tieback_running_calls"):
        assert [line for line in page if line.startswith(name)] == [f"{name} 0.0"]


def test_collections_elsewhere_need_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_MILVUS", "http://milvus:19530")

    with pytest.raises(StartupError, match="TIEBACK_INDEX_ENABLED"):
        load_settings(index_enabled=False)
