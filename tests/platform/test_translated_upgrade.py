"""A collection whose old encoder is gone moves to another space, and is read by a transform meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.artifacts import Artifact
from tieback.models.joint.transforms import COMPATIBILITY
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Client, FailedPrecondition, Item

WORDS = [f"word{n:02}" for n in range(40)]
ITEMS = 400


def words_of(number: int) -> str:
    """Twelve words of four: the halves of a text are alike."""
    draw = np.random.default_rng(number)
    return " ".join(draw.choice(draw.choice(WORDS, 4, replace=False), 12))


def texts(count: int) -> Iterator[Item]:
    yield from (Item(f"{number:04}", words_of(number)) for number in range(count))


def settings_of(folder: Path, *spaces: str, **more: Any) -> Settings:
    return Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=spaces, generator="none", drain_seconds=1, binding="none", **more,
    )  # fmt: skip


def first(client: Client, number: int) -> tuple[str, str]:
    found = client.retrieve("planned", words_of(number), limit=5, hybrid=False).hits[0]
    return found.hit.item_id, found.hit.read_in


def write_spaces(folder: Path) -> None:
    """Two spaces of the same words: the second, turned, lacks what is noise in the first.

    So what is stored can be translated, and a query cannot be led back to it as well.
    """
    draw = np.random.default_rng(1)
    new = draw.normal(size=(len(WORDS), 10))
    old = np.concatenate([new, draw.normal(size=(len(WORDS), 4))], axis=1)
    cards = [
        write_words(folder, name, dict(zip(WORDS, rows, strict=True)))
        for name, rows in (("words-a", old), ("words-b", new @ np.linalg.qr(draw.normal(size=(10, 10)))[0]))
    ]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []


@pytest.mark.timeout(600)
@pytest.mark.all
def test_old_vectors_are_read_by_what_the_plan_learned_once_their_encoder_is_gone(tmp_path: Path) -> None:
    write_spaces(tmp_path)
    both = settings_of(tmp_path, "words-a", "words-b")
    with served_locally(both) as running, Client(running.address, timeout=60) as client:
        for name in ("planned", "unplanned"):
            client.ingest(name, texts(ITEMS), space="words-a").collect()
        plan = client.plan_upgrade("planned", space="words-b", policy="subspace").result(120)
        [planned] = plan.policies
        learned = Artifact.load(tmp_path / "store/upgrades/_/planned" / plan.artifact, COMPATIBILITY)

    alone = settings_of(tmp_path, "words-b", retired_spaces=0)
    with served_locally(alone) as running, Client(running.address, timeout=60) as client:
        with pytest.raises(FailedPrecondition, match="no transform"):
            client.upgrade("unplanned", space="words-b")
        poor = replace(learned, facts={**learned.facts, "translated": 0.5, "led": 0.4})
        poor.save(tmp_path / "store/upgrades/_/unplanned")
        with pytest.raises(FailedPrecondition, match=r"keeps 0\.50 .* less than 0\.8"):
            client.upgrade("unplanned", space="words-b")
        assert client.get_collection("unplanned").moving is None
        for _ in range(20):  # until it is paused before its end
            operation = client.upgrade("planned", space="words-b", least_trust=0.1)
            moving = client.pause_upgrade("planned").moving  # sent again until it has begun
            assert moving is not None
            assert moving.translation
            assert moving.trust == pytest.approx(min(planned.retention.value, 1))
            assert moving.translates_stored is planned.translates_stored is True
            if not moving.done:  # no section has a new vector yet
                assert client.retrieve("planned", words_of(7), limit=5, hybrid=False).hits[0].hit.trust
            done = operation.result(60).done
            if done < ITEMS:
                break
            client.rollback_upgrade("planned")
        assert done < ITEMS

        mixture = client.retrieve("planned", words_of(7), limit=5, hybrid=False).mixture
        assert mixture is not None
        assert (mixture.old, mixture.translated + mixture.new) == (0, 5)
        assert mixture.trust <= 1
        found = [first(client, number) for number in range(0, 40, 4)]
        assert (
            sum(
                item_id == f"{number:04}" for (item_id, _), number in zip(found, range(0, 40, 4), strict=True)
            )
            >= 8
        )
        assert "translated" in {read_in for _, read_in in found}
        client.ingest("planned", [Item("meanwhile", words_of(900))]).collect()
        assert first(client, 900)[0] == "meanwhile"

        result = client.resume_upgrade("planned").result(120)
        assert (result.done, result.total) == (ITEMS + 1, ITEMS + 1)
        assert first(client, 900) == ("meanwhile", "new")
        assert client.finish_upgrade("planned").space.name == "words-b"
        assert first(client, 900) == ("meanwhile", "")


@pytest.mark.timeout(600)
@pytest.mark.all
def test_a_space_that_is_no_longer_served_is_read_and_written_by_its_own_encoder(tmp_path: Path) -> None:
    write_spaces(tmp_path)
    both = settings_of(tmp_path, "words-a", "words-b")
    with served_locally(both) as running, Client(running.address, timeout=60) as client:
        client.ingest("planned", texts(300), space="words-a").collect()

    with (
        served_locally(settings_of(tmp_path, "words-b")) as running,
        Client(running.address, timeout=60) as client,
    ):
        operation = client.upgrade("planned", space="words-b")
        paused = client.pause_upgrade("planned").moving
        assert paused is not None
        assert not paused.translation
        operation.result(60)
        client.ingest("planned", [Item("meanwhile", words_of(900))]).collect()
        assert first(client, 900) in {("meanwhile", "old"), ("meanwhile", "new")}
        client.resume_upgrade("planned").result(120)
        assert first(client, 900) == ("meanwhile", "new")
        client.rollback_upgrade("planned")
        assert first(client, 900) == ("meanwhile", "")
