"""Captions, photos and parts of photos that find each other: R@1, R@10 and mAP by plan and reranker.

DIR holds `captions` (captions.json: {photo: [sentence, …]}; images/), and may hold `photos` (images/). A
caption looks for its photo, and a photo for its captions. Of the photos of both folders, parts look for the
photo that they were cut from: a part alone, and a part that was turned and pasted into a photo that is not
searched, as in `scripts/bench instances`. A tenth of the photos are such backgrounds. Parts are 15 to 40 % of
a photo's area, and are compressed again. Photos are stored as one vector and, on a second server, by their
regions (TIEBACK_REGIONS=each), in the joint space and in that of the image encoder. If DIR has `coco128`
(labels.json: [{"image", "objects"}]; images/), its photos look for those that show one of the same things.

Every query is asked through SDK and wire, by the default plan and by others, for the best 50. A plan that has
used up its seconds is asked no more, and is compared with the default on the queries that it answered. What
is right and not among the best 50 counts as not found. Intervals are 95 % paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback_client import Client
from tieback_lab.recipes.train.photo_views import PASTED, compressed, cropped, pasted, photo_files, read_photo

from benchmarks.data_folder import DataError, add_data, data_of
from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.collections import PHOTO_TO_TEXT, TEXT_TO_PHOTO, read
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.pipeline.measures import hit, items_of
from benchmarks.pipeline.turns import Plan, ask_in_turns, mean, more
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

HOLDS = "captions/captions.json and images"
PHOTOS, THINGS = ("captions", "photos"), "coco128"
IMAGES = "efficientnet-lite0"
BEST = 50
BACKGROUNDS = 0.1  # share of the photos
LONGEST = 256  # pixels a side of what parts are cut from
FEWEST = 20
"""Queries that a slow plan is asked, however long they take."""
DEFAULT = "default"
TOLERANCE = "<= 0.005"
ONE, REGIONS = "one vector a photo", "regions of photos"
SERVERS = {ONE: "off", REGIONS: "each"}


Found = Mapping[str, Sequence[float]]
"""Of one plan, by query: the `MEASURES` of what was found."""
MEASURES = ("R@1", "R@10", "mAP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--most", type=int, default=500, metavar="N", help="photos of each folder [500]")
    parser.add_argument("--seed", type=int, default=0, help="chooses the photos and cuts the parts [0]")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reranker of each task [60]")


def run(options: argparse.Namespace) -> Report:
    folder = data_of(options, HOLDS)
    with tempfile.TemporaryDirectory() as parts:
        tasks = list(tasks_of(folder, Path(parts), options.most, options.seed))
        return measured(tasks, IMAGES, seconds=options.seconds)


def tasks_of(folder: Path, parts: Path, most: int, seed: int) -> Iterator[Judged]:
    """Tasks: what is looked for in what. DataError where the folder has no captions."""
    captions = {one.name: one for one in read(folder) if one.name in (TEXT_TO_PHOTO, PHOTO_TO_TEXT)}
    if len(captions) != 2:
        raise DataError("the folder has no captions")
    yield _fewer(captions[TEXT_TO_PHOTO], most)
    yield _fewer(captions[PHOTO_TO_TEXT], most)
    for name in PHOTOS:
        if (images := folder / name / "images").is_dir():
            files = photo_files([images])
            order = np.random.default_rng(seed).permutation(len(files))
            scenes, searched = np.split(order, [max(1, round(BACKGROUNDS * len(files)))])
            chosen = np.sort(searched[:most])
            photos, backgrounds = ([files[n] for n in one] for one in (chosen, scenes))
            yield from parts_of(name, photos, backgrounds, parts, seed)
    if (labels := folder / THINGS / "labels.json").is_file():
        yield alike(labels)


def alike(labels: Path) -> Judged:
    """Photos looked for by a photo that shows one of the same things; itself is left out."""
    shown = {one["image"]: set(one["objects"]) for one in json.loads(labels.read_text())}
    files = {name: labels.parent / "images" / name for name in sorted(shown)}
    questions = [
        Question(name, [path], grades, frozenset({name}))
        for name, path in files.items()
        if (grades := {other: 1 for other in files if other != name and shown[other] & shown[name]})
    ]
    documents = [Document(name, file=path) for name, path in files.items()]
    return Judged(f"{THINGS}: photo to photos of the same things", documents, questions, frozenset({"image"}))


def parts_of(
    name: str, files: Sequence[Path], scenes: Sequence[Path], folder: Path, seed: int
) -> Iterator[Judged]:
    """The photos looked for by a part of each: alone, and pasted into one of the scenes."""
    photos, backgrounds = (
        [read_photo(path.read_bytes(), longest=LONGEST) for path in paths] for paths in (files, scenes)
    )
    documents = [Document(path.name, file=path) for path in files]
    for way, makes in (("a part alone", _alone), ("a pasted part", pasted)):
        draw, questions = np.random.default_rng([seed, 1]), []
        for place, (path, photo) in enumerate(zip(files, photos, strict=True)):
            scene = backgrounds[int(draw.integers(len(backgrounds)))]
            query = folder / f"{name}-{way.replace(' ', '-')}-{place}.png"
            _write(makes(photo, scene, draw), query)
            questions.append(Question(query.name, [query], {path.name: 1}))
        yield Judged(f"{name}: {way} to photo", documents, questions, frozenset({"image"}))


def measured(
    tasks: Sequence[Judged], images: str, spaces: Sequence[str] = (), *, seconds: float = 60.0
) -> Report:
    """Measures the tasks on servers of `spaces`, by default all; `images` is the encoder of photos."""
    report, rows = Report(), list[Mapping[str, Any]]()
    for stored, regions in SERVERS.items():
        settings = NO_GENERATOR | {"TIEBACK_REGIONS": regions}
        with asking(spaces=spaces, settings=settings) as client:
            rows += _measure(report, client, tasks, stored, images, seconds)
    report.table("by plan", rows)
    return report


def _measure(
    report: Report, client: Client, tasks: Sequence[Judged], stored: str, images: str, seconds: float
) -> Iterator[Mapping[str, Any]]:
    names: dict[tuple[tuple[str, ...], str], str] = {}  # by documents and space, for all tasks
    rerankers = [one.name for one in client.methods() if one.family == "reranking" and one.name != "none"]
    for judged in tasks:
        photos = judged.modalities == {"image"}
        if not photos and stored == REGIONS:
            continue  # texts have no regions
        by_photo = not judged.questions[0].words
        for space in ("", images) if photos and by_photo else ("",):
            key = tuple(one.id for one in judged.documents), space
            if key not in names:
                names[key] = f"bench-{len(names)}"
                items = [one.item for one in judged.documents]
                log(f"{len(items)} items of {judged.name}, {stored}, space {space or 'joint'}")
                client.ingest(names[key], items, space=space).collect()
            plans = _plans(rerankers, by_photo=by_photo, photos=photos, stored=stored)
            found = _asked(client, names[key], judged, plans, seconds)
            task = {"task": judged.name, "stored": stored, "space": space or "joint"}
            yield from ({**task, **row} for row in _rows(found))
            _claim(report, ", ".join(task.values()), found)


def _plans(rerankers: Sequence[str], *, by_photo: bool, photos: bool, stored: str) -> list[Plan]:
    """The default first. A photo is compared with photos by regions, everything else by words."""
    if by_photo and photos:
        others, compares = [Plan("no reranker", {"reranker": "none"})], stored == REGIONS
    elif by_photo:
        others, compares = [Plan("names of what it shows as words", {"hybrid": True})], True
    else:
        others, compares = [Plan("vector alone", {"hybrid": False})], stored == ONE
    reranked = [
        Plan(f"reranker {one}", {"reranker": one, "candidates": BEST}, not (by_photo and photos))
        for one in rerankers
    ]
    return [Plan(DEFAULT, {}), *others, *(reranked if compares else ())]


def _asked(
    client: Client, name: str, judged: Judged, plans: Sequence[Plan], seconds: float
) -> dict[str, dict[str, Sequence[float]]]:
    def ask(question: Question, plan: Plan) -> Sequence[float]:
        hits = client.retrieve(name, contents(question.query), limit=BEST, **plan.arguments).hits
        items = items_of((hit.hit.item_id for hit in hits), question.own)
        first, ten = (hit(items, question.grades, at=at) for at in (1, 10))
        return first, ten, precision(items, question.grades)

    questions = list(judged.questions)
    random.Random(0).shuffle(questions)  # so that a slow plan gets a sample
    return ask_in_turns(questions, plans, ask, lambda plan: seconds if plan.is_slow else math.inf, FEWEST)


def precision(items: Sequence[str], grades: Mapping[str, int]) -> float:
    """The average precision; what is right and not among the items counts as never found."""
    right = np.array([name in grades for name in items], float)
    return float((np.cumsum(right) / np.arange(1, len(right) + 1) * right).sum() / len(grades))


def _rows(found: Mapping[str, Found]) -> Iterator[dict[str, Any]]:
    for plan, one in found.items():
        row: dict[str, Any] = {"plan": plan, "queries": len(one)}
        row |= {name: mean(one, itemgetter(place)) for place, name in enumerate(MEASURES)}
        for place, name in enumerate(MEASURES):
            less = more(one, found[DEFAULT], itemgetter(place))
            row |= {f"{name} less default": less.value, f"{name} low": less.low, f"{name} high": less.high}
        yield row


def _claim(report: Report, task: str, found: Mapping[str, Found]) -> None:
    """That no other plan is better than the default."""
    precise = itemgetter(MEASURES.index("mAP"))
    others = {name: more(one, found[DEFAULT], precise) for name, one in found.items() if name != DEFAULT}
    best = max(others, key=lambda name: others[name].value)
    name = f"{task}: the default's mAP is behind the best other plan by"
    note = f"{best}, found by looking; {len(found[best])} queries"
    report.claim(name, others[best], "", TOLERANCE, note=note)


def _fewer(judged: Judged, most: int) -> Judged:
    return dataclasses.replace(judged, questions=judged.questions[:most])


def _alone(photo: Image.Image, _: Image.Image, draw: np.random.Generator) -> Image.Image:
    return compressed(cropped(photo, draw, shares=PASTED), draw)


def _write(picture: Image.Image, path: Path) -> None:
    """Without loss: the picture was a JPEG already."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    path.write_bytes(file.getvalue())
