"""A collection moves to another space over the wire: read in both, under load, and back again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.own_encoder import Silent
from support.same_hits import assert_same_hits
from support.small_spaces import write_colours, write_words
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import (
    AlreadyExists,
    Client,
    InvalidArgument,
    Item,
    NotFound,
    RetrievalResult,
    RetrievedHit,
    UpgradeResult,
)
from tieback_client.cli import app

WORDS = [f"word{n:02}" for n in range(40)]
ITEMS = 400
SPACES = ("words-a", "words-b", "words-c", "short", "colours")


def words_of(number: int) -> str:
    return " ".join(np.random.default_rng(number).choice(WORDS, 6, replace=False))


def texts(count: int, first: int = 0) -> Iterator[Item]:
    for number in range(first, first + count):
        yield Item(f"{number:04}", words_of(number), metadata={"even": number % 2 == 0})


def write_spaces(folder: Path) -> None:
    """Spaces of the same words: turned and wider ones, one that reads less of a text, and one of colours."""
    draw = np.random.default_rng(1)
    old = draw.normal(size=(len(WORDS), 8))
    wide = np.concatenate([old, draw.normal(size=(len(WORDS), 4))], axis=1)
    cards = [
        write_words(folder, "words-a", dict(zip(WORDS, old, strict=True))),
        write_words(
            folder,
            "words-b",
            dict(zip(WORDS, wide @ np.linalg.qr(draw.normal(size=(12, 12)))[0], strict=True)),
        ),
        write_words(folder, "words-c", dict(zip(WORDS, wide[:, :10], strict=True))),
        write_words(folder, "short", dict(zip(WORDS, wide, strict=True)), max_tokens=6),
        write_colours(folder, "colours"),
    ]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("moving")
    write_spaces(folder)
    settings = Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=SPACES, generator="none", drain_seconds=1, binding="none",
    )  # fmt: skip
    with served_locally(settings) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as client:
        yield client


def filled(client: Client, name: str, count: int = ITEMS, space: str = "words-a") -> None:
    client.ingest(name, texts(count), space=space).collect()


def waited(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Exact:
    """What any text scores with any query in the spaces of words, by the server's own encoders."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rows: dict[tuple[str, str], Any] = {}

    def know(self, texts: Iterable[str], *spaces: str) -> None:
        for space in spaces:
            wanted = sorted({text for text in texts if (space, text) not in self._rows})
            for begin in range(0, len(wanted), 100):
                batch = wanted[begin : begin + 100]
                rows = self._client.encode(batch, space=space).vectors
                self._rows |= {(space, text): row for text, row in zip(batch, rows, strict=True)}

    def is_read(self, one: RetrievedHit, query: str, space: str) -> bool:
        own = one.hit.vector_score if one.hit.own_score is None else one.hit.own_score
        product = float(self._rows[space, query] @ self._rows[space, one.hit.text])
        return own == pytest.approx(product, abs=2e-3)

    def check(self, found: RetrievalResult, query: str) -> None:
        """Each hit was compared in one space by vectors of that, which it names while there are two."""
        ids = [(one.hit.item_id, one.hit.section_id) for one in found.hits]
        assert len(set(ids)) == len(ids) == 20
        if all(one.hit.read_in for one in found.hits):
            named = {"old": "words-a", "new": "words-b"}
            assert all(self.is_read(one, query, named[one.hit.read_in]) for one in found.hits)
        else:
            assert any(
                all(self.is_read(one, query, space) for one in found.hits) for space in ("words-a", "words-b")
            )


class Load:
    """Searches without a pause until it is stopped, and keeps every answer and every error."""

    def __init__(self, address: str, collection: str) -> None:
        self.answers: list[tuple[str, RetrievalResult]] = []
        self.errors: list[Exception] = []
        self._address, self._collection = address, collection
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with Client(self._address, timeout=60) as client:
            number = 0
            while not self._stopped.is_set():
                number += 1
                query = " ".join(np.random.default_rng(number % 20).choice(WORDS, 3, replace=False))
                try:
                    found = client.retrieve(self._collection, query, hybrid=number % 2 == 0, limit=20)
                    self.answers.append((query, found))
                except Exception as error:  # noqa: BLE001 - none may be lost
                    self.errors.append(error)

    def __enter__(self) -> Load:
        self._thread.start()
        waited(lambda: len(self.answers) > 3)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


def test_no_answer_fails_or_mixes_spaces_during_an_upgrade_and_a_rollback(
    running: Running, client: Client
) -> None:
    filled(client, "busy")
    with Load(running.address, "busy") as load:
        result = client.upgrade("busy", space="words-b").result(120)
        assert (result.done, result.total, result.failure_count) == (ITEMS, ITEMS, 0)
        client.rollback_upgrade("busy")
        back = len(load.answers)
        waited(lambda: len(load.answers) > back + 3)
        assert client.get_collection("busy").space.name == "words-a"
        client.upgrade("busy", space="words-b").result(120)
        collection = client.finish_upgrade("busy")
        assert (collection.space.name, collection.moving) == ("words-b", None)
        done = len(load.answers)
        waited(lambda: len(load.answers) > done + 3)
    assert load.errors == []
    read = {one.hit.read_in for _, found in load.answers for one in found.hits}
    assert {"old", "new"} <= read
    exact = Exact(client)
    shown = [one.hit.text for _, found in load.answers for one in found.hits]
    exact.know({*shown, *(query for query, _ in load.answers)}, "words-a", "words-b")
    for query, found in load.answers:
        exact.check(found, query)


