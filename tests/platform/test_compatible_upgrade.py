"""A plan sees that the new encoder was trained to be compatible, and then needs no map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.catalog.card import EncoderCard
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Client, InvalidArgument, Item

WORDS = [f"word{number:02}" for number in range(60)]
ITEMS = 80


def texts() -> Iterator[Item]:
    """Texts of sixteen words whose halves have six words in common."""
    draw = np.random.default_rng(3)
    for number in range(ITEMS):
        own = draw.choice(WORDS, 6, replace=False)
        halves = [[*own, *draw.choice(WORDS, 2)] for _ in range(2)]
        yield Item(f"{number:04}", " ".join([*halves[0], *halves[1]]))


def earlier(card: EncoderCard) -> dict[str, Any]:
    """How a later card names its space."""
    return asdict(card.space) | {"width": card.width}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An old space, a new one that has it in its leading dimensions, and one that has it turned."""
    folder, draw = tmp_path_factory.mktemp("compatible"), np.random.default_rng(1)
    old, more = draw.normal(size=(len(WORDS), 8)), draw.normal(size=(len(WORDS), 8))
    turn = np.linalg.qr(draw.normal(size=(16, 16)))[0]
    first = write_words(folder, "words-1", dict(zip(WORDS, old, strict=True)))
    wide = np.concatenate([old, more], axis=1)
    second = write_words(folder, "words-2", dict(zip(WORDS, wide, strict=True)), compatible=[earlier(first)])
    wider = np.concatenate([wide, draw.normal(size=(len(WORDS), 4))], axis=1)
    third = write_words(
        folder, "words-3", dict(zip(WORDS, wider, strict=True)), compatible=[earlier(first), earlier(second)]
    )
    turned = write_words(folder, "turned", dict(zip(WORDS, wide @ turn, strict=True)))
    cards = [first, second, third, turned]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []
    settings = Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=tuple(card.name for card in cards), generator="none", drain_seconds=1, binding="none",
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        client.ingest("texts", texts(), space="words-1").collect()
        client.ingest("moved", texts(), space="words-2").collect()
        yield client


def test_a_space_that_is_compatible_is_tried_as_it_is_and_keeps_what_the_old_one_finds(
    client: Client,
) -> None:
    plan = client.plan_upgrade("texts", space="words-2").result(60)

    by_name = {one.policy: one for one in plan.policies}
    as_it_is = by_name["as_trained"]
    assert as_it_is.led.ndcg.value == pytest.approx(plan.old.ndcg.value)
    assert as_it_is.translated is not None
    assert {"orthogonal", "subspace"} < by_name.keys()


def test_it_may_be_tried_alone_and_the_transform_of_it_is_published(client: Client) -> None:
    plan = client.plan_upgrade("texts", space="words-2", policy="as_trained").result(60)

    assert (plan.policy, plan.width) == ("as_trained", 16)
    assert plan.new_old.value == pytest.approx(plan.old_old.value)
    assert plan.new_new.value == pytest.approx(plan.native.value)
    assert plan.artifact


def test_the_matrix_has_all_versions_that_the_new_one_is_compatible_with(client: Client) -> None:
    plan = client.plan_upgrade("moved", space="words-3", policy="as_trained").result(60)
    found = plan.matrix

    assert [one.name for one in found.spaces] == ["words-1", "words-2", "words-3"]
    cells = {(one.query, one.gallery): one.ndcg.value for one in found.cells}
    for later in (1, 2):
        assert cells[later, 0] == pytest.approx(cells[0, 0], abs=0.03), (
            "its leading dimensions are that space"
        )
    assert found.average_accuracy == pytest.approx(np.mean(list(cells.values())))


def test_a_space_that_is_not_known_to_be_compatible_is_not_tried_as_it_is(client: Client) -> None:
    plan = client.plan_upgrade("texts", space="turned").result(60)

    assert "as_trained" not in {one.policy for one in plan.policies}
    with pytest.raises(InvalidArgument, match="'turned' does not name words-1@") as refusal:
        client.plan_upgrade("texts", space="turned", policy="as_trained")
    assert [str(one.field) for one in refusal.value.violations] == ["policy"]
