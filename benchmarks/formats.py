"""Codecs of a collection: recall of the ten best, bytes in memory, time of a search.

The vectors are of texts (benchmarks/corpus.py), by one encoder. More than there are texts are mixed of two
vectors each, and noise. Queries are texts of which no vector is stored. Recall is the share of the exact ten
best that are found. Memory is what the vectors take, and its share is of float32 alone, 4 bytes a dimension.
Vectors come in batches, and a codec that is learned is learned from the first that are enough.
A search is on one thread; its time is processor time of that thread, which other programs disturb least. The
rows on disk are in the page cache, as those of a server in use are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import one_thread
from tieback.index.vectors.codec_choice import codec_of, vectors_of
from tieback.index.vectors.growing import GrowingVectors
from tieback.methods.codecs import codecs, with_defaults
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from benchmarks import corpus
from benchmarks.encoders import add_space, encoder, text_vectors
from benchmarks.progress import log
from benchmarks.report import Report

LIMIT, QUERIES, ROUNDS = 10, 200, 3
LEAST_RECALL, MOST_SHARE = 0.99, 0.0625  # of the aim: of float32's ten best, and of its bytes
NOISE = 0.15  # length of the noise in a vector that is mixed
OVERSAMPLING = (2.0, 4.0, 8.0, 16.0, 32.0)
FEWER = (8.0,)  # of rows that are learned
AT_ONCE = 2048
LEARNED: tuple[tuple[str, dict[str, float]], ...] = (
    ("itq", {}),
    ("itq", {"bits_per_dimension": 0.5}),
    ("straight_through", {"bits_per_dimension": 0.5}),
    ("product", {}),
    ("product", {"dimensions_per_byte": 4}),
)
FUNNEL = MethodChoice("binary", {"rescoring": "int8"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which texts, by which encoder, and how many."""
    corpus.add_argument(parser)
    add_space(parser)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of all queries [{ROUNDS}]")
    parser.add_argument("--codecs", nargs="+", choices=codecs.names(), metavar="NAME", help="these alone")
    parser.add_argument("--vectors", type=int, nargs="+", default=[10_000, 100_000], metavar="N")


def run(options: argparse.Namespace) -> Report:
    """A table for each number of vectors, and the claims for the largest."""
    one_thread()
    report = Report()
    known, queries = _encoded(corpus.chosen(options), options.space)
    rows: list[Mapping[str, Any]] = []
    for count in sorted(options.vectors):
        log(f"{count:,} vectors")
        vectors = more_of(known, count)
        chosen = [one for one in choices() if not options.codecs or one.name in options.codecs]
        rows = measured(vectors, queries, chosen, options.rounds)
        report.table(f"{count:,} vectors of {options.space}, {len(known):,} of them of texts", rows)
    if any(row["codec"] == FUNNEL.name for row in rows):
        claim(rows, report)
    return report


def choices() -> list[MethodChoice]:
    """Every codec with its defaults, and the funnels with other shortlists and other rows on disk."""
    plain = [MethodChoice(name) for name in codecs.names()]
    wider = [
        MethodChoice("binary", {"rescoring": rows, "oversampling": times})
        for rows in ("float32", "int8")
        for times in OVERSAMPLING
    ]
    signs = MethodChoice("prefix", {"rows": "binary", "oversampling": OVERSAMPLING[-1]})
    learned = [
        MethodChoice(name, {**rows, "oversampling": times}) for name, rows in LEARNED for times in FEWER
    ]
    # What is a default stands there twice.
    return list({str(with_defaults(one)): one for one in [*plain, FUNNEL, *wider, signs, *learned]}.values())


def more_of(vectors: Array, count: int) -> Array:
    """So many unit vectors: those that are there, then mixed of two of them each, with noise."""
    if count <= len(vectors):
        return vectors[:count]
    drawn = np.random.default_rng(2)
    missing = count - len(vectors)
    one, other = drawn.integers(len(vectors), size=(2, missing))
    share = drawn.uniform(0.3, 0.7, (missing, 1)).astype(np.float32)
    mixed = share * vectors[one] + (1 - share) * vectors[other]
    width = vectors.shape[1]
    mixed += np.float32(NOISE / width**0.5) * drawn.standard_normal((missing, width), np.float32)
    return np.concatenate((vectors, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)))


