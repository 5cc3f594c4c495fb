"""Codes that are learned against signs of as many bytes, on vectors that nothing was learned from.

The straight-through rounding is that of "Vector representations of text data in deep learning". The
collections are texts of DIR: sentences of nli/train.jsonl, abstracts of retrieval/*/documents.jsonl, and
passages of answerable/dev.jsonl, 700 characters of each at most, by two encoders. Of each collection, 300
texts are queries; 10,000 of the others, or half of them where they are fewer, are what the codec learns from,
and the rest is searched. So neither the queries nor what they find were learned from. Recall is the share of
the exact ten best that are among the first ten by the rows alone, and among the first 40, which are the
candidates of an oversampling of 4. An interval is over queries, which are drawn with replacement, the same
for both sides.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.methods.codecs import Codec, LearnedCodec, codecs
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.encoders import encoder, text_vectors
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import bootstrap

HOLDS = "sentences, abstracts and passages"
SPACES = ("all-minilm-l6-v2", "wordllama-256")
TEXTS, QUERIES, LEARNT, BEST, CANDIDATES = 14_300, 300, 10_000, 10, 40
CHARACTERS = 700
PAPER = "65 Vector representations of text data in deep learning"
OF = Tried(65, "ours", product=True, data="real")
INTERVAL = "95 %, bootstrap of queries"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--spaces", nargs="+", default=SPACES, metavar="NAME", help="by these encoders")
    parser.add_argument("--texts", type=int, default=TEXTS, help=f"of a collection, at most [{TEXTS}]")


def run(options: argparse.Namespace) -> Report:
    data, report = data_of(options, HOLDS), Report()
    found: dict[tuple[str, str], dict[str, Array]] = {}
    for space in options.spaces:
        model = encoder(space)
        for name, texts in collections(data, options.texts).items():
            log(f"{name} in {space}: {len(texts):,} texts")
            vectors = text_vectors(model, texts, f"learned codes {name}")
            hits, rows = measured(vectors)
            found[space, name] = hits
            report.table(f"{name} in {space}, {vectors.shape[1]} dimensions, {len(texts):,} texts", rows)
    claim(found, report)
    return report


def collections(data: Path, most: int) -> dict[str, list[str]]:
    """Different texts by the collection's name."""
    sources = {
        "sentences": _texts([data / "nli" / "train.jsonl"], "premise"),
        "abstracts": _texts(sorted((data / "retrieval").glob("*/documents.jsonl")), "text"),
        "passages": _texts([data / "answerable" / "dev.jsonl"], "passage"),
    }
    found = {name: list(dict.fromkeys(texts)) for name, texts in sources.items()}
    chosen = {
        name: [texts[n] for n in np.random.default_rng(0).permutation(len(texts))[:most]]
        for name, texts in found.items()
    }
    return {name: texts for name, texts in chosen.items() if len(texts) > 4 * QUERIES}


def choices(width: int) -> dict[str, tuple[MethodChoice, ...]]:
    """By the bytes of a row's dimensions: signs first, then what is learned."""
    half = {"bits_per_dimension": 0.5}
    return {
        "1 bit a dimension": (
            MethodChoice("binary"),
            MethodChoice("itq"),
            MethodChoice("straight_through"),
            MethodChoice("product"),
        ),
        "half a bit": (
            MethodChoice("prefix", {"rows": "binary", "dimensions": width // 2}),
            MethodChoice("itq", half),
            MethodChoice("straight_through", half),
            MethodChoice("product", {"dimensions_per_byte": 16}),
        ),
    }


def measured(vectors: Array) -> tuple[dict[str, Array], list[Mapping[str, Any]]]:
    """The shares of each query `[queries, 2]` by codec, and a row of the table for each."""
    order = np.random.default_rng(1).permutation(len(vectors))
    queries, others = vectors[order[:QUERIES]], vectors[order[QUERIES:]]
    learnt, searched = np.split(others, [min(LEARNT, len(others) // 2)])
    best = np.argsort(-(queries @ searched.T), axis=1, kind="stable")[:, :BEST]
    hits: dict[str, Array] = {}
    rows: list[Mapping[str, Any]] = []
    for size, chosen in choices(vectors.shape[1]).items():
        for choice in chosen:
            codec, seconds = _fitted(choice, learnt)
            name = f"{choice.name}, {size}"
            hits[name] = _shares(codec, queries, searched, best)
            at_best, at_candidates = hits[name].mean(axis=0)
            rows.append(
                {
                    "codec": choice.name,
                    "bits": size,
                    "bytes": codec.row_bytes,
                    "among 10": at_best,
                    "among 40": at_candidates,
                    "seconds to learn": seconds,
                }
            )
            log(f"{name}: {at_best:.3f}, {at_candidates:.3f}, {seconds:.1f} s")
    return hits, rows


def claim(found: Mapping[tuple[str, str], Mapping[str, Array]], report: Report) -> None:
    """Each learned code less the signs of as many bytes, in every collection and over all."""
    for size, (signs, *learned) in choices(2).items():
        for choice in learned:
            name = f"{choice.name}, {size}"
            differences = {
                key: hits[name][:, 0] - hits[f"{signs.name}, {size}"][:, 0] for key, hits in found.items()
            }
            everywhere = np.concatenate(list(differences.values()))
            _claim(report, f"{name}, all collections", everywhere, choice.name)
            for (space, collection), one in differences.items():
                _claim(report, f"{name}, {collection} in {space}", one, choice.name)


def _claim(report: Report, name: str, differences: Array, codec: str) -> None:
    found = bootstrap(len(differences), lambda places: 100 * differences[places].mean())
    report.claim(
        f"{PAPER}: recall@10 of the rows alone, minus signs of as many bytes: {name}",
        found,
        "points",
        "> 0",
        interval=INTERVAL,
        of=OF if codec == "straight_through" else None,
        note="" if found.low > 0 else "the interval holds zero" if found.high > 0 else "signs are better",
    )


def _fitted(choice: MethodChoice, learnt: Array) -> tuple[Codec, float]:
    made = codecs.configure(choice.name, choice.parameters)(learnt.shape[1])
    if not isinstance(made, LearnedCodec):
        return made, 0.0
    began = time.thread_time()
    state = made.fit(learnt)
    return made.codec(state), time.thread_time() - began


def _shares(codec: Codec, queries: Array, searched: Array, best: Array) -> Array:
    """For each query, the shares of its best that are among the first by rows."""
    rows = codec.encode(searched)
    shares = []
    for query, wanted in zip(queries, best, strict=True):
        first = np.argsort(-codec.similarities(query, rows), kind="stable")
        shares.append([len(np.intersect1d(wanted, first[:most])) / BEST for most in (BEST, CANDIDATES)])
    return np.array(shares)


def _texts(files: Sequence[Path], key: str) -> Iterator[str]:
    for file in files:
        yield from (str(row[key])[:CHARACTERS] for row in read_rows(file))
