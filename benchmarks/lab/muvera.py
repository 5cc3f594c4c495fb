"""Recall of late interaction by MUVERA's encodings, beside one vector for each text.

The collections of --data are laid out as benchmarks/pipeline/collections.py says. The rows of documents are
those that a collection keeps by default (pooled by `ward`, in `int8`). Fifty candidates are chosen by inner
products of fixed-dimension encodings of these rows, or of the encoder's own vectors, and reranked exactly by
late interaction over the rows. Differences have 95 % paired bootstrap intervals over questions; times are
processor time of one thread, as ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.collections.token_coding import TokenCoding
from tieback.methods.token_pooling import DEFAULT_POOLING, with_defaults
from tieback.models.encoder_model import RawEncoding
from tieback.models.store import Store
from tieback.token_spaces import DEFAULT_CODEC
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef
from tieback_lab.methods.fixed_dimension import QUERY, fixed_dimensions

from benchmarks.encoders import add_space, encoder
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.encodings import encodings
from benchmarks.pipeline.judged import Judged
from benchmarks.pipeline.measures import ndcg
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.statistics import paired

CANDIDATES, NEAREST = 50, 10
CHOICES = (
    {"bits": 2, "repetitions": 20, "projected": 32},
    {"bits": 4, "repetitions": 20, "projected": 16},
    {"bits": 5, "repetitions": 20, "projected": 32},
)
DENSE, EXACT = "one vector", "late interaction with every document"
INTERVAL = "95 %, bootstrap of questions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which collections, by which encoder."""
    add_collections(parser, only=["cranfield", "cisi", "med", "cacm"])
    add_space(parser)


def run(options: argparse.Namespace) -> Report:
    """A table for each collection, and the claims of the largest encoding."""
    collections = collections_of(options)
    model = encoder(options.space)
    report = Report()
    for judged in collections:
        log(f"{judged.name}: encoding {len(judged.documents):,} documents")
        documents, questions = encodings(judged, model, StepCache(Store().steps))
        measured(judged, model.card.space, model.card.width, documents, questions, report)
    return report


@dataclass(frozen=True)
class Found:
    """nDCG@10, and the share of the exact ten best, of each question `[questions]`."""

    ndcg: Array
    recall: Array


def measured(
    judged: Judged,
    space: SpaceRef,
    width: int,
    documents: Sequence[RawEncoding],
    questions: Sequence[RawEncoding],
    report: Report,
    choices: Sequence[Mapping[str, int]] = CHOICES,
) -> None:
    """A row for each way to choose candidates."""
    kept = TokenVectors(space, width, with_defaults(DEFAULT_POOLING), DEFAULT_CODEC)
    coding = TokenCoding(kept)
    rows = [_stored(coding, space, one) for one in documents]
    asked = [
        one.rows / np.linalg.norm(one.rows, axis=1, keepdims=True)
        for one in questions
        if one.rows is not None
    ]
    exact = _exact(rows, asked)
    dense = _scores(_dense(documents), _dense(questions))
    of_dense, best = _judged(judged, exact, dense[0]), _judged(judged, exact, exact, len(rows))
    table = [
        _row(EXACT, best, of_dense, width, 0.0, None),
        _row(DENSE, of_dense, of_dense, width, 0.0, 1.0),
    ]
    for choice in choices:
        document = fixed_dimensions.configure("muvera", choice)
        query = fixed_dimensions.form(QUERY, "muvera", choice)
        begun = time.thread_time()
        encoded = np.stack([document(one) for one in rows])
        each = 1000 * (time.thread_time() - begun) / len(rows)
        scores, seconds = _scores(encoded, np.stack([query(one) for one in asked]))
        found = _judged(judged, exact, scores)
        name = f"muvera, {encoded.shape[1]:,} dimensions"
        table.append(_row(name, found, of_dense, encoded.shape[1], each, seconds / dense[1]))
    report.table(f"{judged.name}: {len(asked)} questions, {CANDIDATES} candidates reranked", table)
    lost = paired(found.ndcg, of_dense.ndcg)
    report.claim(
        f"{judged.name}: nDCG@10 of {name} less that of {DENSE}, both reranked",
        lost,
        "",
        ">= 0",
        interval=INTERVAL,
    )


def _stored(coding: TokenCoding, space: SpaceRef, one: RawEncoding) -> Array:
    assert one.rows is not None
    assert one.locators is not None
    return coding.decode(coding.encode(MultiVector(one.rows, space, one.locators)))[0]


def _dense(encoded: Sequence[RawEncoding]) -> Array:
    return np.stack([one.dense for one in encoded if one.dense is not None])


def _exact(rows: Sequence[Array], asked: Sequence[Array]) -> Array:
    """Late interaction of every question with every document `[questions, documents]`."""
    starts = np.cumsum([0, *(len(one) for one in rows[:-1])])
    every = np.concatenate(rows).T
    return np.stack([np.maximum.reduceat(one @ every, starts, axis=1).mean(axis=0) for one in asked])


def _scores(documents: Array, questions: Array) -> tuple[Array, float]:
    """Inner products `[questions, documents]`, and the seconds that they took, one question at a time."""
    begun = time.thread_time()
    scores = np.stack([documents @ one for one in questions])
    return scores, time.thread_time() - begun


def _judged(judged: Judged, exact: Array, first: Array, most: int = CANDIDATES) -> Found:
    names = [one.id for one in judged.documents]
    grades, shares = [], []
    for one, late, scores in zip(judged.answerable, exact, first, strict=True):
        candidates = np.argsort(-scores, kind="stable")[:most]
        order = candidates[np.argsort(-late[candidates], kind="stable")]
        grades.append(ndcg([names[place] for place in order], one.grades))
        nearest = np.argsort(-late, kind="stable")[:NEAREST]
        shares.append(np.isin(nearest, candidates).mean())
    return Found(np.array(grades), np.array(shares))


def _row(
    name: str, found: Found, dense: Found, width: int, each: float, seconds: float | None
) -> dict[str, Any]:
    difference, shares = paired(found.ndcg, dense.ndcg), paired(found.recall, dense.recall)
    return {
        "candidates by": name,
        "nDCG@10": float(found.ndcg.mean()),
        "less one vector's": difference.value,
        "low": difference.low,
        "high": difference.high,
        f"recall@{CANDIDATES} of the exact {NEAREST}": float(found.recall.mean()),
        "recall less": shares.value,
        "recall low": shares.low,
        "recall high": shares.high,
        "bytes a document, float32": 4 * width,
        "encoding ms a document": each,
        "time of the comparison, of one vector's": "" if seconds is None else seconds,
    }