def test_the_result_is_that_of_a_reindex(client: Client) -> None:
    filled(client, "moved")
    filled(client, "again")
    client.upgrade("moved", space="short").result(120)
    client.finish_upgrade("moved")
    client.reindex("again", space="short").result(120)
    assert listed(client, "moved") == listed(client, "again")
    for query in ("word01 word07", "word20 word21 word22"):
        moved, again = (
            client.retrieve(name, query, limit=50, hybrid=False, collapse_pieces=False)
            for name in ("moved", "again")
        )
        assert_same_hits(moved, again)


def listed(client: Client, name: str) -> Any:
    items: list[Any] = list(client.items(name))
    return [(one.id, [(section.id, section.span) for section in one.sections]) for one in items]


def test_an_upgrade_is_paused_resumed_and_gone_on_with_by_what_was_written(client: Client) -> None:
    filled(client, "slow")
    operation = client.upgrade("slow", space="words-b")
    waited(lambda: (moving := client.get_collection("slow").moving) is not None and moving.done >= 32)
    paused = client.pause_upgrade("slow").moving
    assert paused is not None
    assert paused.paused
    ended = operation.result(60)
    assert ended.paused or ended.done == ITEMS
    client.ingest("slow", texts(3, first=ITEMS)).collect()
    client.delete("slow", ["0001"])
    found = client.retrieve("slow", words_of(ITEMS), limit=1, hybrid=False)
    assert found.hits[0].hit.item_id == f"{ITEMS:04}"
    assert found.mixture is not None
    result = client.resume_upgrade("slow").result(120)
    assert (result.done, result.total) == (ITEMS + 2, ITEMS + 2)
    mixture = client.retrieve("slow", "word03", hybrid=False).mixture
    assert mixture is not None
    assert (mixture.new, mixture.done, mixture.trust) == (10, 1.0, 1.0)
    client.finish_upgrade("slow")
    assert client.get_collection("slow").item_count == ITEMS + 2


def test_a_series_of_upgrades_goes_over_widths(client: Client) -> None:
    filled(client, "series", 300)
    for space, width in (("words-b", 12), ("words-c", 10), ("words-a", 8)):
        client.upgrade("series", space=space).result(120)
        collection = client.finish_upgrade("series")
        assert (collection.space.name, collection.width, collection.section_count) == (space, width, 300)
    found = client.retrieve("series", words_of(0), limit=1)
    assert found.hits[0].hit.item_id == "0000"


@pytest.mark.parametrize("codec", ["float16", "binary"])
def test_codecs_filters_and_limits_hold_between_the_spaces(client: Client, codec: str) -> None:
    client.ingest(f"coded-{codec}", texts(300), space="words-a", codec=codec).collect()
    client.upgrade(f"coded-{codec}", space="words-b").result(120)
    client.ingest(f"coded-{codec}", texts(20, first=300)).collect()
    found = client.retrieve(f"coded-{codec}", "word05 word06", limit=100, filter="even = true", hybrid=False)
    assert len(found.hits) == 100
    assert all(int(one.hit.item_id) % 2 == 0 for one in found.hits)
    assert {one.hit.read_in for one in found.hits} == {"new"}
    client.rollback_upgrade(f"coded-{codec}")
    assert client.get_collection(f"coded-{codec}").item_count == 320


def test_what_cannot_be_done_is_refused_by_name(client: Client) -> None:
    filled(client, "refused", 50)
    with pytest.raises(NotFound, match="refused"):
        client.pause_upgrade("refused")
    with pytest.raises(InvalidArgument, match="already"):
        client.upgrade("refused", space="words-a")
    with pytest.raises(NotFound):
        client.upgrade("refused", space="words-z")
    with pytest.raises(InvalidArgument, match="least_trust"):
        client.upgrade("refused", space="words-b", least_trust=2.0)
    client.upgrade("refused", space="words-b").result(60)
    with pytest.raises(AlreadyExists, match="roll"):
        client.upgrade("refused", space="words-c")
    with pytest.raises(AlreadyExists, match="roll"):
        client.reindex("refused", space="words-c").result(60)
    client.rollback_upgrade("refused")


def test_items_that_the_new_space_does_not_read_stay_until_they_are_dropped(client: Client) -> None:
    filled(client, "unread", 20)
    result: UpgradeResult = client.upgrade("unread", space="colours").result(60)
    assert (result.done, result.total, result.failure_count) == (0, 20, 20)
    with pytest.raises(InvalidArgument, match="20 of 20 items"):
        client.finish_upgrade("unread")
    assert client.retrieve("unread", "word01").hits
    client.rollback_upgrade("unread")


def test_the_command_line_shows_and_asks(running: Running, client: Client) -> None:
    filled(client, "told", 300)

    def said(*args: str, input: str = "") -> str:
        done = CliRunner().invoke(app.tieback, [*args], input=input, env={"TIEBACK_SERVER": running.address})
        assert done.exit_code == 0, done.output
        return done.output

    said("upgrade", "start", "told", "--to", "words-b")
    told = said("upgrade", "status", "told")
    assert "300 of 300" in told
    assert "tieback upgrade finish told, or tieback upgrade rollback told" in told
    assert "Hits read: " in said("search", "word01", "--collection", "told")
    known = json.loads(said("upgrade", "status", "told", "--json"))
    assert known["moving"]["done"] == 300
    refused = CliRunner().invoke(
        app.tieback, ["upgrade", "finish", "told"], input="n\n", env={"TIEBACK_SERVER": running.address}
    )
    assert refused.exit_code != 0
    assert client.get_collection("told").moving is not None
    assert "words-b" in said("upgrade", "finish", "told", "--yes")
