"""Quality and speed of retrieval by the pipeline: SDK, wire and index, by every plan, on judged collections.

Without --data, the mixed library that the project ships (benchmarks/pipeline/mixed). With it, also every
collection of the folder: retrieval/* and cranfield, captions, sounds, laid out as
benchmarks/pipeline/collections.py says. Whatever is measured runs on a server of its own, `tieback serve
--local`, whose cache of encodings is off. Photos and sounds of the library have to be there: tieback models
pull --media.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.types.fusion import Role
from tieback_client import Client
from tieback_contract.modality import Modality

from benchmarks.pipeline import throughput
from benchmarks.pipeline.answers import answers
from benchmarks.pipeline.asking import Asked, ask
from benchmarks.pipeline.bare import BareEncoders, BareSearch, texts_of
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import Document, Judged
from benchmarks.pipeline.library import NAME as MIXED
from benchmarks.pipeline.measures import ndcg, reciprocal_rank
from benchmarks.pipeline.plans import DEFAULT, plans_for
from benchmarks.pipeline.quality import by_kind, first_relevances, reliability, report_on, values
from benchmarks.pipeline.turns import FEWEST
from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import UNCACHED, asking

AIMS: Mapping[str, tuple[str, Any, str]] = {
    MIXED: ("MRR", reciprocal_rank, ">= 0.95"),
    "cranfield": ("nDCG@10", ndcg, ">= 0.405"),
}
"""What the default should reach on some collections, where they are there."""

INGESTED_TEXTS, INGESTED_PHOTOS = 400, 60
QUICK = 6
"""Questions of a collection, and documents of each that are judged, in a short run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser)
    parser.add_argument(
        "--plan-seconds",
        type=float,
        default=8.0,
        help="how long each plan but the default is asked, of each collection; at least ten questions (8)",
    )
    parser.add_argument("--quick", action="store_true", help="a small part of everything, in two minutes")


def run(options: argparse.Namespace) -> Report:
    collections = collections_of(options, mixed=True)
    if options.quick:
        collections = [_smaller(one) for one in collections]
    return measured(collections, 0.5 if options.quick else options.plan_seconds, quick=options.quick)