def measured(
    vectors: Array, queries: Array, chosen: Sequence[MethodChoice], rounds: int = ROUNDS
) -> list[Mapping[str, Any]]:
    """A row for each codec."""
    exact = [set(np.argsort(-(vectors @ query), kind="stable")[:LIMIT].tolist()) for query in queries]
    return [
        {
            "codec": choice.name,
            **_how(vectors.shape[1], choice),
            **_measured(vectors, queries, exact, choice, rounds),
        }
        for choice in chosen
    ]


def _measured(
    vectors: Array, queries: Array, exact: Sequence[set[int]], choice: MethodChoice, rounds: int
) -> dict[str, float]:
    everything = np.ones(len(vectors), bool)
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = _filled(vectors, choice, Path(folder))
        for _ in range(rounds):
            found = []
            for query in queries:
                began = time.thread_time()
                positions, _ = store.current.search(query, LIMIT, everything)
                seconds.append(time.thread_time() - began)
                found.append(positions.tolist())
    shares = [len(best.intersection(one)) / LIMIT for best, one in zip(exact, found, strict=True)]
    return {
        "recall@10": float(np.mean(shares)),
        "bytes a vector": store.current.resident_bytes / len(vectors),
        "share of float32": store.current.resident_bytes / vectors.nbytes,
        "p50 ms": 1000 * median(seconds),
    }


def claim(rows: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Claims about binary shortlists that rows of int8 on disk rescore, at their defaults."""
    default = _how(64, FUNNEL)
    row = next(
        one
        for one in rows
        if one["codec"] == FUNNEL.name and all(one[key] == default[key] for key in default)
    )
    note = f"oversampling {row['oversampling']}"
    name = "binary shortlist, rescored by int8 on disk"
    report.claim(f"{name}: recall@10", row["recall@10"], "share", f">= {LEAST_RECALL}", note=note)
    report.claim(
        f"{name}: bytes in memory, of float32's", row["share of float32"], "share", f"<= {MOST_SHARE}"
    )


def _how(width: int, choice: MethodChoice) -> dict[str, Any]:
    made = codec_of(width, choice).shortlist
    return {
        "rows": _rows_of(choice),
        "oversampling": made.oversampling if made is not None else None,
        "on disk": made.rescoring if made is not None else "",
    }


def _rows_of(choice: MethodChoice) -> str:
    """Parameters that tell a codec's rows from those of the same codec with its defaults."""
    said = {
        key: value for key, value in choice.parameters.items() if key not in ("oversampling", "rescoring")
    }
    return ", ".join(f"{key} {value}" for key, value in said.items())


def _filled(vectors: Array, choice: MethodChoice, folder: Path) -> GrowingVectors:
    # Lists (`benchmarks/scale.py` measures them) would hide what the rows of a codec find.
    has_rows = codec_of(vectors.shape[1], choice).shortlist is not None
    store = vectors_of(vectors.shape[1], choice, folder, len(vectors) if has_rows else None)
    for begin in range(0, len(vectors), AT_ONCE):
        rows = vectors[begin : begin + AT_ONCE]
        store.put(np.arange(begin, begin + len(rows)), rows)
        count = begin + len(rows)
        if store.wants_training(count):
            store.train(ReadWriteLock(), partial(np.ones, count, bool))
    return store


def _encoded(texts: corpus.Corpus, space: str) -> tuple[Array, Array]:
    """Unit vectors of the stored texts, and of the queries."""
    every = [*texts.short, *texts.long]
    if len(every) <= 2 * QUERIES:
        raise SystemExit(f"formats: {len(every)} texts are too few; name a folder with more: --data DIR")
    log(f"encoding {len(every):,} texts")
    vectors = text_vectors(encoder(space), every, "formats")
    vectors = vectors[np.random.default_rng(1).permutation(len(every))]
    return vectors[QUERIES:], vectors[:QUERIES]
