"""Reading of what is written in pictures, through the service, and what it costs.

--data is laid out as shared/data: receipts/words.json has the lines of receipts with their corners. The
recogniser runs on one thread in this process, behind its service. A line that was found is the labelled
line's whose box it has the largest intersection over union with, each once, from 0.1 on.
Measured are: the share of words that are read exactly, and how many of those read are there (as multisets of
a receipt, case apart: the labels are in capitals); the character error rate of labelled lines with all that
was not found counted as missing, and that of the lines that were found alone; the mean overlap of found
boxes; and the seconds of processor time of a picture, beside those of photos of coco128/images.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.types.content import Content, RecogniseRequest
from tieback.models.loading import load_recogniser
from tieback.models.pictures.decoding import size_of
from tieback.models.store import Store
from tieback.recogniser import Recogniser
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText

from benchmarks.report import Report

MODEL = "pp-ocr-v6-small"
LEAST_OVERLAP = 0.1
PHOTOS = 16

Bounds = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a picture."""

    text: str
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Read:
    """A picture with its labelled lines and those that were read."""

    name: str
    labelled: Sequence[Line]
    read: Sequence[Line]
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="receipts and photos")
    parser.add_argument("--receipts", type=int, default=40, metavar="N", help="receipts to read [40]")


def run(options: argparse.Namespace) -> Report:
    return asyncio.run(_measured(options.data, options.receipts))


async def _measured(data: Path, most: int) -> Report:
    card = next(one for one in Catalog.load().recognisers() if one.name == MODEL)
    recogniser = Recogniser([await asyncio.to_thread(load_recogniser, card, Store())])
    await recogniser.warm_up()
    words = json.loads((data / "receipts" / "words.json").read_text(encoding="utf-8"))
    receipts = []
    for name in sorted(words)[:most]:
        lines = [_labelled(one) for one in words[name]]
        receipts.append(await _read(recogniser, data / "receipts" / "images" / name, lines))
    photos = [
        await _read(recogniser, path, []) for path in sorted((data / "coco128" / "images").iterdir())[:PHOTOS]
    ]
    await recogniser.close()
    return report_of(receipts, photos)


async def _read(recogniser: Recogniser, path: Path, labelled: Sequence[Line]) -> Read:
    content = Content(Modality.IMAGE, await asyncio.to_thread(path.read_bytes))
    width, height = size_of(content, Limits())
    begin = time.process_time()
    (found,) = (await recogniser.recognise(RecogniseRequest([content]), NO_CALL)).results
    seconds = time.process_time() - begin
    if not isinstance(found, RecognisedText):
        raise found
    encoded = found.text.encode()
    lines = []
    for one in found.segments:
        x, y, w, h = one.place.place
        bounds = (x * width, y * height, (x + w) * width, (y + h) * height)
        lines.append(Line(encoded[slice(*one.span)].decode(), bounds))
    return Read(path.name, labelled, lines, seconds)


def report_of(receipts: Sequence[Read], photos: Sequence[Read]) -> Report:
    """The claims and the tables."""
    report = Report()
    recalled = found = there = 0
    errors = characters = paired_errors = paired_characters = pairs = 0
    overlaps: list[float] = []
    for one in receipts:
        read, labelled = _words(one.read), _words(one.labelled)
        recalled += (read & labelled).total()
        found, there = found + read.total(), there + labelled.total()
        matched = _matched(one.labelled, one.read)
        for place, line in enumerate(one.labelled):
            size = len(line.text)
            characters += size
            if place not in matched:
                errors += size
                continue
            other, overlap = matched[place]
            wrong = edits(line.text.lower(), one.read[other].text.lower())
            errors, paired_errors = errors + wrong, paired_errors + wrong
            paired_characters += size
            pairs += 1
            overlaps.append(overlap)
    lines = sum(len(one.labelled) for one in receipts)
    seconds = np.array([one.seconds for one in receipts])
    note = f"{len(receipts)} receipts, {lines} lines"
    report.claim("words of receipts that are read exactly", recalled / there, "", ">= 0.8", note=note)
    report.claim("words read that are there", recalled / found, "", ">= 0.8", note=note)
    report.claim("character error rate of labelled lines", errors / characters, "", "<= 0.2", note=note)
    report.claim(
        "character error rate of lines that were found",
        paired_errors / paired_characters,
        "",
        "<= 0.1",
        note=f"{pairs} lines",
    )
    report.claim("mean intersection over union of their boxes", float(np.mean(overlaps)), "", ">= 0.6")
    report.claim("processor seconds of a receipt, median", float(np.median(seconds)), "s", "<= 3")
    of_photos = float(np.median([one.seconds for one in photos]))
    report.claim("processor seconds of a photo, median", of_photos, "s", "<= 1", note=f"{len(photos)} photos")
    report.table(
        "receipts",
        [
            {
                "name": one.name,
                "lines": len(one.labelled),
                "read": len(one.read),
                "word recall": _recall(one),
                "seconds": one.seconds,
            }
            for one in receipts
        ],
    )
    return report


def _recall(one: Read) -> float:
    labelled = _words(one.labelled)
    return (_words(one.read) & labelled).total() / labelled.total()


def _labelled(line: dict[str, object]) -> Line:
    corners = np.array(line["box"], np.float64).reshape(4, 2)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Line(str(line["text"]), (left, top, right, bottom))


def _words(lines: Sequence[Line]) -> Counter[str]:
    return Counter(word.lower() for line in lines for word in line.text.split())


def _matched(labelled: Sequence[Line], read: Sequence[Line]) -> dict[int, tuple[int, float]]:
    """By the place of a labelled line, that of the line read for it, and the overlap of their boxes."""
    if not labelled or not read:
        return {}
    overlaps = np.array([[overlap(a.bounds, b.bounds) for b in read] for a in labelled])
    rows, columns = linear_sum_assignment(-overlaps)
    return {
        int(row): (int(column), float(overlaps[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if overlaps[row, column] >= LEAST_OVERLAP
    }


def overlap(a: Bounds, b: Bounds) -> float:
    """The intersection over the union of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    whole = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)) - common
    return common / whole if whole else 0.0


def edits(a: str, b: str) -> int:
    """Characters that are to be put in, taken out or replaced (Levenshtein)."""
    row = list(range(len(b) + 1))
    for count, one in enumerate(a, 1):
        before, row[0] = row[0], count
        for place, other in enumerate(b, 1):
            cost = before + (one != other)
            before = row[place]
            row[place] = min(row[place] + 1, row[place - 1] + 1, cost)
    return row[-1]
