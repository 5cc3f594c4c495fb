"""A component of a joint space is replaced, and only items that it encodes are encoded again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest
from support.colours import png
from support.local_platform import served_locally
from support.own_encoder import Silent
from support.same_hits import assert_same_hits
from support.shade_worlds import plain_world
from support.shades import CLASSES, NAMES, write_words
from tieback.models.store import Store
from tieback.recipes.binding import BindingOptions, Replacement, replace_component
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item, Section

PHOTOS, TEXTS, BOTH = 30, 40, 5
COPIED = 10
"""Texts beside the photos, where it is copied in many steps."""
# Serves shades by a binding and fills a collection, or moves it on. Where it is to die, it kills itself with
# SIGKILL before the write of the second copying. It says which copyings began, and which ended.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from support.colours import png
from support.killing import Killing
from tieback.answer.moving import collections as moving
from tieback.index.migration.generations import Generations
from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient, Image, Item

cards, models, store, binding, work = sys.argv[1:6]
colours, texts = json.loads(sys.argv[6])
moving.ORDERED = 8  # so that it is copied in several steps
killing, copyings, real = Killing(1), [], Generations.keep

async def keep(*arguments):
    copyings.append("begun")
    print(json.dumps(copyings), flush=True)
    if work == "die" and len(copyings) == 3:
        killing.arm("rename", "unlink")
    kept = await real(*arguments)
    copyings.append("ended")
    print(json.dumps(copyings), flush=True)
    return kept

Generations.keep = keep

async def main():
    words = "words" if work == "fill" else "talk"
    settings = Settings(
        cards=Path(cards), models=Path(models), spaces=(words, "speech", "eyes"), binding=binding,
        generator="none", store=Path(store), port=0, metrics_port=None, drain_seconds=0.1,
        originals_bytes=0,
    )
    async with LocalServer(settings) as server, AsyncClient(f"localhost:{server.port}") as client:
        said = [Item(f"text{n}", text) for n, text in enumerate(texts)]
        if work == "fill":
            seen = [Item(f"photo{n}", Image(png(*colour))) for n, colour in enumerate(colours)]
            await client.ingest("shades", [*seen, *said], space="joint").collect()
            return
        result = await (await client.upgrade("shades", space="joint")).result(60)
        await client.finish_upgrade("shades")
        await client.ingest("anew", said, space="joint").collect()
        told = [result.done, result.total, result.staying, len(result.failures)]
        print(json.dumps({"told": told}), flush=True)

asyncio.run(main())
"""


@dataclass(frozen=True)
class Replaced:
    """Cards and models with two bindings, of which the second has another text space in place of one."""

    folder: Path
    models: Path
    before: str
    after: str


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> Replaced:
    folder = tmp_path_factory.mktemp("replaced")
    world = plain_world(folder)
    colours = np.random.default_rng(5).random((CLASSES, 3))
    talk = write_words(folder, "talk", colours, 7, optional=True)
    assert pull([talk], [talk], world.store, Silent()) == []
    before = world.bind().bound
    cards, one = [*world.cards, talk], Replacement("words", "talk")
    options = BindingOptions(data=(world.data,), method="affine")
    after = replace_component(before, one, cards, Store(world.store.root), options, lambda _: None).bound
    return Replaced(folder, world.store.root, before.revision, after.revision)


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


@pytest.mark.timeout(600)
def test_only_items_of_the_replaced_component_are_encoded_again_and_the_plan_says_so(
    replaced: Replaced, tmp_path: Path
) -> None:
    colours = np.random.default_rng(5).random((CLASSES, 3))
    old_settings = Settings(
        cards=replaced.folder, models=replaced.models, spaces="words,speech,eyes", binding=replaced.before,
        generator="none", store=tmp_path / "index", port=0, metrics_port=0, drain_seconds=1,
        originals_bytes=0,
    )  # fmt: skip
    with served_locally(old_settings) as running, Client(running.address, timeout=60) as client:
        client.ingest("shades", items(colours), space="joint").collect()

    new_settings = old_settings.model_copy(
        update={"spaces": ("talk", "speech", "eyes"), "binding": replaced.after, "originals_bytes": 10**8}
    )
    with served_locally(new_settings) as running, Client(running.address, timeout=60) as client:
        plan = client.plan_upgrade("shades", space="joint", policy="subspace", items=50).result(120)
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
            # The originals of photos that stayed are not kept, so copies of them are not known as such.
            moved, anew = (
                client.retrieve(name, asked, hybrid=False, every_copy=True) for name in ("shades", "anew")
            )
            assert_same_hits(moved, anew)


def run(replaced: Replaced, store: Path, work: str) -> tuple[int, list[Any]]:
    """How the server ended, and what it said."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    binding = replaced.before if work == "fill" else replaced.after
    colours = np.random.default_rng(5).integers(0, 256, (PHOTOS, 3)).tolist()
    contents = json.dumps([colours, [f"a photo of {name}" for name in NAMES[:COPIED]]])
    given = replaced.folder, replaced.models, store, binding, work, contents
    command = [sys.executable, "-c", PROGRAM, *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def rows(store: Path, collection: str, kind: str) -> dict[str, list[np.ndarray]]:
    """The vectors that are on the disk, by item, of photos or texts."""
    found: dict[str, list[np.ndarray]] = {}
    table = lancedb.connect(store / "collections").open_table(collection)
    for row in table.to_arrow().select(["item_id", "vector"]).to_pylist():
        if row["item_id"].startswith(kind):
            found.setdefault(row["item_id"], []).append(np.array(row["vector"], np.float32))
    return found


@pytest.mark.all
@pytest.mark.timeout(600)
def test_vectors_that_stay_are_copied_once_and_to_the_bit_though_servers_died_meanwhile(
    replaced: Replaced, tmp_path: Path
) -> None:
    run(replaced, tmp_path, "fill")
    photos = rows(tmp_path, "shades", "photo")

    for _ in range(2):
        assert run(replaced, tmp_path, "die") == (
            -signal.SIGKILL,
            [["begun"], ["begun", "ended"], ["begun", "ended", "begun"]],
        )
    ended, said = run(replaced, tmp_path, "go on")

    assert (ended, said[-1]) == (0, {"told": [PHOTOS + COPIED, PHOTOS + COPIED, PHOTOS, 0]})
    assert len(photos) == PHOTOS
    np.testing.assert_equal(rows(tmp_path, "shades", "photo"), photos)
    texts, anew = (rows(tmp_path, name, "text") for name in ("shades", "anew"))
    assert texts.keys() == anew.keys()
    for name, made in texts.items():  # other texts in a batch change its last bits
        np.testing.assert_allclose(made, anew[name], atol=1e-5)
