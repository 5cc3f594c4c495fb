"""A component of a joint space is replaced, and only items that it encodes are encoded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.colours import png
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.shade_worlds import plain_world
from support.shades import CLASSES, NAMES, write_words
from tieback.models.store import Store
from tieback.recipes.binding import Options, Replacement, replace_component
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item, RetrievalResult, Section

PHOTOS, TEXTS, BOTH = 30, 40, 5


def items(colours: np.ndarray) -> list[Item]:
    """Photos of shades, captions, and items of both."""
    photos = [Image(png(*(int(one) for one in 255 * colour))) for colour in colours]
    said = [f"a picture that shows {name} the rain and the street at night" for name in NAMES]
    return [
        *(Item(f"photo{n}", photos[n]) for n in range(PHOTOS)),
        *(Item(f"text{n}", said[n]) for n in range(TEXTS)),
        *(
            Item(f"both{n}", sections=[Section(photos[n], "seen"), Section(said[n], "said")])
            for n in range(BOTH)
        ),
    ]


def scored(found: RetrievalResult) -> list[tuple[str, float]]:
    return [(one.hit.item_id, round(one.search_score, 5)) for one in found.hits]


@pytest.mark.timeout(600)
def test_only_items_of_the_replaced_component_are_encoded_again_and_the_plan_says_so(tmp_path: Path) -> None:
    world = plain_world(tmp_path)
    colours = np.random.default_rng(5).random((CLASSES, 3))
    talk = write_words(tmp_path, "talk", colours, 7, optional=True)
    assert pull([talk], [talk], world.store, Silent()) == []
    before = world.bind().bound
    cards, one = [*world.cards, talk], Replacement("words", "talk")
    options = Options(data=(world.data,), method="affine")
    after = replace_component(before, one, cards, Store(world.store.root), options, lambda _: None).bound

    old_settings = Settings(
        cards=tmp_path, models=world.store.root, spaces="words,speech,eyes", binding=before.revision,
        generator_enabled=False, store=tmp_path / "index", port=0, metrics_port=0, drain_seconds=1,
        originals_bytes=0,
    )  # fmt: skip
    with served_locally(old_settings) as running, Client(running.address, timeout=60) as client:
        client.ingest("shades", items(colours), space="joint").collect()

    new_settings = old_settings.model_copy(
        update={"spaces": ("talk", "speech", "eyes"), "binding": after.revision, "originals_bytes": 10**8}
    )
    with served_locally(new_settings) as running, Client(running.address, timeout=60) as client:
        plan = client.plan_upgrade("shades", space="joint", policy="affine", items=50).result(120)
        assert (plan.items, plan.staying_items, plan.staying_sections) == (
            PHOTOS + TEXTS + BOTH,
            PHOTOS,
            PHOTOS,
        )
        result = client.upgrade("shades", space="joint").result(120)
        assert result.staying == PHOTOS
        assert set(result.failures) == {f"both{n}" for n in range(BOTH)}  # whose photos were not kept
        assert result.done == PHOTOS + TEXTS
        client.ingest("shades", items(colours)[-BOTH:]).collect()
        client.finish_upgrade("shades")
        client.ingest("anew", items(colours), space="joint").collect()
        for asked in (f"a photo of {NAMES[3]}", f"a picture that shows {NAMES[9]}"):
            moved, anew = (client.retrieve(name, asked, hybrid=False) for name in ("shades", "anew"))
            assert scored(moved) == scored(anew)
