"""Recall of a search by the time that it is given, and whether it takes no longer.

Vectors are made as the benchmark "scale" makes them, and are written through the index service with the codec
"binary". Queries are texts of which no vector is stored. They are searched for with every budget in turn, and
with none, so that other work on the machine disturbs all alike. Times are by the clock, of the step
"vector_search": they follow the load of the machine, and so does what fits a budget.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.types.search import SearchRequest
from tieback.index import Index
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions
from tieback_contract.vectors import Vector

from benchmarks.data_folder import add_data, data_of
from benchmarks.encoders import add_space
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.scaling.service import NAME, SPACE, fill
from benchmarks.scaling.vectors import encoded, more_of, nearest, short_texts, texts_of

LIMIT, ROUNDS = 10, 2
BUDGETS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Milliseconds of a search by the vector."""
LEAST_IN_TIME, LEAST_RECALL = 0.9, 0.97
DIFFERENT_TEXTS = 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which texts, and how many vectors."""
    add_data(parser, "judged texts (cranfield/, retrieval/, sts/)")
    add_space(parser)
    parser.add_argument("--vectors", type=int, default=100_000, metavar="N", help="[100000]")
    parser.add_argument("--budgets", type=float, nargs="+", default=BUDGETS, metavar="MS")


def run(options: argparse.Namespace) -> Report:
    """A row for each budget."""
    texts = texts_of(data_of(options, "judged texts"))
    known, queries = encoded(texts, options.space)
    log(f"{options.vectors:,} vectors")
    vectors = more_of(known, options.vectors)
    return asyncio.run(measured(vectors, queries, texts, options.budgets))


async def measured(vectors: Array, queries: Array, texts: list[str], budgets: Sequence[float]) -> Report:
    """Writes the vectors `[n, width]` and searches for each of the queries by every budget."""
    report = Report()
    exact = nearest(vectors, queries, LIMIT).tolist()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "queries.npy", queries)
        (folder / "texts.json").write_text(json.dumps(short_texts(texts, min(len(vectors), DIFFERENT_TEXTS))))
        await fill(folder, "binary")
        log("searching")
        index = Index.open(folder / "store-binary")
        found: dict[float, list[dict[str, float]]] = {one: [] for one in (*budgets, 0.0)}
        await _search(index, queries[0], exact[0], budgets[0])  # measures first
        for _ in range(ROUNDS):
            for query, best in zip(queries, exact, strict=True):
                for budget in found:
                    found[budget].append(await _search(index, query, best, budget))
        await index.close()
    rows = [_row(budget, each) for budget, each in found.items()]
    report.table(f"{len(vectors):,} vectors, {len(queries)} queries, {ROUNDS} times", rows)
    claim(rows[:-1], report)
    return report


async def _search(index: Index, query: Array, best: Sequence[int], budget: float) -> dict[str, float]:
    how = MethodChoice("time_budget", {"milliseconds": budget}) if budget else None
    reply = await index.search(
        SearchRequest(
            NAME,
            Vector(query, SPACE),
            limit=LIMIT,
            explain=True,
            options=QueryOptions(vector_search=how),
        )
    )
    (taken,) = [one.seconds for one in reply.timing.stages if one.name == "vector_search"]
    reached = reply.reached
    return {
        "ms": 1000 * taken,
        "recall": len({int(hit.item_id) for hit in reply.hits}.intersection(best)) / len(best),
        "breadth": 1.0 if reached is None else reached.breadth,
        "expected": float("nan") if reached is None else reached.recall,
    }


def _row(budget: float, each: Sequence[dict[str, float]]) -> dict[str, Any]:
    ms, recall, breadth, expected = (
        np.array([one[name] for one in each]) for name in ("ms", "recall", "breadth", "expected")
    )
    return {
        "budget ms": budget or "as the collection does",
        "recall@10": float(recall.mean()),
        "expected": float(expected.mean()) if budget else "",
        "median breadth": float(np.median(breadth)),
        "p50 ms": float(np.median(ms)),
        "p90 ms": float(np.quantile(ms, 0.9)),
        "share in time": float((ms <= budget).mean()) if budget else "",
    }


def claim(rows: Sequence[dict[str, Any]], report: Report) -> None:
    """More time finds no less, what fits is in time, and with time enough nearly all is found."""
    recalls = [float(row["recall@10"]) for row in rows]
    loss = max((before - after for before, after in itertools.pairwise(recalls)), default=0.0)
    report.claim("the most recall@10 that is lost by the next larger budget", loss, "", "<= 0.01")
    wide = [row for row in rows if float(row["recall@10"]) >= LEAST_RECALL]
    report.claim("recall@10 of the largest budget", recalls[-1], "", f">= {LEAST_RECALL}")
    if wide:
        least = min(float(row["share in time"]) for row in wide)
        report.claim(
            f"searches in time, of every budget whose recall@10 is {LEAST_RECALL} or more",
            least,
            "share",
            f">= {LEAST_IN_TIME}",
            note=f"the smallest of these budgets is {wide[0]['budget ms']:g} ms",
        )
