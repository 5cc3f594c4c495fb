"""A platform with its collections in Milvus, by the SDK and the command line, also while Milvus is away."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support import milvus_lite
from support.local_platform import Running, served_locally
from support.own_encoder import Silent
from support.running_platform import wait_for
from support.small_spaces import write_words
from tieback.collections.served import ServedSpaces
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes import milvus_index
from tieback.serving.settings import Settings, load_settings
from tieback_client import Client, Health, InvalidArgument, Item, Section, Unavailable, Unimplemented
from tieback_client.cli import app

INDEX = "tieback.v1.IndexService"
WORDS = ["harbour", "light", "keeper", "storm", "lamp", "tower", "rock", "tide", "boat", "rope"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[milvus_lite.OwnProcess]:
    with milvus_lite.in_own_process(folder / "lite") as running:
        yield running


@pytest.fixture(scope="module")
def settings(folder: Path, server: milvus_lite.OwnProcess) -> Settings:
    draw = np.random.default_rng(3)
    (folder / "cards").mkdir()
    space = write_words(folder / "cards", "words", {word: draw.normal(size=8) for word in WORDS})
    pull([space], [space], Store(folder / "models"), Silent())
    return Settings(
        models=folder / "models", store=folder / "store", cards=folder / "cards", port=0, metrics_port=None,
        spaces=("words",), binding="none", rerankers=("none",), generator="none", drain_seconds=1,
        milvus=server.address,
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Running]:
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=30, retry=None) as made:
        yield made


def test_a_folder_is_indexed_searched_and_described_by_the_command_line(
    running: Running, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/harbour.txt").write_text("The harbour light is kept by its keeper.")
    (tmp_path / "notes/storm.txt").write_text("A storm broke the rope of the boat.")

    def run(*command: str) -> str:
        result = CliRunner().invoke(app.tieback, command, env={"TIEBACK_SERVER": running.address})
        assert result.exit_code == 0, result.output
        return result.output

    assert "2 files indexed" in run("index", str(tmp_path / "notes"), "--collection", "notes")
    assert "storm.txt" in run("search", "rope and boat", "--collection", "notes", "--limit", "1")
    assert "2 unchanged" in run("index", str(tmp_path / "notes"), "--collection", "notes")
    assert run("collections", "count", "notes", "--filter", "indexed_from = notes") == "2 items, 2 sections\n"
    (tmp_path / "notes/storm.txt").unlink()
    run("index", str(tmp_path / "notes"), "--collection", "notes", "--prune")
    assert "storm.txt" not in run("search", "rope and boat", "--collection", "notes")
    assert "words" in run("collections", "show", "notes")


def test_what_is_not_offered_says_so_through_the_sdk(client: Client) -> None:
    client.create_collection("refusing", "words")

    with pytest.raises(InvalidArgument) as refused:
        client.retrieve("refusing", "harbour", explain=True)
    with pytest.raises(Unimplemented, match="Milvus's own tools"):
        client.snapshot("refusing", "s")

    assert refused.value.field == "explain"


def test_while_milvus_is_away_the_other_services_are_served_and_the_index_is_again_by_itself(
    running: Running, client: Client, server: milvus_lite.OwnProcess
) -> None:
    client.create_collection("docs", "words")
    for acknowledgement in client.ingest("docs", [Item(id="a", sections=[Section("the harbour light")])]):
        assert not acknowledgement.errors
    failures = {"method": "query", "reason": "away"}
    server.kill()

    begin = time.monotonic()
    with pytest.raises(Unavailable) as away:
        client.retrieve("docs", "harbour", timeout=20)
    assert time.monotonic() - begin < 5
    assert "encoding, reranking, generation and grounding are served" in str(away.value)
    assert not any(secret in str(away.value) for secret in ("127.0.0.1", "pymilvus", "Traceback", "grpc"))
    wait_for(lambda: client.health(INDEX) is Health.NOT_SERVING)
    assert client.health("tieback.v1.EncoderService") is Health.SERVING
    assert len(client.encode("harbour", space="words").vectors) == 1
    assert running.value("tieback_milvus_failures_total", **failures) >= 1

    server.start()
    wait_for(lambda: client.health(INDEX) is Health.SERVING)
    assert [found.hit.item_id for found in client.retrieve("docs", "harbour").hits] == ["a"]


def test_a_platform_starts_while_milvus_is_away(settings: Settings, folder: Path) -> None:
    apart = settings.model_copy(update={"milvus": "http://127.0.0.1:1", "store": folder / "apart"})
    with served_locally(apart) as started, Client(started.address, timeout=30, retry=None) as client:
        wait_for(lambda: client.health(INDEX) is Health.NOT_SERVING)
        assert len(client.encode("harbour", space="words").vectors) == 1
        with pytest.raises(Unavailable, match="cannot reach its store"):
            list(client.collections())


def test_the_token_is_read_from_a_file_and_a_wrong_file_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_MILVUS", "http://127.0.0.1:1")
    monkeypatch.setenv("TIEBACK_MILVUS_TOKEN", str(tmp_path / "none"))
    settings = load_settings()

    with pytest.raises(StartupError, match="TIEBACK_MILVUS_TOKEN"):
        milvus_index.build(settings, Telemetry(settings), ServedSpaces())


def test_regions_and_milvus_do_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_MILVUS", "http://127.0.0.1:1")
    monkeypatch.setenv("TIEBACK_REGIONS", "each")

    with pytest.raises(StartupError, match="TIEBACK_REGIONS"):
        load_settings()