def measured(
    collections: Sequence[Judged],
    plan_seconds: float,
    *,
    quick: bool = False,
    spaces: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Report:
    """Measures the collections on a server of `spaces`, by default all, with further `settings`."""
    report = Report()
    plan = {"start": 15.0} | {one.name: _forecast(one, plan_seconds) for one in collections}
    plan |= {"throughput": 20.0 if quick else 90.0, "answers": 10.0 if quick else 30.0}
    progress = Progress(plan)
    progress.begin("start")
    with tempfile.TemporaryDirectory() as folder:
        settings, store = UNCACHED | dict(settings or {}), Path(folder)
        with asking(spaces=spaces, settings=settings, store=store) as client:
            _measure(report, client, collections, plan_seconds, store, spaces, progress, quick=quick)
    return report


def _measure(
    report: Report,
    client: Client,
    collections: Sequence[Judged],
    plan_seconds: float,
    store: Path,
    spaces: Sequence[str],
    progress: Progress,
    *,
    quick: bool,
) -> None:
    names: dict[int, str] = {}  # by the documents: two sets of questions may be asked of the same
    rates = []
    for judged in collections:
        progress.begin(judged.name)
        known = names.get(id(judged.documents))
        if known is None:
            known = names[id(judged.documents)] = f"bench-{len(names)}-{_plain(judged.name)}"
            rates.append(_ingest(client, known, judged))
            progress.say(f"{len(judged.documents)} items are in")
        asked = ask(
            client,
            known,
            judged,
            plans_for(client, len(judged.modalities)),
            plan_seconds,
            2 if quick else FEWEST,
        )
        report_on(report, asked)
        _further(report, asked)
    report.table("ingest", rates)
    progress.begin("throughput")
    _speed(report, client, collections, names, store, spaces, quick=quick)
    progress.begin("answers")
    mixed = next((one for one in collections if one.name == MIXED), None)
    if mixed is not None:
        asking = [one.words for one in mixed.questions if one.kind == "question"]
        answers(report, client, names[id(mixed.documents)], asking[: 1 if quick else 6])


def _ingest(client: Client, name: str, judged: Judged) -> dict[str, Any]:
    items = [one.item for one in judged.documents]
    begun = time.perf_counter()
    written = client.ingest(name, items).collect()
    seconds = time.perf_counter() - begun
    known = client.get_collection(name)
    return {
        "collection": judged.name,
        "items": written.written,
        "refused": len(written.errors),
        "sections": known.section_count,
        "items a second": written.written / seconds,
        "sections a second": known.section_count / seconds,
        "sections cut off for a space": written.truncated_sections,
    }


def _further(report: Report, asked: Asked) -> None:
    """Tables of some collections only: aims, kinds of questions, relevance."""
    name = asked.judged.name
    if name in AIMS:
        measure, of, target = AIMS[name]
        found = values(asked.answered[DEFAULT], {one.id: one for one in asked.judged.answerable}, of)
        mean = float(np.mean(list(found.values()))) if found else None
        report.claim(f"{name}: the default's {measure}", mean, "", target, note=f"{len(found)} questions")
    if any(one.kind for one in asked.judged.questions):
        report.table(f"{name}: by kind of question", by_kind(asked))
    if any(not one.grades for one in asked.judged.questions) and (first := first_relevances(asked)):
        report.table(f"{name}: relevance of the first hit", first)
    if held := reliability(asked):
        report.table(f"{name}: how well the relevance holds", held)


def _speed(
    report: Report,
    client: Client,
    collections: Sequence[Judged],
    names: Mapping[int, str],
    store: Path,
    spaces: Sequence[str],
    *,
    quick: bool,
) -> None:
    texts = [one for one in collections if one.modalities == {"text"} and any(q.words for q in one.questions)]
    largest = max(texts or collections, key=lambda one: len(one.documents))
    name = names[id(largest.documents)]
    queries = BareEncoders(Modality.TEXT, Role.QUERY, spaces)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(store / "collections" / f"{name}.lance", Path(folder) / f"{name}.lance"))
        words = [one.words for one in largest.questions if one.words]
        throughput.retrieve(
            report, client.server, name, words, BareSearch(copy), queries, 1.0 if quick else 4.0
        )
    if texts:
        documents = [one for one in largest.documents if one.text][: 4 * QUICK if quick else INGESTED_TEXTS]
        throughput.ingest(
            report,
            client,
            "texts",
            [one.item for one in documents],
            BareEncoders(Modality.TEXT, Role.DOCUMENT, spaces),
            lambda written: texts_of(store / "collections" / f"{written}.lance"),
        )
    photos = _photos(collections)[: 4 * QUICK if quick else INGESTED_PHOTOS]
    encoders = BareEncoders(Modality.IMAGE, Role.DOCUMENT, spaces)
    if photos and encoders.spaces:
        files = [one.file.read_bytes() for one in photos if one.file is not None]
        throughput.ingest(report, client, "photos", [one.item for one in photos], encoders, lambda _: files)


def _photos(collections: Sequence[Judged]) -> list[Document]:
    """The photos of the collection that has most."""
    photos = [
        [one for one in judged.documents if one.file is not None and one.file.suffix in {".jpg", ".png"}]
        for judged in collections
    ]
    return max(photos, key=len, default=[])


def _smaller(judged: Judged) -> Judged:
    """A few questions, some of the documents that they are judged by, and a few more."""
    step = max(len(judged.questions) // QUICK, 1)
    questions = [
        dataclasses.replace(one, grades=dict(itertools.islice(one.grades.items(), QUICK)))
        for one in judged.questions[::step][:QUICK]
    ]
    wanted = {name for one in questions for name in itertools.chain(one.grades, one.own)}
    others = itertools.islice((one for one in judged.documents if one.id not in wanted), 2 * QUICK)
    kept = wanted | {one.id for one in others}
    return Judged(
        judged.name, [one for one in judged.documents if one.id in kept], questions, judged.modalities
    )


def _forecast(judged: Judged, plan_seconds: float) -> float:
    """Seconds that a collection takes, about."""
    return len(judged.documents) / 60 + 4 * plan_seconds + 0.2 * len(judged.questions)


def _plain(name: str) -> str:
    """As a collection may be called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
