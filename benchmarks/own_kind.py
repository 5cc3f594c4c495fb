"""First hits of a photo or a sound alone in an album of photos, sounds and texts.

DIR holds `coco128`, `photos`, `sounds`, `captions` and `classes/cifar10_test.npz`. One album has the photos
of COCO, photos of ImageNet's classes, the sounds, sentences about other photos and the mixed library; the
other has small photos of CIFAR-10 in place of those of COCO and ImageNet, which nothing was chosen on.
Photos and sounds of the album are asked, and left out of what they find, by the default plan, with balanced
modalities, and by their similarity alone. The same: a photo that shows one of the same things or is of the
same class, a sound of the same animal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback_client import Client, Modality
from tieback_contract.hits import RetrievedHit

from benchmarks.data_folder import add_data, data_of
from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.judged import Document
from benchmarks.pipeline.library import mixed_library
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

HOLDS = "coco128, photos, sounds, captions, classes"
PLANS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "balanced": {"balance_modalities": True},
    "by similarity alone": {"balance_modalities": False},
}
LIMIT, SENTENCES, PHOTOS, SMALL, SIDE = 11, 1000, 250, 200, 224


@dataclass(frozen=True, slots=True)
class Album:
    """Documents, and of each that is asked, by a kind of query, those that show the same."""

    name: str
    documents: Sequence[Document]
    asked: Mapping[str, Mapping[str, frozenset[str]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--most", type=int, default=60, metavar="N", help="queries of each kind [60]")


def run(options: argparse.Namespace) -> Report:
    report, folder = Report(), data_of(options, HOLDS)
    with tempfile.TemporaryDirectory() as scratch, asking(settings=NO_GENERATOR) as client:
        rows = [
            row
            for album in (known_album(folder), unseen_album(folder, Path(scratch)))
            for row in measured(client, album, options.most)
        ]
    report.table("first hits", rows)
    return report


def known_album(folder: Path) -> Album:
    """Photos of COCO and ImageNet, sounds, sentences and the mixed library."""
    shown = {
        one["image"]: frozenset(one["objects"])
        for one in json.loads((folder / "coco128" / "labels.json").read_text())
    }
    photos = sorted((folder / "photos" / "images").iterdir())
    documents = [
        *(Document(name, file=folder / "coco128" / "images" / name) for name in sorted(shown)),
        *(Document(path.name, file=path) for path in photos[:: max(len(photos) // PHOTOS, 1)][:PHOTOS]),
        *_texts(folder),
    ]
    sounds, animals = _sounds(folder)
    same = {
        name: frozenset(other for other in shown if other != name and shown[other] & things)
        for name, things in shown.items()
    }
    photos_asked = {name: others for name, others in same.items() if others}
    return Album("COCO, ImageNet, sounds", [*documents, *sounds], {"photo": photos_asked, "sound": animals})


def unseen_album(folder: Path, scratch: Path) -> Album:
    """Small photos of CIFAR-10, sentences and the mixed library."""
    with np.load(folder / "classes" / "cifar10_test.npz") as data:
        images, labels = data["images"], data["labels"]
    chosen = np.linspace(0, len(images) - 1, SMALL).astype(int)
    names = {int(place): f"cifar-{place}.png" for place in chosen}
    for place, name in names.items():
        Image.fromarray(images[place]).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(scratch / name)
    same = {
        name: frozenset(names[o] for o in names if o != place and labels[o] == labels[place])
        for place, name in names.items()
    }
    documents = [Document(name, file=scratch / name) for name in names.values()]
    return Album("CIFAR-10", [*documents, *_texts(folder)], {"photo": same})


def _texts(folder: Path) -> list[Document]:
    said = json.loads((folder / "captions" / "captions.json").read_text())
    sentences = [(f"{name}#{n}", text) for name in sorted(said) for n, text in enumerate(said[name])]
    chosen = sentences[:: max(len(sentences) // SENTENCES, 1)][:SENTENCES]
    return [*(Document(name, text) for name, text in chosen), *mixed_library().documents]


def _sounds(folder: Path) -> tuple[list[Document], dict[str, frozenset[str]]]:
    labels = json.loads((folder / "sounds" / "labels.json").read_text())
    same = {
        name: frozenset(other for other in labels if other != name and labels[other] == labels[name])
        for name in sorted(labels)
    }
    return [Document(name, file=folder / "sounds" / name) for name in same], same


def measured(client: Client, album: Album, most: int) -> list[Mapping[str, Any]]:
    """A row for each kind of query and each plan."""
    name = album.name.split(",")[0].lower()
    client.ingest(name, [document.item for document in album.documents]).collect()
    files = {one.id: one.file for one in album.documents if one.file is not None}
    rows: list[Mapping[str, Any]] = []
    for kind, asked in album.asked.items():
        chosen = list(asked)[:: max(len(asked) // most, 1)][:most]
        for plan, arguments in PLANS.items():
            found = {
                own: [
                    hit
                    for hit in client.retrieve(name, contents([files[own]]), limit=LIMIT, **arguments).hits
                    if hit.hit.item_id != own
                ][: LIMIT - 1]
                for own in chosen
            }
            rows.append(
                {"album": album.name, "queries": f"{kind} ({len(chosen)})", "plan": plan}
                | _shares(found, asked)
            )
    return rows


def _shares(
    found: Mapping[str, Sequence[RetrievedHit]], asked: Mapping[str, frozenset[str]]
) -> dict[str, float]:
    """Shares of the queries that found anything."""
    each = [_judged(hits, asked[own]) for own, hits in found.items() if hits]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _judged(hits: Sequence[RetrievedHit], same: frozenset[str]) -> dict[str, float]:
    first, is_text = hits[0], hits[0].hit.modality is Modality.TEXT
    return {
        "first of its kind": not is_text,
        "first an unrelated text": is_text and first.below_floor,
        "first the same": first.hit.item_id in same,
        "the same of ten": float(np.mean([hit.hit.item_id in same for hit in hits])),
        "unrelated before related": any(
            one.below_floor and not other.below_floor for one, other in pairwise(hits)
        ),
    }
