"""Photos that are alike in shape, or in colour: found under a condition, and by their vectors as they are.

Coloured shapes are drawn on the photos of DIR/captions/images. `tieback train conditional_space` learns both
conditions (conditional cross-attention, arXiv:2307.13254) from two thirds of the pictures, in which a sixth
of the pairs of shape and colour never occur. A server finds among the other third, on other photos, with all
pairs alike. Each of these looks for those of its own shape, or colour, through SDK and wire, itself left out;
what is not among the best hundred counts as not found. What is learned is thrown away. It is done with photos
stored as one vector, and by their regions.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback_client import Client, Image, Item
from tieback_lab.recipes.train.photo_views import photo_files, read_photo

from benchmarks.data_folder import add_data, data_of
from benchmarks.photo_search import precision
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.served import asking
from benchmarks.statistics import paired

METHOD = "35 (arXiv:2307.13254)"
OF = Tried(35, "ours", product=True, data="generated")
HOLDS = "captions/images"
IMAGES = "efficientnet-lite0"
COLOURS = {
    "red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 70, 220), "yellow": (235, 210, 40),
    "purple": (150, 50, 200), "orange": (245, 140, 20),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
CONDITIONS = ("shape", "colour")
SIDE, SMALLEST, LARGEST = 224, 40, 70
LEARNED = 2 / 3
STORED = {False: "one vector a photo", True: "regions of photos"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture's file and what is drawn on it, by condition."""

    file: Path
    labels: Mapping[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--pictures", type=int, default=420, metavar="N", help="that are drawn [420]")
    parser.add_argument("--seed", type=int, default=0, help="draws the pictures and trains [0]")


def run(options: argparse.Namespace) -> Report:
    photos = photo_files([data_of(options, HOLDS) / HOLDS])
    report, rows = Report(), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        pictures = drawn(photos, Path(folder), options.pictures, options.seed)
        ends = round(LEARNED * len(pictures))
        data = Path(folder) / "labels.jsonl"
        lines = [{"file": one.file.name, "labels": dict(one.labels)} for one in pictures[:ends]]
        data.write_text("\n".join(map(json.dumps, lines)))
        for regions, stored in STORED.items():
            log(f"learning from {ends} pictures, {stored}")
            made = train(
                "conditional_space", {"regions": regions, "seed": options.seed},
                cards=Catalog.load().encoders(), store=Store(), data=[data],
                output=Path(folder) / "learned", say=log,
            )  # fmt: skip
            settings = {
                "TIEBACK_GENERATOR": "none",
                "TIEBACK_ARTIFACTS": str(made.folder),
                "TIEBACK_REGIONS": "each" if regions else "off",
            }
            with asking(settings=settings) as client:
                rows += measured(report, client, pictures[ends:], stored)
    report.table("mAP of pictures alike in a condition", rows)
    return report


def measured(
    report: Report, client: Client, pictures: Sequence[Drawn], stored: str, space: str = IMAGES
) -> list[dict[str, Any]]:
    """Finds of each picture under each condition and without, in a collection of them all."""
    items = [Item(one.file.stem, Image.from_file(one.file)) for one in pictures]
    client.ingest("pictures", items, space=space).collect()
    rows = []
    for condition in CONDITIONS:
        other = next(one for one in CONDITIONS if one != condition)
        under, plain = zip(*(_found(client, pictures, one, condition) for one in pictures), strict=True)
        alike, before, wrong = (
            np.array(
                [
                    precision(items, _alike(pictures, one, label))
                    for one, items in zip(pictures, found, strict=True)
                ]
            )
            for found, label in ((under, condition), (plain, condition), (under, other))
        )
        gain = paired(alike, before)
        rows.append(
            {
                "stored": stored, "condition": condition, "queries": len(pictures),
                "under the condition": float(alike.mean()), "as they are": float(before.mean()),
                "gain": gain.value, "low": gain.low, "high": gain.high,
                "under it, by the other label": float(wrong.mean()),
            }
        )  # fmt: skip
        report.claim(
            f"{METHOD}: mAP of held-out pictures alike in {condition}, {stored}, under the condition less as "
            "they are",
            gain,
            "",
            "> 0",
            note=f"{len(pictures)} queries",
            of=OF,
        )
    return rows


def drawn(photos: Sequence[Path], folder: Path, count: int, seed: int) -> list[Drawn]:
    """Draws pictures into the folder, those to learn from first, on other photos than the rest."""
    draw = np.random.default_rng(seed)
    ends = round(LEARNED * count)
    backgrounds = np.split(draw.permutation(len(photos)), [round(LEARNED * len(photos))])
    found = []
    for number in range(count):
        learned = number < ends
        shape, colour = (int(draw.integers(len(one))) for one in (SHAPES, COLOURS))
        if learned and shape == colour:  # these pairs are kept for the test
            shape = (shape + 1 + int(draw.integers(len(SHAPES) - 1))) % len(SHAPES)
        pool = backgrounds[0 if learned else 1]
        photo = read_photo(photos[pool[number % len(pool)]].read_bytes(), longest=2 * SIDE)
        labels = {"shape": SHAPES[shape], "colour": list(COLOURS)[colour]}
        path = folder / f"{number:04}.png"
        path.write_bytes(_png(_with_shape(photo, labels, draw)))
        found.append(Drawn(path, labels))
    return found


def _found(
    client: Client, pictures: Sequence[Drawn], asking: Drawn, condition: str
) -> tuple[list[str], list[str]]:
    """The other pictures, best first, under the condition and as the vectors are."""
    photo, count = Image.from_file(asking.file), min(len(pictures), 100)
    ways: list[dict[str, Any]] = [
        {"stages": [("condition", {"name": condition})], "candidates": len(pictures)},
        {"reranker": "none"},
    ]
    under, plain = (
        [
            one.hit.item_id
            for one in client.retrieve("pictures", photo, limit=count, **way).hits
            if one.hit.item_id != asking.file.stem
        ]
        for way in ways
    )
    return under, plain


def _alike(pictures: Sequence[Drawn], asking: Drawn, condition: str) -> Mapping[str, int]:
    return {
        one.file.stem: 1
        for one in pictures
        if one is not asking and one.labels[condition] == asking.labels[condition]
    }


def _with_shape(photo: Picture.Image, labels: Mapping[str, str], draw: np.random.Generator) -> Picture.Image:
    picture = photo.resize((SIDE, SIDE))
    pen, fill = ImageDraw.Draw(picture), COLOURS[labels["colour"]]
    half = int(draw.integers(SMALLEST, LARGEST))
    x, y = (int(draw.integers(half, SIDE - half)) for _ in range(2))
    box = (x - half, y - half, x + half, y + half)
    match labels["shape"]:
        case "circle":
            pen.ellipse(box, fill=fill)
        case "ring":
            pen.ellipse(box, outline=fill, width=half // 3)
        case "square":
            pen.rectangle(box, fill=fill)
        case "triangle":
            pen.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill=fill)
        case "cross":
            pen.rectangle((x - half, y - half // 3, x + half, y + half // 3), fill=fill)
            pen.rectangle((x - half // 3, y - half, x + half // 3, y + half), fill=fill)
        case _:
            radii = [half if point % 2 == 0 else 0.42 * half for point in range(10)]
            angles = [point * math.pi / 5 for point in range(10)]
            pen.polygon(
                [(x + r * math.sin(a), y - r * math.cos(a)) for r, a in zip(radii, angles, strict=True)],
                fill=fill,
            )
    return picture


def _png(picture: Picture.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
