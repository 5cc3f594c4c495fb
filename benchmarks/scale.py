"""Changes of search, memory, writes and starts from ten thousand vectors to a million, beside other systems.

The vectors are of texts (the first 48 words of the documents, and the sentences, of a folder of judged texts)
by one encoder. More than there are texts are drawn around them with the covariance of their neighbourhoods.
Queries are texts of which no vector is stored, and for the smallest numbers all stored vectors are of texts.

Each system is in a process of its own, with one thread, and is measured with the smallest effort that finds
0.97 of the exact ten best. Times are processor time of the process, which other programs disturb least, and
time by the clock. Memory is what the process has beyond what it had before, without mapped files. LanceDB and
tieback's collections have the vectors on disk, in the page cache.

Writes, memory of everything and starts are those of the index service, with a text of twenty words for each
section, in batches of a thousand items, for a collection of each codec that is asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_folder import add_data, data_of
from benchmarks.encoders import add_space
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.scaling.measure import LEAST_RECALL
from benchmarks.scaling.systems import MOST, OWN, SYSTEMS
from benchmarks.scaling.vectors import encoded, more_of, nearest, short_texts, texts_of

LIMIT = 10
MOST_MS, LEAST_UPSERTS, MOST_MIB, MOST_BEHIND = 3.0, 5000.0, 2048.0, 1.1
DIFFERENT_TEXTS = 50_000
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "LANCE_CPU_THREADS",
        "TOKIO_WORKER_THREADS",
    ),
    "1",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which texts, by which encoder, how many, and beside whom."""
    add_data(parser, "judged texts (cranfield/, retrieval/, sts/)")
    add_space(parser)
    parser.add_argument("--vectors", type=int, nargs="+", default=[10_000, 20_000, 100_000], metavar="N")
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS), metavar="NAME")
    parser.add_argument(
        "--bulk", action="store_true", help="write the table of the service without it: starts of very many"
    )
    parser.add_argument(
        "--service-codecs", nargs="+", default=["binary", "float16"], metavar="CODEC",
        help="of which collections writes and starts are measured [binary float16]",
    )  # fmt: skip
    parser.add_argument("--no-service", action="store_true", help="leave writes and starts out")
    parser.add_argument("--folder", type=Path, help="where files are made [the system's for such]")


def run(options: argparse.Namespace) -> Report:
    """Two tables for each number of vectors, and the claims for the largest."""
    texts = texts_of(data_of(options, "judged texts"))
    known, queries = encoded(texts, options.space)
    report = Report()
    served: list[Mapping[str, Any]] = []
    rows: list[Mapping[str, Any]] = []
    for count in sorted(options.vectors):
        log(f"{count:,} vectors")
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            folder = Path(temporary)
            vectors = more_of(known, count)
            np.save(folder / "vectors.npy", vectors)
            np.save(folder / "queries.npy", queries)
            np.save(folder / "nearest.npy", nearest(vectors, queries, LIMIT))
            (folder / "texts.json").write_text(json.dumps(short_texts(texts, min(count, DIFFERENT_TEXTS))))
            del vectors
            chosen = [name for name in options.systems if count <= MOST.get(name, count)]
            rows = [one for name in chosen if (one := _measured(name, folder))]
            title = f"{count:,} vectors of {options.space}, {min(len(known), count):,} of them of texts"
            report.table(title, rows)
            if not options.no_service:
                made = (_served(folder, codec, bulk=options.bulk) for codec in options.service_codecs)
                served += filter(None, made)
    if served:
        report.table("the index service", served)
    claim(rows, served, report)
    return report


def claim(rows: Sequence[Mapping[str, Any]], served: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Claims about the largest number of vectors."""
    enough = [row for row in rows if row["recall@10"] >= LEAST_RECALL]
    own = [row for row in enough if row["system"] in OWN]
    others = [row for row in enough if row["system"] not in OWN]
    if own:
        best = _fastest(own)
        name = best["system"]
        report.claim(f"{name}: recall@10", best["recall@10"], "share", f">= {LEAST_RECALL}")
        report.claim(f"{name}: p50 of processor time", best["p50 CPU ms"], "ms", f"<= {MOST_MS:g}")
        if others:
            report.claim(
                f"{name}: p50 of processor time, of the fastest other's",
                best["p50 CPU ms"] / _fastest(others)["p50 CPU ms"],
                "times",
                f"<= {MOST_BEHIND}",
                note=str(_fastest(others)["system"]),
            )
    for row in served:
        if row["sections"] == served[-1]["sections"]:
            _claim_of_service(row, report)


def _claim_of_service(row: Mapping[str, Any], report: Report) -> None:
    codec = row["codec"]
    report.claim(
        f"{codec}: memory of the service after a start", row["resident MiB"], "MiB", f"<= {MOST_MIB:g}"
    )
    if "upserts a second" in row:
        report.claim(
            f"{codec}: durable upserts", row["upserts a second"], "a second", f">= {LEAST_UPSERTS:g}"
        )
    report.claim(f"{codec}: recall@10 through the service", row["recall@10"], "share", f">= {LEAST_RECALL}")
    report.claim(
        f"{codec}: p50 through the service, processor time", row["search p50 CPU ms"], "ms", f"<= {MOST_MS:g}"
    )


def _fastest(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return min(rows, key=lambda row: float(row["p50 CPU ms"]))


def _served(folder: Path, codec: str, *, bulk: bool) -> dict[str, Any] | None:
    """None where a step ends early, so that what other codecs gave is not lost."""
    found: dict[str, Any] = {"codec": codec}
    for step in ("bulk", "sort", "start") if bulk else ("fill", "start"):
        log(f"the index service, {codec}: {step}")
        try:
            found |= _child("service", step, folder, codec)
        except subprocess.CalledProcessError as error:
            log(f"{codec} is left out: {(error.stderr or str(error)).strip().splitlines()[-1]}")
            return None
        log(f"the index service, {codec}: {found}")
    return found


def _measured(name: str, folder: Path) -> dict[str, Any] | None:
    """None where the system is not there or fails."""
    log(name)
    try:
        found = _child("measure", name, folder)
    except subprocess.CalledProcessError as error:
        log(f"{name} is left out: {error.stderr.strip().splitlines()[-1:]}")
        return None
    log(f"{name}: {found['recall@10']:.3f}, {found['p50 CPU ms']:.2f} ms")
    return found


def _child(module: str, what: str, folder: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.scaling.{module}", what, str(folder), *more]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **ONE_THREAD}
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
