"""A component of a joint space is replaced, and collections move from the old joint space to the new one."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.same_hits import assert_same_hits
from support.small_spaces import write_words
from support.word_spaces import SEA, word_spaces
from support.word_spaces import WORDS as VOCABULARY
from tieback.catalog.own_directory import directory_hashes
from tieback.models.joint.artifact import BoundProjection, SpaceBlock
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_client import Client, Item
from tieback_contract.modality import Modality

ITEMS, WIDTH = 300, 10
"""The width of the new component, which is narrower than the old one."""


def words_of(number: int) -> str:
    """Twelve words of four: the halves of a text are alike."""
    draw = np.random.default_rng(number)
    return " ".join(draw.choice(draw.choice(VOCABULARY[1:], 4, replace=False), 12))


def texts() -> Iterator[Item]:
    yield from (Item(f"{number:04}", words_of(number)) for number in range(ITEMS))


@pytest.mark.timeout(600)
@pytest.mark.all
def test_a_collection_follows_a_joint_space_of_which_a_component_was_replaced(tmp_path: Path) -> None:
    spaces = word_spaces(tmp_path / "spaces")
    before = spaces.settings(tmp_path / "store")
    with served_locally(before) as running, Client(running.address, timeout=60) as client:
        for name in ("both", "alone"):
            client.ingest(name, texts(), space="joint").collect()
        old = client.get_collection("both").space

    shutil.rmtree(spaces.cards / SEA)
    directory_hashes.cache_clear()
    rows = np.random.default_rng(5).normal(size=(len(VOCABULARY) - 1, WIDTH))
    card = write_words(spaces.cards, SEA, dict(zip(VOCABULARY[1:], rows, strict=True)))
    assert pull([card], [card], Store(spaces.store), Silent()) == []
    replaced = [one.space.name == SEA for one in spaces.bound.blocks]
    bound = dataclasses.replace(
        spaces.bound,
        blocks=tuple(
            SpaceBlock(card.space, Modality.TEXT, WIDTH) if new else one
            for new, one in zip(replaced, spaces.bound.blocks, strict=True)
        ),
        projections=tuple(
            BoundProjection(card.space, WIDTH, SEA) if new else one
            for new, one in zip(replaced, spaces.bound.projections, strict=True)
        ),
        imputations=tuple(one for one in spaces.bound.imputations if one.method == "skip"),
    )
    bound.save(Store(spaces.store).bound)
    after = before.model_copy(update={"binding": bound.revision})

    with served_locally(after) as running, Client(running.address, timeout=60) as client:
        assert client.get_collection("both").space == old
        plan = client.plan_upgrade("alone", space="joint", policy="subspace").result(120)
        assert (plan.old_space, plan.new_space.name) == (old, "joint")
        assert plan.new_space != old
        result = client.upgrade("both", space="joint").result(120)
        assert (result.done, result.total, result.failure_count) == (ITEMS, ITEMS, 0)
        mixture = client.retrieve("both", words_of(7), hybrid=False).mixture
        assert mixture is not None
        assert (mixture.new, mixture.old, mixture.trust) == (10, 0, 1.0)
        client.finish_upgrade("both")
        client.ingest("anew", texts(), space="joint").collect()
        moved, anew = (client.retrieve(name, words_of(7), hybrid=False) for name in ("both", "anew"))
        assert_same_hits(moved, anew, tolerance=1e-4)

    alone = after.model_copy(update={"retired_spaces": 0})
    with served_locally(alone) as running, Client(running.address, timeout=60) as client:
        operation = client.upgrade("alone", space="joint", least_trust=0.1)
        moving = client.pause_upgrade("alone").moving
        assert moving is not None
        assert moving.translation == plan.artifact
        operation.result(60)
        found = client.retrieve("alone", words_of(7), hybrid=False)
        assert found.mixture is not None
        assert found.mixture.old == 0
        assert "0007" in [one.hit.item_id for one in found.hits]
        client.resume_upgrade("alone").result(120)
        client.finish_upgrade("alone")
        assert_same_hits(client.retrieve("alone", words_of(7), hybrid=False), anew, tolerance=1e-4)
