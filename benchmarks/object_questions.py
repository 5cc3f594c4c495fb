"""Questions whether an object is in a photo, asked in the manner of POPE, and how often labels are right.

DIR holds `coco128` (labels.json: [{"image", "objects"}]; images/), and may hold `sounds` (labels.json:
{file: animal}; *.wav). Of each photo up to three objects are asked for that are there, and as many that are
not: drawn at random, the most frequent of the set, or those that are most often beside what is there. Each
way gives each photo and name a number; the threshold from which on it says "yes" is chosen on every other
photo, by accuracy over all questions, and measured on the others. Intervals are by drawing photos with
replacement, 95 %.

Ways: the score of the label of that name; the cosine of the name with the weighted text vectors of the
likeliest classes, best of ten views; the joint space, by a search for "a photo of a NAME" through SDK and
server.

Of labels, a table has how many were right by score: for photos, whether the object is labelled there, for the
names of the set that are labels; for sounds, whether the animal is the file's. What people labelled in photos
is not complete, so what is counted as wrong may be right.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.types.content import Content, RecogniseRequest
from tieback.models.loading import load_recogniser
from tieback.models.store import Store
from tieback.recogniser import Recogniser
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText

from benchmarks.data_folder import add_data, data_of
from benchmarks.objects.questions import (
    NEGATIVES,
    Question,
    best_threshold,
    objects_of,
    questions_of,
    score_of,
)
from benchmarks.objects.ways import (
    TEXT_SPACES,
    Pairs,
    Views,
    by_joint_space,
    by_labels,
    by_text_space,
)
from benchmarks.progress import log
from benchmarks.report import Report

WAYS = ("text", "joint")
HOLDS = "coco128/labels.json and images"
LABELS = "labels, exact words"
TICK = 0.7
"""The score from which on the checker `labels` supports a claim."""

BINS = (0.3, 0.5, 0.7, 0.9, 1.01)
SOUNDS = "yamnet-labels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--seed", type=int, default=0, help="chooses the objects that are asked for [0]")
    parser.add_argument("--photos", type=int, default=1000, metavar="N", help="the first so many [1000]")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="beside labels; default all")


def run(options: argparse.Namespace) -> Report:
    folder = data_of(options, HOLDS)
    photos = folder / "coco128"
    shown = objects_of(photos / "labels.json")
    questions = questions_of(shown, options.seed)
    shown = {photo: shown[photo] for photo in sorted(shown)[: options.photos]}
    questions = [one for one in questions if one.photo in shown]
    names = sorted({name for there in shown.values() for name in there})
    report = Report()
    views = Views(photos / "images", shown)
    log(f"object_questions: {len(shown)} photos, {len(names)} names, {len(questions)} questions")
    ways: dict[str, Pairs] = {LABELS: by_labels(views, names)}
    if "text" in options.ways:
        for space in TEXT_SPACES:
            ways[f"label vectors in {space}"] = by_text_space(views, names, [space])
        ways["label vectors in both"] = by_text_space(views, names, TEXT_SPACES)
    if "joint" in options.ways:
        ways["joint space"] = by_joint_space(photos / "images", sorted(shown), names)
    rows = [row for way, pairs in ways.items() for row in answered(way, pairs, questions)]
    report.table("object questions", rows)
    report.table("labels of photos by score", by_score(ways[LABELS], shown, views))
    if (folder / "sounds" / "labels.json").is_file():
        report.table("labels of sounds by score", asyncio.run(sounds_by_score(folder / "sounds")))
    _claims(report, rows)
    return report


def answered(way: str, pairs: Pairs, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """A row for each kind of negatives, measured on every other photo, with the threshold of the others."""
    photos = sorted({one.photo for one in questions})
    chosen_by = set(photos[::2])
    chosen = [one for one in questions if one.photo in chosen_by]
    threshold = best_threshold(
        [pairs[one.photo][one.name] for one in chosen], [one.is_there for one in chosen]
    )
    found: list[dict[str, Any]] = []
    for kind in (*NEGATIVES, "all"):
        own = [one for one in questions if one.photo not in chosen_by and kind in (one.kind, "all")]
        score = score_of(own, [pairs[one.photo][one.name] >= threshold for one in own])
        row: dict[str, Any] = {"way": way, "negatives": kind, "questions": score.questions}
        for measure, values in (("accuracy", score.accuracy), ("f1", score.f1)):
            row |= {measure: values[0], f"{measure} low": values[1], f"{measure} high": values[2]}
        found.append(row | {"yes": score.yes, "threshold": threshold})
    return found


def by_score(pairs: Pairs, shown: Mapping[str, frozenset[str]], views: Views) -> list[dict[str, Any]]:
    """Labels of each score that are of an object that is there, over names that are labels."""
    texts, _ = views.scores()
    known = {name for text in texts for name in text.split(", ")}
    found = [
        (score, name in shown[photo])
        for photo, own in pairs.items()
        for name, score in own.items()
        if name in known
    ]
    return _bins(found)


async def sounds_by_score(folder: Path) -> list[dict[str, Any]]:
    """The same of sounds, through the recogniser, over animals that are labels."""
    animals: dict[str, str] = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    card = next(one for one in Catalog.load().recognisers() if one.name == SOUNDS)
    recogniser = Recogniser([await asyncio.to_thread(load_recogniser, card, Store())])
    found: list[tuple[float, bool]] = []
    for name, animal in sorted(animals.items()):
        sound = Content(Modality.AUDIO, await asyncio.to_thread((folder / name).read_bytes))
        (result,) = (await recogniser.recognise(RecogniseRequest([sound]), NO_CALL)).results
        if not isinstance(result, RecognisedText):
            raise result
        encoded = result.text.encode()
        for one in result.segments:
            named = set(encoded[slice(*one.span)].decode().split(", ")) & set(animals.values())
            found += [(one.score, heard == animal) for heard in named]
    await recogniser.close()
    return _bins(found)


def _bins(found: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    scores, right = np.array([one[0] for one in found]), np.array([one[1] for one in found])
    rows = []
    for low, high in [*itertools.pairwise(BINS), (TICK, BINS[-1])]:
        within = (scores >= low) & (scores < high)
        share, mean = (float(one[within].mean()) if within.any() else None for one in (right, scores))
        rows.append(
            {"from": low, "to": min(high, 1.0), "labels": int(within.sum()), "right": share, "score": mean}
        )
    return rows


def _claims(report: Report, rows: Sequence[Mapping[str, Any]]) -> None:
    whole = {row["way"]: row for row in rows if row["negatives"] == "all"}
    best = max(whole.values(), key=lambda row: row["accuracy"])
    report.claim(
        "accuracy of the best way over all questions",
        best["accuracy"],
        "",
        ">= 0.6",
        low=best["accuracy low"],
        high=best["accuracy high"],
        note=best["way"],
    )
    for name, target in (("labels of photos by score", ">= 0.85"), ("labels of sounds by score", ">= 0.85")):
        if name in report.tables:
            tick = report.tables[name][-1]
            note = f"{tick['labels']} labels of {TICK} and more"
            report.claim(
                f"{name.removesuffix(' by score')} that are right", tick["right"], "", target, note=note
            )
