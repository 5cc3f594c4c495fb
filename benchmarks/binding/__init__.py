"""What binding the spaces is worth, on data that no binding was made with.

Photos are found by words and words by photos (COCO's objects, as one vector per photo and with its parts,
and what people wrote of photos); sounds are found by their names; sentences are compared and searched; the
text router is asked what texts speak of; each space is lost in turn; queries are composed; and what routing
costs is timed. DIR holds coco128/labels.json and coco128/images, and where there are any sts/*.jsonl,
cranfield and retrieval/NAME with {documents,queries}.jsonl, collections/NAME with documents.jsonl and
questions.jsonl, captions/captions.json with captions/images, sounds/labels.json with its files, and nli,
answerable and truthfulqa for texts that speak of neither. The artifact is the store's default, or the one
named; without one it is made first, which takes a minute.
Everything runs in this process, on one thread, by the router that is served.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tieback.catalog.catalog import Catalog
from tieback.core.errors import TiebackError
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.store import Store
from tieback.serving.commands.bind_report import folder_of

from benchmarks.binding import (
    captions,
    composed_queries,
    cost,
    missing_spaces,
    negative_queries,
    neutral,
    photo_retrieval,
    replaced,
    seeds,
    sound_retrieval,
    text_routing,
    text_tasks,
    user_anchors,
)
from benchmarks.binding.artifact import newest, of_other_seeds, with_anchors
from benchmarks.binding.data import Data, DataError
from benchmarks.binding.encoders import Encoders
from benchmarks.data_folder import add_data, data_of
from benchmarks.report import Report

HOLDS = "photos with their objects, and judged texts"
PARTS = (
    *("captions", "negative_queries", "sound_retrieval", "neutral", "text_tasks"),
    *("photo_retrieval", "text_routing", "missing_spaces", "composed_queries", "user_anchors", "cost"),
)
APART = ("replaced",)
"""Parts that bind for themselves, which takes minutes: only where they are named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--binding", metavar="REVISION|FOLDER", help="the artifact; by default the newest")
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="bind so many times, with seeds from the artifact's on, and report the spread; minutes for each",
    )
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="DIR",
        help="keeps what the encoders say of texts and takes it from there again: most of a run's time",
    )
    parser.add_argument(
        "--parts", nargs="+", metavar="PART", choices=(*PARTS, *APART), default=PARTS, help="these alone"
    )


def run(options: argparse.Namespace) -> Report:
    if options.seeds < 1:
        raise SystemExit(f"binding: --seeds is 1 or more, not {options.seeds}")
    folder = data_of(options, HOLDS)
    try:
        data = Data.read(folder)
        return _measure(options, data)
    except DataError as error:
        raise SystemExit(f"binding: {error}") from None
    except TiebackError as error:
        raise SystemExit(f"binding: {error.message}") from None


def _measure(options: argparse.Namespace, data: Data) -> Report:
    store, cards, report = Store(), Catalog.load().encoders(), Report()
    if "replaced" in options.parts:
        replaced.measure(options.data, cards, store, _say, report)
        if set(options.parts) <= set(APART):
            return report
    if options.binding is None:
        bound = newest(cards, store, _say)
    else:
        bound = JointSpaceArtifact.load(folder_of(options.binding, store.bound))
    report.table("the binding", [{"revision": bound.revision, "joint width": bound.width, "data": data.said}])
    encoders = Encoders(bound, cards, store, _say, options.vectors)
    if "captions" in options.parts:
        captions.measure(bound, options.data, encoders, report)
    if "negative_queries" in options.parts:
        negative_queries.measure(bound, options.data, encoders, report)
    if "sound_retrieval" in options.parts:
        sound_retrieval.measure(bound, options.data, encoders, report)
    if "neutral" in options.parts:
        neutral.measure(bound, data, options.data, encoders, report)
    if "photo_retrieval" in options.parts:
        photo_retrieval.measure(bound, data, encoders, report)
    if "text_tasks" in options.parts:
        text_tasks.measure(bound, data, encoders, report)
    if "text_routing" in options.parts:
        text_routing.measure(bound, data, encoders, report)
    if "missing_spaces" in options.parts:
        missing_spaces.measure(bound, data, encoders, report)
    if "composed_queries" in options.parts:
        composed_queries.measure(bound, data, encoders, report)
    if "user_anchors" in options.parts:

        def again(anchors: Path) -> JointSpaceArtifact:
            return with_anchors(bound, cards, store, _say, anchors)

        user_anchors.measure(bound, again, data, encoders, report)
    if "cost" in options.parts:
        cost.measure(bound, data, encoders, report)
    if options.seeds > 1:
        others = of_other_seeds(bound, cards, store, _say, options.seeds - 1)
        seeds.measure([bound, *others], data, encoders, report)
    return report


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
