"""Attacks on the picture of an object, where the photo around it is fused with it (contextual fusion).

The object is a box of a photo, and the background is the photo with that box grey; what is predicted is the
object's kind. Each seed holds out a fold of the photos, and of each photo the largest object is tested once.
The object's picture is blurred, or moved by FGSM through the head and the encoder: against the branch of the
object alone, and against each whole network by its own gradient. The background is not attacked, so it alone
is a rival.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageFilter
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.state import State
from tieback.core.types.content import Content
from tieback.methods.projection import unit_rows
from tieback.models.pictures.decoding import central_square
from tieback.models.store import Store
from tieback.recipes.export.image_classifier import load_network
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import GRAPH, fusions
from tieback_lab.recipes.adapt.map_pooling import weights_of
from tieback_lab.recipes.train.fusing import Things

from benchmarks.lab.fusion._compared import PARALLEL, Comparison, classified, learned
from benchmarks.lab.fusion._things import SEEN, dense, things
from benchmarks.progress import log
from benchmarks.report import Report

NAME = "(arXiv:2011.09526) objects of COCO128 and their background"
PARTS = ("object", "background")
KINDS = {
    "person": "person",
    "animal": "bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe",
    "vehicle": "bicycle, car, motorcycle, airplane, bus, train, truck, boat",
    "accessory": "backpack, umbrella, handbag, tie, suitcase",
    "kitchen": "bottle, wine glass, cup, fork, knife, spoon, bowl",
    "food": "banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake",
    "furniture": "chair, couch, potted plant, bed, dining table, toilet",
    "indoor": "book, clock, vase, scissors, teddy bear, hair drier, toothbrush",
}
"""COCO's own kinds of which there are enough boxes here."""
SMALLEST, LARGEST = 0.01, 0.6
"""Share of the photo that a box has."""
GREY, VIEW = 127, 224 / 256
BLURS = (32, 16)
"""Radii, as parts of the longer side of the box."""
STEP = 8
"""Of 255, by which FGSM moves each value of a pixel."""
AT_ONCE = 8
BRANCH, WHOLE, LEANING = "object's branch alone", "contextual", "contextual, background trusted twice"
GAIN, COST = 10.0, 1.0


class _Box(NamedTuple):
    photo: str
    kind: int
    share: float
    edges: tuple[int, int, int, int]


class _Objects:
    """Boxes of photos as things of two parts, and the largest of each photo as pixels and blurred."""

    def __init__(self, data: Path) -> None:
        folder = data / "coco128"
        kinds = {name: place for place, names in enumerate(KINDS.values()) for name in names.split(", ")}
        boxes: list[_Box] = []
        self.largest: list[int] = []
        seen: list[Content] = []
        around: list[Content] = []
        pictures: list[Image.Image] = []
        for line in json.loads((folder / "labels.json").read_text()):
            photo = Image.open(folder / "images" / line["image"]).convert("RGB")
            found = [
                _Box(line["image"], kinds[name], w * h, _edges(photo, x, y, w, h))
                for name, x, y, w, h in line["boxes"]
                if name in kinds and SMALLEST <= w * h <= LARGEST
            ]
            if found:
                self.largest.append(len(boxes) + max(range(len(found)), key=lambda one: found[one].share))
            for box in found:
                boxes.append(box)
                pictures.append(_object(photo, box))
                seen.append(_content(pictures[-1]))
                around.append(_content(_without(photo, box)))
        self.photos = np.unique([one.photo for one in boxes], return_inverse=True)[1]
        kind = np.array([one.kind for one in boxes])
        rows = [dense(SEEN, "objects", seen), dense(SEEN, "backgrounds", around)]
        self.all = things(rows, np.ones((len(boxes), 2), bool), kind, len(KINDS))
        self.tested = self.all.take(np.array(self.largest))
        self.pixels = [
            central_square(seen[one], Limits(), field_of_view=VIEW, side=224) for one in self.largest
        ]
        self.blurred = [
            dense(
                SEEN, f"objects blurred by 1/{part}", [_blurred(pictures[one], part) for one in self.largest]
            )
            for part in BLURS
        ]

    def split(self, fold: int, folds: int) -> tuple[Things, Array]:
        """Things to learn from, and the places of tested ones, all of other photos."""
        photos = np.random.default_rng(0).permutation(self.photos.max() + 1)
        held_out = np.isin(self.photos, photos[fold::folds])
        return self.all.take(np.flatnonzero(~held_out)), np.flatnonzero(held_out[self.largest])


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    objects, encoder = _Objects(data), _Encoder()
    encoder.check(objects)
    names = ["as they are", *(f"object blurred by 1/{part}" for part in BLURS)]
    names += ["FGSM on the object's branch", "FGSM on each network"]
    compared = [Comparison(name, PARTS) for name in names]
    for seed in range(seeds):
        log(f"fold {seed + 1} of {seeds}")
        training, places = objects.split(seed, seeds)
        found = _conditions(objects, encoder, training, places, seed)
        for comparison, values in zip(compared, found, strict=True):
            for way, right in values.items():
                of_fold = np.full(len(objects.tested), np.nan)  # others are tested by other folds
                of_fold[places] = right
                comparison.add(way, of_fold)
    for comparison in compared:
        comparison.table(report)
    clean, *_, blurred, on_branch, on_each = compared
    clean.claim(report, f"{NAME}, {clean.what}", WHOLE, BRANCH, 66, f">= -{COST:g}", of="paper")
    for comparison in (blurred, on_branch, on_each):
        comparison.claim(report, f"{NAME}, {comparison.what}", WHOLE, BRANCH, 66, f">= {GAIN:g}", of="paper")
    on_branch.claim(report, f"{NAME}, {on_branch.what}", LEANING, WHOLE, 66, of="paper")
    for comparison in (clean, blurred, on_branch, on_each):
        comparison.claim_rivals(report, f"{NAME}, {comparison.what}", WHOLE, 66)


