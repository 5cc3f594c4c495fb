"""A request names an expert of a merged model, has its router choose one, or asks a collection of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.merged_cards import merged, pulled, write_cards
from support.present import present
from tieback.catalog.card import EncoderCard
from tieback.models.adapters import adapter_file
from tieback.models.store import Store
from tieback.serving.settings import Settings
from tieback_client import Client, Encoding, InvalidArgument, Item, NotFound
from tieback_client.cli.app import tieback

OWLS, WRENS = "owl flies at night", "wren wren wren"
SPACE = "both"


@pytest.fixture(scope="module")
def hashes(running: Running, store: Store, cards: Path) -> dict[str, str]:
    served = store.open(merged_card(cards)).manifest.served
    return {name: served[adapter_file(name)].sha256 for name in ("owls", "wrens")}


def merged_card(cards: Path) -> EncoderCard:
    router = {"owls": "owls.jsonl", "wrens": "wrens.jsonl"}
    return merged(cards, "twin", merge={"adapters": {"rank": 2}, "router": router})


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_cards(tmp_path_factory.mktemp("adapters") / "cards")
    for name, word in (("owls", "owl"), ("wrens", "wren")):
        others = ("flies", "at", "night", word, "noon")
        texts = [f"{word} {one} {two}" for one in others for two in others]
        pairs = [{"a": text, "b": f"{text} {word}"} for text in texts]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return folder


@pytest.fixture(scope="module")
def store(cards: Path) -> Store:
    return pulled(merged_card(cards), cards.parent)[0]


@pytest.fixture(scope="module")
def running(cards: Path, store: Store) -> Iterator[Running]:
    settings = Settings(
        store=cards.parent / "index",
        models=store.root,
        cards=cards,
        port=0,
        metrics_port=None,
        spaces=(SPACE,),
        generator="none",
        drain_seconds=1,
        adapter_bytes=0,  # each change of the adapter evicts the one before
    )
    with served_locally(settings) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as client:
        yield client


def outcomes(found: object) -> list[Encoding]:
    return [one for one in found.outcomes if isinstance(one, Encoding)]  # type: ignore[attr-defined]


def test_a_response_says_which_expert_was_applied_and_the_hash_of_its_adapter(
    client: Client, hashes: dict[str, str]
) -> None:
    assert present(next(one for one in client.spaces() if one.name == SPACE)).adapters == [
        "owls",
        "wrens",
        "mixed",
    ]

    for name, sha256 in hashes.items():
        (found,) = outcomes(client.encode(OWLS, space=SPACE, adapter=name))
        applied = present(found.adapter)
        assert (applied.name, applied.sha256, applied.weights) == (name, sha256, {})
        assert found.space.name == present(found.vector).space.name == f"{SPACE}+{name}"

    (found,) = outcomes(client.encode(OWLS, space=SPACE))
    assert found.adapter is None
    assert found.space.name == SPACE


def test_each_content_of_a_request_may_have_an_expert_of_its_own(client: Client) -> None:
    texts, adapters = [OWLS, WRENS, OWLS, WRENS], ["owls", "wrens", "", "owls"]

    mixed = outcomes(client.encode(texts, space=SPACE, adapter=adapters, batch_invariant=True, batch=3))

    for text, name, found in zip(texts, adapters, mixed, strict=True):
        (alone,) = outcomes(
            client.encode(text, space=SPACE, adapter=name, batch_invariant=True, cache="bypass")
        )
        assert alone.space == found.space
        np.testing.assert_array_equal(present(alone.vector).values, present(found.vector).values)


def test_an_adapter_that_is_not_there_is_refused_with_the_choices(client: Client) -> None:
    with pytest.raises(
        InvalidArgument, match="has no adapter 'eagles'; it has: owls, wrens, mixed"
    ) as refusal:
        client.encode(OWLS, space=SPACE, adapter="eagles")
    assert str(refusal.value.field) == "output.adapter"

    found = client.encode([OWLS, WRENS], space=SPACE, adapter=["eagles", "wrens"])

    assert list(found.errors) == [0]
    refused = found.errors[0]
    assert isinstance(refused, InvalidArgument)
    assert str(refused.field) == "adapters[0]"
    assert len(outcomes(found)) == 1


def test_the_router_chooses_where_it_is_asked_and_gives_its_weights(client: Client) -> None:
    owls, wrens = outcomes(client.encode([OWLS, WRENS], space=SPACE, adapter="auto"))

    for found, name in ((owls, "owls"), (wrens, "wrens")):
        applied = present(found.adapter)
        assert applied.name == name
        assert applied.weights.keys() == {"owls", "wrens"}
        assert sum(applied.weights.values()) == pytest.approx(1)
        assert applied.weights[name] > 0.5
        (named,) = outcomes(client.encode(OWLS if name == "owls" else WRENS, space=SPACE, adapter=name))
        np.testing.assert_allclose(present(found.vector).values, present(named.vector).values, atol=1e-5)


def test_all_experts_are_mixed_by_the_weights_of_the_router_in_one_space(client: Client) -> None:
    between = [" ".join(words) for words in permutations(("flies", "at", "night", "owl", "wren"), 3)]
    weighed = outcomes(client.encode(between, space=SPACE, adapter="auto"))
    largest = [max(present(one.adapter).weights.values()) for one in weighed]
    both = between[int(np.argmin(largest))]
    assert min(largest) < 0.9

    owls, wrens, mixed = outcomes(client.encode([OWLS, WRENS, both], space=SPACE, adapter="mixed"))
    (alone,) = outcomes(client.encode(both, space=SPACE, adapter="mixed", cache="bypass"))

    assert {one.space.name for one in (owls, wrens, mixed)} == {f"{SPACE}+mixed"}
    for found, name in ((owls, "owls"), (wrens, "wrens")):
        applied = present(found.adapter)
        assert applied.name == "mixed"
        assert sum(applied.weights.values()) == pytest.approx(1)
        assert applied.weights[name] > 0.5
    np.testing.assert_allclose(present(mixed.vector).values, present(alone.vector).values, atol=1e-5)
    for name in ("owls", "wrens", ""):
        (one,) = outcomes(client.encode(both, space=SPACE, adapter=name))
        assert np.abs(present(one.vector).values - present(mixed.vector).values).max() > 1e-4


def test_a_collection_is_in_the_space_of_one_expert_of_a_mixture_or_of_the_merged_weights(
    client: Client,
) -> None:
    items = [Item("one", OWLS), Item("two", WRENS)]
    client.ingest("owlery", items, space=f"{SPACE}+owls").collect()
    client.ingest("mixture", items, space=f"{SPACE}+mixed").collect()
    client.ingest("plain", items).collect()

    assert client.get_collection("owlery").space.name == f"{SPACE}+owls"
    assert client.get_collection("mixture").space.name == f"{SPACE}+mixed"
    assert client.get_collection("plain").space.name == SPACE
    for name in ("owlery", "mixture"):
        assert client.retrieve(name, OWLS).hits[0].hit.item_id == "one"
    with pytest.raises(NotFound, match=r"both\+owls"):
        client.ingest("eyrie", items, space=f"{SPACE}+eagles").collect()


def test_what_is_read_and_evicted_is_counted(client: Client, running: Running) -> None:
    for name in ("owls", "wrens", "owls"):
        client.encode(OWLS, space=SPACE, adapter=name, cache="bypass")

    assert running.value("tieback_adapter_evictions_total", space=SPACE) >= 2
    assert running.value("tieback_adapter_loads_total", space=SPACE) >= 3
    assert running.value("tieback_adapter_bytes", space=SPACE) > 0


def test_the_command_line_names_an_adapter(running: Running) -> None:
    done = CliRunner().invoke(
        tieback,
        ["encode", OWLS, "--space", SPACE, "--adapter", "auto", "--json", "--server", running.address],
    )

    assert done.exit_code == 0, done.output
    (applied,) = json.loads(done.stdout)["adapters"]
    assert applied["name"] == "owls"
    assert set(applied["weights"]) == {"owls", "wrens"}
