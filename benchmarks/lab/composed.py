"""A photo and words that change it, asked as users ask: a learned composition against the weighted sum.

Pictures of coloured shapes are drawn ("but red", "make it a square", "one more"), `tieback train
composed_query` learns from triplets of them by the shipped encoders, and a server finds what is meant among
all pictures but the query's own. The sum is that of the joint space, with the weight of the words that found
most of other triplets. Every run of the recipe holds a tenth of the triplets out, and only these are asked.
Pictures are seen in training, as a collection that a composition is learned for is; the triplets are not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.training.splits import split
from tieback_client import Client, Image, Item
from tieback_contract.arrays import Array

from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.served import NO_GENERATOR, asking
from benchmarks.statistics import paired

COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 70, 220), "yellow": (235, 210, 40)}
SHAPES, MOST = ("circle", "square", "triangle"), 3
SIDE, HALF, APART = 224, 28, 65
IMAGES, RUNS, CHOOSING = "efficientnet-lite0", 3, 40
WEIGHTS = (0.3, 0.5, 1.0, 2.0, 3.0)
LEARNING = {"steps": 200, "temperature": 0.03}
COMPOSED, SUM, PHOTO = "composition", "weighted sum", "photo alone"
METHOD = "44 (arXiv:2310.05473)"
OF = Tried(44, "ours", product=True, data="generated")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of the recipe, by seed ({RUNS})")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        found, weight = _asked(Path(folder), options.runs)
    report.table(
        "recall@1 of held-out triplets",
        [{"query": way, "queries": len(one), "recall@1": float(one.mean())} for way, one in found.items()],
    )
    for other in (SUM, PHOTO):
        one = paired(found[COMPOSED], found[other])
        report.claim(
            f"{METHOD}: recall@1 of the composition less that of the {other}, lower end of the interval",
            one.low, "", "> 0", low=one.low, high=one.high, of=OF,
            note=f"{found[COMPOSED].mean():.3f} against {found[other].mean():.3f}, paired by query"
            + (f"; words weigh {weight:g}" if other == SUM else ""),
        )  # fmt: skip
    return report


def drawn(folder: Path) -> list[dict[str, str]]:
    """Draws all pictures into the folder; the triplets of them."""
    things = list(itertools.product(COLOURS, SHAPES, range(1, MOST + 1)))
    for number, (colour, shape, count) in enumerate(things):
        _draw(colour, shape, count, number).save(folder / _file(colour, shape, count))
    found = []
    for colour, shape, count in things:
        changes = [(f"but {other}", (other, shape, count)) for other in COLOURS if other != colour]
        changes += [(f"make it a {other}", (colour, other, count)) for other in SHAPES if other != shape]
        changes += [("one more", (colour, shape, count + 1))] * (count < MOST)
        changes += [("one less", (colour, shape, count - 1))] * (count > 1)
        photo = _file(colour, shape, count)
        found += [{"photo": photo, "text": text, "target": _file(*meant)} for text, meant in changes]
    return found


def _asked(folder: Path, runs: int) -> tuple[dict[str, Array], float]:
    """Queries whose meant picture came first, by the way to ask, `[queries]`; and the weight of words."""
    triplets = drawn(folder)
    data = folder / "triplets.jsonl"
    data.write_text("\n".join(map(json.dumps, triplets)))
    learned = []
    for seed in range(runs):
        log(f"learning composition {seed}")
        parameters = {"name": f"run-{seed}", "seed": seed, **LEARNING}
        cards = Catalog.load().encoders()
        made = train(
            "composed_query", parameters, cards=cards, store=Store(), data=[data],
            output=folder / "learned", say=log,
        )  # fmt: skip
        learned.append(str(made.folder))
    settings = NO_GENERATOR | {"TIEBACK_ARTIFACTS": ",".join(learned)}
    with asking(settings=settings) as client:
        items = [Item(path.stem, Image.from_file(path)) for path in sorted(folder.glob("*.png"))]
        client.ingest("joint", items).collect()
        client.ingest("photos", items, space=IMAGES).collect()
        return _compared(client, folder, triplets, runs)


def _compared(
    client: Client, folder: Path, triplets: Sequence[Mapping[str, str]], runs: int
) -> tuple[dict[str, Array], float]:
    def found(way: str, triplet: Mapping[str, str], run: int = 0, weight: float = 1.0) -> bool:
        photo = Image.from_file(folder / triplet["photo"])
        queries: dict[str, dict[str, Any]] = {
            COMPOSED: {
                "collection": "photos", "query": [photo, triplet["text"]],
                "stages": [("composition", {"name": f"run-{run}"})],
            },
            SUM: {"collection": "joint", "query": [photo, (triplet["text"], weight)], "hybrid": False},
            PHOTO: {"collection": "photos", "query": photo},
        }  # fmt: skip
        hits = client.retrieve(**queries[way], limit=2).hits
        own, meant = (Path(triplet[name]).stem for name in ("photo", "target"))
        return next(one.hit.item_id for one in hits if one.hit.item_id != own) == meant

    parts = [split(len(triplets), seed) for seed in range(runs)]
    choosing = [triplets[place] for place in parts[0].training[:CHOOSING]]
    weight = max(WEIGHTS, key=lambda one: sum(found(SUM, triplet, weight=one) for triplet in choosing))
    asked = [(triplets[place], run) for run in range(runs) for place in parts[run].held_out]
    return {
        way: np.array([found(way, triplet, run, weight) for triplet, run in asked], np.float64)
        for way in (COMPOSED, SUM, PHOTO)
    }, weight


def _draw(colour: str, shape: str, count: int, seed: int) -> Picture.Image:
    draw = np.random.default_rng(seed)
    picture = Picture.new("RGB", (SIDE, SIDE), (240, 240, 240))
    pen = ImageDraw.Draw(picture)
    for number in range(count):
        x, y = 40 + number * APART + int(draw.integers(-8, 8)), int(draw.integers(50, 170))
        box = (x - HALF, y - HALF, x + HALF, y + HALF)
        if shape == "circle":
            pen.ellipse(box, fill=COLOURS[colour])
        elif shape == "square":
            pen.rectangle(box, fill=COLOURS[colour])
        else:
            pen.polygon([(x, y - HALF), (x - HALF, y + HALF), (x + HALF, y + HALF)], fill=COLOURS[colour])
    return picture


def _file(colour: str, shape: str, count: int) -> str:
    return f"{colour}-{shape}-{count}.png"