def _alone() -> tuple[str, ...]:
    return tuple(f"{part} alone" for part in PARTS)


def _conditions(
    objects: _Objects, encoder: _Encoder, training: Things, places: Array, seed: int
) -> list[dict[str, Array]]:
    """Of each condition, 1 for each tested thing that a way is right on."""
    tested = objects.tested.take(places)
    whole, parallel = learned("contextual", training, seed), learned("parallel", training, seed)
    alone = [learned("parallel", training.of([place]), seed, dropout=0.0) for place in range(len(PARTS))]
    leaning = {**whole, "trust": whole["trust"] + np.array([0, np.log(2)], np.float32)}

    def of(object_rows: Array) -> dict[str, Array]:
        now = _with(tested, object_rows)
        return {
            BRANCH: classified("contextual", whole, now.only([0])),
            WHOLE: classified("contextual", whole, now),
            LEANING: classified("contextual", leaning, now),
            PARALLEL: classified("parallel", parallel, now),
            **{
                way: classified("parallel", state, now.of([place]))
                for place, (way, state) in enumerate(zip(_alone(), alone, strict=True))
            },
        }

    pixels = np.stack([objects.pixels[place] for place in places])
    own = {
        BRANCH: ("contextual", whole, tested.only([0])),
        WHOLE: ("contextual", whole, tested),
        PARALLEL: ("parallel", parallel, tested),
    }
    attacked = encoder.attacked(pixels, list(own.values()))
    found = [of(rows[places]) for rows in (objects.tested.rows[0][:, 0], *objects.blurred)]
    found.append(of(attacked[0]))
    by_itself = {way: of(rows)[way] for way, rows in zip(own, attacked, strict=True)}
    return [*found, {**found[-1], **by_itself}]


class _Encoder:
    """The image encoder in torch, whose gradient moves pixels."""

    def __init__(self) -> None:
        card = next(one for one in Catalog.load().encoders() if one.name == SEEN)
        options = card.options_for(ImageClassifier)
        self._mean, self._scale = options.mean, options.scale
        self._network = load_network(weights_of(card, Store()))

    def check(self, objects: _Objects) -> None:
        """Fails where it is not what the product serves."""
        few = np.stack(objects.pixels[:4])
        with torch.no_grad():
            found = self._rows(torch.from_numpy(few).float()).numpy()
        served = unit_rows(objects.tested.rows[0][:4, 0])
        np.testing.assert_allclose(found, served, atol=1e-3)

    def attacked(self, pixels: Array, attacks: Sequence[tuple[str, State, Things]]) -> list[Array]:
        """Rows `[n, width]` of pixels moved by FGSM against each of networks that are given these things."""
        found: list[list[Array]] = [[] for _ in attacks]
        for begin in range(0, len(pixels), AT_ONCE):
            places = np.arange(begin, min(begin + AT_ONCE, len(pixels)))
            now = torch.from_numpy(pixels[places]).float().requires_grad_()
            rows = self._rows(now)
            for one, (method, state, given) in zip(found, attacks, strict=True):
                loss = _loss(method, state, given.take(places), rows)
                (gradient,) = torch.autograd.grad(loss, now, retain_graph=True)
                with torch.no_grad():
                    moved = (now + STEP * gradient.sign()).clamp(0, 255)
                    one.append(self._rows(moved).numpy())
        return [np.concatenate(one) for one in found]

    def _rows(self, pixels: Any) -> Any:
        features = self._network((pixels.permute(0, 3, 1, 2) - self._mean) / self._scale)[0]
        return torch.nn.functional.normalize(features, dim=-1)


def _loss(method: str, state: State, given: Things, rows: Any) -> Any:
    """Cross-entropy of the true kinds, as a function of the object's rows."""
    held = {name: torch.from_numpy(one) for name, one in state.items()}
    others = [torch.from_numpy(one) for one in given.rows[1:]]
    there = [torch.from_numpy(one) for one in given.there]
    vectors = fusions.form(GRAPH, method)([rows[:, None], *others], there, None, held)
    logits = vectors @ held["decode"] * held["sharpness"].exp()
    wanted = torch.from_numpy(given.goal.groups)
    return torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")


def _with(given: Things, rows: Array) -> Things:
    return Things([rows[:, None], *given.rows[1:]], given.there, None, given.goal)


def _edges(photo: Image.Image, x: float, y: float, width: float, height: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in pixels of a box by its centre and size."""
    left, top = int((x - width / 2) * photo.width), int((y - height / 2) * photo.height)
    right, bottom = round((x + width / 2) * photo.width), round((y + height / 2) * photo.height)
    return max(left, 0), max(top, 0), min(right, photo.width), min(bottom, photo.height)


def _object(photo: Image.Image, box: _Box) -> Image.Image:
    """What is in the box, in the middle of a grey square so large that the encoder's view shows all of it."""
    cut = photo.crop(box.edges)
    side = round(max(cut.size) / VIEW) + 1
    square = Image.new("RGB", (side, side), (GREY,) * 3)
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return square


def _without(photo: Image.Image, box: _Box) -> Image.Image:
    left = photo.copy()
    left.paste((GREY,) * 3, box.edges)
    return left


def _blurred(picture: Image.Image, part: int) -> Content:
    return _content(picture.filter(ImageFilter.GaussianBlur(picture.width / part)))


def _content(picture: Image.Image) -> Content:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Content(Modality.IMAGE, file.getvalue())
