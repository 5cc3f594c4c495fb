"""Limits of the hits of one item and what they cost, where a table of many rows stands beside a collection.

A CSV file of 500 rows is indexed beside each judged collection of --data: titles of documents, each with a
shelf. Questions ask for the shelf of a document, and the collection's own questions are about its documents.
Each is asked of a local server by the default plan, with any number of hits of one item, and with fixed
numbers, for ten hits. The default was chosen on Cranfield, MEDLINE and ADI; --only names others.
Intervals are 95 % paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import Client, Item
from tieback_client.values.results import RetrievalResult

from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import Judged
from benchmarks.pipeline.measures import items_of, ndcg
from benchmarks.report import BOOTSTRAP, Report
from benchmarks.served import NO_GENERATOR, asking
from benchmarks.statistics import paired

CHOSEN_ON = ("cranfield", "med", "adi")
ROWS, ASKED, LIMIT = 500, 60, 10
TABLE = "shelves.csv"
DEFAULT, ANY = "default", "any number"
PLANS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    ANY: {"hits_per_item": 0},
    "3": {"hits_per_item": 3},
    "1": {"hits_per_item": 1},
}
LOSS = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser)


def run(options: argparse.Namespace) -> Report:
    collections = [one for one in collections_of(options) if one.modalities == {"text"}]
    report = Report()
    with tempfile.TemporaryDirectory() as folder, asking(settings=NO_GENERATOR) as client:
        rows = [row for judged in collections for row in measured(report, client, judged, Path(folder))]
    report.table("by plan", rows)
    return report


def measured(report: Report, client: Client, judged: Judged, folder: Path) -> list[Mapping[str, Any]]:
    """A row for each plan: of questions about a row of the table, and of the collection's own."""
    shelves = _shelves(judged)
    name = judged.name.replace(" ", "-").replace(":", "")
    items = [document.item for document in judged.documents]
    client.ingest(name, [*items, *Item.all_from_file(_table(folder, shelves))]).collect()
    asked = list(shelves)[:: max(len(shelves) // ASKED, 1)][:ASKED]
    rows: list[Mapping[str, Any]] = []
    quality = {}
    for plan, arguments in PLANS.items():
        about = [
            client.retrieve(name, f"On which shelf is {title}?", limit=LIMIT, **arguments) for title in asked
        ]
        crowds = [np.mean([_is_of_table(hit.hit.item_id) for hit in one.hits]) for one in about]
        among = [_is_found(one, shelves[title]) for one, title in zip(about, asked, strict=True)]
        quality[plan] = np.array(
            [
                ndcg(_items(client.retrieve(name, one.words, limit=LIMIT, **arguments)), one.grades)
                for one in judged.questions
            ]
        )
        rows.append(
            {
                "collection": judged.name,
                "plan": plan,
                "hits of the table": float(np.mean(crowds)),
                "most": float(np.max(crowds)),
                "the row in hits": float(np.mean([one[0] for one in among])),
                "or in pieces": float(np.mean([one[1] for one in among])),
                "nDCG@10 of own questions": float(np.mean(quality[plan])),
            }
        )
    less = paired(quality[DEFAULT], quality[ANY])
    report.claim(
        f"nDCG@10 of {judged.name}, default less any number",
        less,
        "",
        f">= -{LOSS}",
        note="chosen on it" if judged.name in CHOSEN_ON else "",
        interval=BOOTSTRAP,
    )
    return rows


def _shelves(judged: Judged) -> dict[str, str]:
    """Titles of documents, evenly taken, each with a shelf of its own."""
    titles = list(
        dict.fromkeys(title for one in judged.documents if (title := _title(one.title or one.text)))
    )
    chosen = titles[:: max(len(titles) // ROWS, 1)][:ROWS]
    return {title: f"room {place % 7 + 1}, shelf {place + 101}" for place, title in enumerate(chosen)}


def _title(text: str) -> str:
    return " ".join(text.split("\n")[0].split()[:12]).strip(" .")


def _table(folder: Path, shelves: Mapping[str, str]) -> Path:
    path = folder / TABLE
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["paper", "shelf"])
        writer.writerows(shelves.items())
    return path


def _is_of_table(item: str) -> bool:
    return item.startswith(TABLE)


def _is_found(result: RetrievalResult, shelf: str) -> tuple[bool, bool]:
    """Tell whether a shelf is in the hits, and whether it is in these or their pieces."""
    hits = [one.hit for one in result.hits if _is_of_table(one.hit.item_id)]
    in_hits = any(shelf in hit.text for hit in hits)
    return in_hits, in_hits or any(shelf in piece.text for hit in hits for piece in hit.pieces)


def _items(result: RetrievalResult) -> Sequence[str]:
    return items_of(hit.hit.item_id for hit in result.hits)
