"""A bound joint space over the wire: how a lost space is imputed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from support.local_platform import Running, served_locally
from support.word_spaces import LAND, SEA, SKY, word_spaces
from tieback_client import Client, Encoding, InvalidArgument, Item, NotFound, Section


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


def test_a_method_that_is_unknown_is_refused_with_the_choices(client: Client, library: str) -> None:
    with pytest.raises(NotFound, match="ridge, skip"):
        client.retrieve(library, "boat1", imputation="pray")
    with pytest.raises(InvalidArgument) as unknown:
        client.retrieve(library, "boat1", imputation=("ridge", {"k": 0}))

    assert [one.field for one in unknown.value.violations] == ["routing.imputation.parameters.k"]
