"""Worth of binding the spaces, on data that no binding was made with.

Photos are found by words and words by photos (COCO's objects, as one vector per photo and with its parts,
and what people wrote of photos); sounds are found by their names; sentences are compared and searched; the
text router is asked what texts speak of; and queries are composed. DIR holds coco128/labels.json and
coco128/images, and where there are any sts/*.jsonl, cranfield and retrieval/NAME with
{documents,queries}.jsonl, collections/NAME with documents.jsonl and questions.jsonl, captions/captions.json
with captions/images, sounds/labels.json with its files, and nli, answerable and truthfulqa for texts that
speak of neither. The artifact is the store's default, or the one named; without one it is made first, which
takes a minute. Everything runs in this process, on one thread, by the router that is served.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from tieback.catalog.catalog import Catalog
from tieback.core.errors import TiebackError
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import Store
from tieback.serving.commands.bind_report import folder_of

from benchmarks.binding import replaced
from benchmarks.binding.artifact import newest
from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.data_folder import add_data, data_of
from benchmarks.report import Report

HOLDS = "photos with their objects, and judged texts"
PARTS = (
    *("captions", "negative_queries", "sound_retrieval", "neutral", "photo_retrieval", "text_tasks"),
    *("text_routing", "composed_queries"),
)
"""Modules of this folder with a function `measure`."""
APART = "replaced"
"""The part that binds for itself, which takes minutes: only where it is named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--binding", metavar="REVISION|FOLDER", help="the artifact; by default the newest")
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="DIR",
        help="keeps what the encoders say of texts and takes it from there again: most of a run's time",
    )
    parser.add_argument(
        "--parts", nargs="+", metavar="PART", choices=(*PARTS, APART), default=PARTS, help="these alone"
    )


def run(options: argparse.Namespace) -> Report:
    folder = data_of(options, HOLDS)
    try:
        return _measure(options, Data.read(folder))
    except TiebackError as error:
        raise SystemExit(f"binding: {error.message}") from None


def _measure(options: argparse.Namespace, data: Data) -> Report:
    store, cards, report = Store(), Catalog.load().encoders(), Report()
    if APART in options.parts:
        replaced.measure(data.folder, cards, store, _say, report)
    parts = [one for one in PARTS if one in options.parts]
    if not parts:
        return report
    if options.binding is None:
        bound = newest(cards, store, _say)
    else:
        bound = JointSpaceArtifact.load(folder_of(options.binding, store.bound))
    report.table("the binding", [{"revision": bound.revision, "joint width": bound.width, "data": data.said}])
    encoders = Encoders(bound, cards, store, _say, options.vectors)
    for part in parts:
        import_module(f"benchmarks.binding.{part}").measure(bound, data, encoders, report)
    return report


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
