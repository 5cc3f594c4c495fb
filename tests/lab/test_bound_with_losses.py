"""Words and photos that were bound with a loss of MTAM find each other on a server (method 60)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.colours import png
from support.local_platform import served_locally
from support.shade_worlds import plain_world
from support.shades import CLASSES, NAMES, World
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item

SPACES = ("words", "speech", "eyes")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return plain_world(tmp_path_factory.mktemp("shades"))


@pytest.mark.parametrize("method", ["correlation", "wasserstein"])
def test_names_find_their_photos_in_a_space_that_was_bound_with_the_loss(
    world: World, method: str, tmp_path: Path
) -> None:
    bound = world.bind(method=method, spaces=SPACES).bound
    settings = Settings(
        cards=world.folder, models=world.store.root, store=tmp_path, binding=bound.revision, port=0,
        spaces=SPACES, generator="none", metrics_port=None, drain_seconds=1,
        extensions=("lab",),
    )  # fmt: skip
    colours = (255 * np.random.default_rng(5).random((CLASSES, 3))).astype(int)
    photos = [Item(name, Image(png(*map(int, one)))) for name, one in zip(NAMES, colours, strict=True)]

    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        client.ingest("shades", photos, space="joint").collect()
        found = [client.retrieve("shades", f"a photo of {name}", limit=CLASSES) for name in NAMES]

    across = {one.method for one in bound.projections if (one.source.name, one.block) == ("words", "eyes")}
    assert across == {method}
    ranks = [
        [hit.hit.item_id for hit in one.hits].index(name) for one, name in zip(found, NAMES, strict=True)
    ]
    assert np.median(ranks) < CLASSES / 5, "by chance it is a half"
