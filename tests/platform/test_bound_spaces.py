"""A bound joint space over the wire: the caller names the domain, and how a lost space is imputed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.local_platform import Running, served_locally
from support.word_spaces import LAND, SEA, SKY, word_spaces
from tieback_client import Client, Encoding, InvalidArgument, Item, NotFound, Section

DOMAINS = {"animals": [LAND], "boats": [SEA, SKY]}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    spaces = word_spaces(tmp_path_factory.mktemp("spaces"))
    with served_locally(spaces.settings(tmp_path_factory.mktemp("index"))) as running:
        yield running


@pytest.fixture(scope="module")
def client(platform: Running) -> Iterator[Client]:
    with Client(platform.address, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def library(client: Client) -> str:
    texts = ("cat1 cat2", "boat1 boat2", "bird1 bird2", "tree1 tree2")
    items = [Item(id=text.split()[0], sections=[Section(text, id="1")]) for text in texts]
    for acknowledgement in client.ingest("words", items):
        assert not acknowledgement.errors
    return "words"


def said(client: Client, text: str, *spaces: str) -> list[Encoding]:
    return [client.encode([text], space=space)[0] for space in spaces]


def domain(name: str, **domains: list[str]) -> Any:
    return ("domain", {"domain": name, "domains": DOMAINS | domains})


@pytest.mark.parametrize(
    ("name", "weights"), [("animals", {LAND: 1, SEA: 0, SKY: 0}), ("boats", {LAND: 0, SEA: 0.5, SKY: 0.5})]
)
def test_a_query_of_a_named_domain_weights_the_domains_spaces_alone(
    client: Client, library: str, name: str, weights: dict[str, float]
) -> None:
    retrieved = client.retrieve(library, "boat1 boat2", weights=domain(name), reranker="none")
    fused = client.fuse([said(client, "boat1 boat2", LAND, SEA, SKY)], weights=domain(name))[0]

    for routing in (retrieved.routing, fused.routing):
        assert routing.policy == "domain"
        assert routing.weights == pytest.approx(weights)
        assert not routing.degraded
    assert retrieved.hits[0].hit.item_id == "boat1"
    norms = np.linalg.norm(np.split(fused.vector.values, 3), axis=1)
    assert norms == pytest.approx([weights[space] for space in (LAND, SEA, SKY)], abs=1e-5)


@each(
    "asked, field, says",
    [
        (domain("fish"), "routing.parameters.domain", "the domains are: animals, boats"),
        (domain("air", air=["nose"]), 'routing.parameters.domains["air"]', "'nose', which is no component"),
        (domain("air", air=[]), 'routing.parameters.domains["air"]', "has no spaces"),
        (("domain", {"domains": DOMAINS}), "routing.parameters.domain", "there is no domain ''"),
    ],
)
@each("ask", ["retrieve", "fuse"])
def test_an_unknown_domain_or_space_is_refused_with_the_choices(
    client: Client, library: str, ask: str, asked: Any, field: str, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says) as refusal:
        if ask == "retrieve":
            client.retrieve(library, "boat1", weights=asked)
        else:
            client.fuse([said(client, "boat1", LAND, SEA, SKY)], weights=asked)

    assert [one.field for one in refusal.value.violations] == [field]


def test_a_lost_space_is_imputed_and_counted(client: Client, platform: Running) -> None:
    whole = client.fuse([said(client, "boat1 cat2", LAND, SEA, SKY)])[0]
    before = platform.value("tieback_imputed_blocks_total", block=SEA, method="ridge")
    lost = said(client, "boat1 cat2", LAND, SKY)

    filled, skipped = (client.fuse([lost], imputation=method)[0] for method in (None, "skip"))

    assert filled.routing.imputed == {SEA: "ridge"}
    assert filled.routing.missing == skipped.routing.missing == [SEA]
    assert filled.routing.degraded
    assert (filled.routing.expected_recall_loss, skipped.routing.expected_recall_loss) == (2.0, 9.0)
    assert whole.vector.values @ filled.vector.values > 0.99 * whole.vector.values @ whole.vector.values
    assert not skipped.routing.imputed
    assert platform.value("tieback_imputed_blocks_total", block=SEA, method="ridge") == before + 1


def test_what_is_stored_is_filled_only_where_it_is_asked_for(client: Client) -> None:
    lost = said(client, "boat1", LAND, SKY)

    stored, asked_for = (
        client.fuse([lost], role="document", imputation=method)[0] for method in (None, "ridge")
    )

    assert not np.split(stored.vector.values, 3)[1].any()
    assert np.linalg.norm(np.split(asked_for.vector.values, 3)[1]) == pytest.approx(1, abs=1e-5)


def test_a_method_that_is_unknown_or_not_fitted_is_refused_with_the_choices(
    client: Client, library: str
) -> None:
    with pytest.raises(NotFound, match="nearest_neighbours, ridge, skip"):
        client.retrieve(library, "boat1", imputation="pray")
    with pytest.raises(InvalidArgument, match="it can: skip, ridge") as refusal:
        client.retrieve(library, "boat1", imputation=("nearest_neighbours", {"k": 3}))
    with pytest.raises(InvalidArgument) as out_of_range:
        client.retrieve(library, "boat1", imputation=("nearest_neighbours", {"k": 0}))

    assert [one.field for one in refusal.value.violations] == ["routing.imputation.name"]
    assert [one.field for one in out_of_range.value.violations] == ["routing.imputation.parameters.k"]
