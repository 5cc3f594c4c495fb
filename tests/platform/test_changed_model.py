"""A model changes: its collections are stale, answer by words, and are encoded again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.changing_models import Place
from support.colours import png
from support.local_platform import Running, served_locally
from support.own_encoder import Silent
from support.present import present
from support.small_spaces import write_words
from support.tenants import write_tokens
from support.word_spaces import SEA, word_spaces
from support.word_spaces import WORDS as VOCABULARY
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.catalog.own_directory import directory_hashes
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.commands import checks
from tieback.serving.commands.models import models
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item, RetrievalResult, Section, TiebackError
from tieback_client.cli import app
from tieback_client.messages.writing_items import sections

SHADES = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def found(client: Client, name: str, query: str) -> list[str]:
    return [hit.hit.item_id for hit in client.retrieve(name, query).hits]


def scores(found: RetrievalResult) -> dict[str, float]:
    return {hit.hit.item_id: hit.search_score for hit in found.hits}


def run(running: Running, *words: str) -> Result:
    return CliRunner().invoke(app.tieback, list(words), env={"TIEBACK_SERVER": running.address})


def empty_files(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".json":
            path.write_bytes(b"")


def test_after_a_change_of_model_a_collection_answers_by_words_until_it_is_encoded_again(
    place: Place,
) -> None:
    with place.served() as (_, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren day")]).collect()
        assert not client.get_collection("birds").stale
    place.change()

    with place.served(retired_spaces=0) as (running, client):
        stale = client.get_collection("birds").stale
        by_words = client.retrieve("birds", "wren")
        with pytest.raises(TiebackError, match="tieback reindex birds") as refusal:
            client.ingest("birds", [Item("c", "owl")]).collect()
        with pytest.raises(TiebackError, match="tieback reindex birds"):
            client.retrieve("birds", "wren", hybrid=False)
        told = run(running, "collections")
        examined = list(checks.server(running.address, token=None, ca=None))
        last = client.reindex("birds").result()
        again = run(running, "reindex", "birds")
        after = client.retrieve("birds", "wren")
        client.ingest("birds", [Item("c", "owl")]).collect()

        assert "tieback reindex birds" in stale
        assert "searched by words alone" in stale
        assert [hit.hit.item_id for hit in by_words.hits] == ["b"]
        assert by_words.routing.degraded
        assert by_words.routing.reasons == {"words": "stale"}
        assert refusal.value.details.reason == "COLLECTION_STALE"
        assert "stale" in told.output
        [finding] = [one for one in examined if one.name == "collection"]
        assert finding.advice == "tieback reindex birds"
        assert "nothing to do: its 2 items are in the space words as it is served" in again.output
        assert (last.finished, last.total, last.done) == (True, 2, 2)
        assert not client.get_collection("birds").stale
        assert not after.routing.degraded
        assert found(client, "birds", "wren")[0] == "b"
        assert running.value("tieback_index_stale_collections") == 0


def test_a_collection_is_searched_by_its_own_revision_until_it_is_encoded_again(place: Place) -> None:
    with place.served() as (_, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren day")]).collect()
        before = client.retrieve("birds", "wren", hybrid=False)
    place.change()

    with place.served() as (running, client):
        told = [run(running, *words).output for words in (["collections"], ["search", "wren", "-c", "birds"])]
        stale = client.get_collection("birds").stale
        own = client.retrieve("birds", "wren", hybrid=False)
        spaces = [space.name for space in client.spaces()]
        with pytest.raises(TiebackError, match="tieback reindex birds") as refusal:
            client.ingest("birds", [Item("c", "owl")]).collect()
        client.reindex("birds").result()
        after = client.retrieve("birds", "wren", hybrid=False)
        client.ingest("birds", [Item("c", "owl")]).collect()

        assert "searched by its own revision" in " ".join(told[0].split())
        assert "Found by the old model of words: tieback reindex" in " ".join(told[1].split())
        assert "searched by its own revision" in stale
        assert scores(own) == scores(before)
        assert (own.routing.degraded, own.routing.missing) == (False, [])
        assert own.routing.reasons == {"words": "stale"}
        assert spaces == ["words"]
        assert refusal.value.details.reason == "COLLECTION_STALE"
        assert after.routing.reasons == {}
        assert scores(after) != scores(before)


@pytest.mark.parametrize("damage", [shutil.rmtree, empty_files], ids=["gone", "damaged"])
def test_where_the_old_model_cannot_be_loaded_a_collection_is_searched_by_words(
    place: Place, damage: Callable[[Path], None]
) -> None:
    with place.served() as (_, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren day")]).collect()
    old = Store(place.folder / "models").stored_encoders()
    place.change()
    for card in old:
        damage(card.stored_in)

    with place.served() as (_, client):
        by_words = client.retrieve("birds", "wren")
        with pytest.raises(TiebackError, match="tieback reindex birds"):
            client.retrieve("birds", "wren", hybrid=False)

    assert [hit.hit.item_id for hit in by_words.hits] == ["b"]
    assert by_words.routing.degraded


def test_a_collection_is_searched_by_the_same_weights_as_they_were_used_before(place: Place) -> None:
    store = Store(place.folder / "models")
    with place.served() as (_, client):
        client.ingest("birds", [Item("a", "owl night"), Item("b", "wren day")]).collect()
        before = client.retrieve("birds", "wren", hybrid=False)
    path = place.folder / "words.yaml"
    path.write_text(path.read_text() + "max_tokens: 100\n")
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    assert pull([card], [], store, Silent()) == []

    with place.served() as (_, client):
        own = client.retrieve("birds", "wren", hybrid=False)

    assert {one.space.revision for one in store.stored_encoders() if one.name == "words"} == {card.revision}
    assert own.routing.reasons == {"words": "stale"}
    assert scores(own) == scores(before)


@pytest.mark.parametrize("changes", [False, True], ids=["another binding", "a component changed too"])
def test_a_joint_collection_is_searched_by_its_own_binding(tmp_path: Path, changes: bool) -> None:
    spaces = word_spaces(tmp_path / "spaces")
    served = spaces.settings(tmp_path / "store", originals_bytes=0)
    with served_locally(served) as running, Client(running.address, timeout=60) as client:
        client.ingest("words", [Item("a", "cat1 cat2"), Item("b", "boat1 boat2")]).collect()
        before = client.retrieve("words", "cat3", hybrid=False)
    if changes:
        shutil.rmtree(spaces.cards / SEA)
        directory_hashes.cache_clear()
        rows = np.random.default_rng(5).normal(size=(len(VOCABULARY) - 1, 8))
        (old,) = (card for card in Store(spaces.store).stored_encoders() if card.name == SEA)
        card = write_words(spaces.cards, SEA, dict(zip(VOCABULARY[1:], rows, strict=True)))
        assert pull([card], [card], Store(spaces.store), Silent()) == []
        places = {"CARDS": spaces.cards, "MODELS": spaces.store, "STORE": tmp_path / "store"}
        env = {f"TIEBACK_{name}": str(folder) for name, folder in places.items()}
        refused = CliRunner().invoke(models, ["remove", f"{SEA}@{old.revision}"], env=env)
        assert "is needed to search words: run tieback reindex words" in refused.output
    rebound = served.model_copy(update={"binding": "none"})

    with served_locally(rebound) as running, Client(running.address, timeout=60) as client:
        own = client.retrieve("words", "cat3", hybrid=False)
        stale = client.get_collection("words").stale
        last = client.reindex("words").result()
        after = client.retrieve("words", "cat3", hybrid=False)

    assert last.finished, last
    assert "searched by its own revision" in stale
    assert own.routing.reasons == {"joint": "stale"}
    assert not own.routing.degraded
    assert own.routing.weights == before.routing.weights
    assert scores(own) == pytest.approx(scores(before), abs=1e-5)
    assert after.routing.reasons == {}


def test_old_models_are_listed_and_removed_where_no_collection_needs_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in {"CARDS": ".", "MODELS": "models", "STORE": "store"}.items():
        monkeypatch.setenv(f"TIEBACK_{name}", str(place.folder / folder))
    with place.served() as (_, client):
        client.ingest("birds", [Item("a", "owl night")]).collect()
    place.change()

    def old() -> dict[str, str]:
        told = CliRunner().invoke(models, ["list", "--json"])
        rows = json.loads(told.stdout)["models"]
        return {row["name"]: row["state"] for row in rows if row["kind"] == "old revision"}

    states = old()
    needed = next(name for name in states if name.startswith("words@"))
    free = next(name for name in states if name.startswith("words-b@"))
    refused = CliRunner().invoke(models, ["remove", needed])
    removed = CliRunner().invoke(models, ["remove", free])
    current = CliRunner().invoke(models, ["remove", "eyes"])

    assert states == {needed: "old, needed by birds", free: "old, not needed"}
    assert (refused.exit_code, removed.exit_code, current.exit_code) == (1, 0, 1)
    assert "tieback reindex birds" in refused.output
    assert list(old()) == [needed]


@pytest.mark.all
def test_a_model_in_another_precision_reads_what_it_wrote_before(tmp_path: Path) -> None:
    items = [Item("a", "an owl hunts at night"), Item("b", "rain falls on the street")]
    served = Settings(
        store=tmp_path / "store", models=Store().root, port=0, metrics_port=None, drain_seconds=1,
        spaces=("all-minilm-l6-v2",), precision=("int8",), generator="none",
    )  # fmt: skip
    with served_locally(served) as running, Client(running.address, timeout=60) as client:
        client.ingest("birds", items).collect()
        before = client.retrieve("birds", "a bird in the dark", hybrid=False)
    exact = served.model_copy(update={"precision": ("float32",)})

    with served_locally(exact) as running, Client(running.address, timeout=60) as client:
        own = client.retrieve("birds", "a bird in the dark", hybrid=False)
        client.reindex("birds").result()
        after = client.retrieve("birds", "a bird in the dark", hybrid=False)

    assert own.routing.reasons == {"all-minilm-l6-v2": "stale"}
    assert not own.routing.degraded
    assert scores(own) == pytest.approx(scores(before), abs=1e-4)
    assert after.routing.reasons == {}
    assert scores(after) != scores(own)


def test_at_most_as_many_retired_spaces_are_loaded_as_the_settings_say(place: Place) -> None:
    names = ["first", "second"]
    for name in names:
        with place.served() as (_, client):
            client.ingest(name, [Item("a", "owl night"), Item("b", "wren day")]).collect()
        place.change()

    with place.served(retired_spaces=1) as (_, client):
        own = client.retrieve("first", "wren", hybrid=False)
        with pytest.raises(TiebackError, match="tieback reindex second"):
            client.retrieve("second", "wren", hybrid=False)

    assert own.routing.reasons == {"words": "stale"}


def test_photos_are_encoded_again_from_their_originals_in_the_joint_space(place: Place) -> None:
    with place.served("words,words-b,eyes") as (_, client):
        photos = [Item(name, Image(png(*shade))) for name, shade in SHADES.items()]
        client.ingest("album", [*photos, Item("text", "rain street")]).collect()
        assert client.get_collection("album").space.name == "joint"
        assert client.get_collection("album").item_count == 4
        before = {one.id: one for one in client.items("album")}
    place.change()

    with place.served("words,words-b,eyes") as (running, client):
        assert client.get_collection("album").stale
        told = run(running, "reindex", "album", "--json")
        assert json.loads(told.stdout)["finished"], told.output
        assert {one.id: one for one in client.items("album")} == before
        found_again = client.retrieve(
            "album", Image(png(10, 250, 10)), hybrid=False, balance_modalities=False
        )

    assert {hit.hit.item_id for hit in found_again.hits} == {*SHADES, "text"}


def test_items_without_originals_are_listed_and_dropped_only_where_that_is_said(place: Place) -> None:
    with place.served("words,words-b,eyes", originals_bytes=0) as (_, client):
        client.ingest("album", [Item("red", Image(png(250, 0, 0))), Item("text", "rain street")]).collect()
    assert not list((place.folder / "store" / "originals").glob("*/*"))
    place.change()

    with place.served("words,words-b,eyes") as (running, client):
        told = run(running, "reindex", "album")
        kept = client.get_collection("album")
        again = run(running, "reindex", "album", "--drop-missing", "--json")
        left = [one.id for one in client.items("album")]

    assert told.exit_code == 1
    assert "red" in told.output
    assert (kept.item_count, bool(kept.stale)) == (2, True)
    assert json.loads(again.stdout)["finished"]
    assert left == ["text"]


def test_a_collection_moves_to_another_served_space_while_it_is_written(place: Place) -> None:
    with place.served("words,words-b") as (_, client):
        client.ingest("birds", [Item(str(n), "owl night") for n in range(150)], batch=50).collect()
        operation = client.reindex("birds", space="words-b")
        client.ingest("birds", [Item("new", "wren day")]).collect()
        client.delete("birds", ["0"])
        end = operation.result()
        collection = client.get_collection("birds")

    assert end.finished
    assert (collection.space.name, collection.item_count) == ("words-b", 150)


def test_texts_are_split_again_for_a_space_that_reads_less_of_them_and_nothing_is_lost(
    place: Place,
) -> None:
    text = "The owl of the night. A wren by day, in the rain of the stréet. " * 40
    lead, tail = "ü owl. ", "wren day. " * 30
    long = Item(
        "long",
        [
            Section("owl night", id="0", title="Short", uri="a#L1", span=(0, 9)),
            Section(text, id="1", title="Long", uri="a#L2", span=(10, 10 + len(text.encode()))),
            Section("rain", id="1-2", span=(9000, 9004)),
            Section(lead + tail, id="2"),
        ],
        "A title",
        {"kind": "note"},
    )
    with place.served("words") as (_, client):
        client.ingest("birds", [Item("a", "owl night"), long]).collect()
        before = {one.id: one for one in client.items("birds")}

    place.add("words-small", max_tokens=16)

    with place.served("words,words-small") as (running, client):
        shown = run(running, "reindex", "birds", "--space", "words-small", "--json")
        after = {one.id: one for one in client.items("birds")}
        pieces = {one.id: one for one in sections(after["long"])}
        fits = [len(client.split(str(one.content), space="words-small")) for one in pieces.values()]
        hits = client.retrieve("birds", "stréet", limit=100, hybrid=True).hits
        again = client.reindex("birds", space="words-small").result()

    told = json.loads(shown.stdout)
    assert told["finished"], shown.output
    assert (told["split_sections"], told["added_sections"]) == (2, len(pieces) - 4)
    assert len(pieces) > 20
    assert set(fits) == {1}
    assert again.finished
    assert after["a"] == before["a"]
    assert (after["long"].title, after["long"].metadata) == ("A title", {"kind": "note"})
    assert pieces["0"] == sections(before["long"])[0]
    assert pieces["1-2"] == sections(before["long"])[2]
    for begin, whole, title in ((10, text, "Long"), (0, lead + tail, "")):
        own = [one for one in pieces.values() if one.title == title and one.id not in ("0", "1-2")]
        end = begin
        for one in own:
            first, until = present(one.span)
            assert whole.encode()[first - begin : until - begin].decode() == one.content
            assert not whole.encode()[end - begin : max(first, end) - begin].strip()
            end = until
        assert not whole.encode()[end - begin :].strip()
    assert {hit.hit.item_id for hit in hits} >= {"long"}


def test_two_tenants_encode_their_own_and_never_each_others(place: Place) -> None:
    acme, globex = {"acme-admin": "admin", "acme-write": "write"}, {"globex-admin": "admin"}
    place.tokens = write_tokens(place.folder / "tokens", {"acme": acme, "globex": globex})
    photo = Image(png(250, 0, 0))
    with place.served("words,words-b,eyes") as (running, client), other(running, "globex-admin") as theirs:
        for one in (client, theirs):
            one.ingest("album", [Item("red", [Section(photo), Section(photo)])]).collect()
    kept = list((place.folder / "store" / "originals").glob("*/*"))
    assert sorted(path.parent.name for path in kept) == ["acme", "globex"]
    place.change()

    with place.served("words,words-b,eyes") as (running, client), other(running, "globex-admin") as theirs:
        with other(running, "acme-write") as writer, pytest.raises(TiebackError, match="admin"):
            writer.reindex("album")
        with pytest.raises(TiebackError, match="no collection"):
            theirs.reindex("acme/album")
        assert client.reindex("album").result().finished
        assert theirs.get_collection("album").stale
        theirs.delete_collection("album")
        assert not client.get_collection("album").stale
    assert [path.parent.name for path in (place.folder / "store" / "originals").glob("*/*")] == ["acme"]


def other(running: Running, token: str) -> Client:
    return Client(running.address, timeout=60, token=token)
