"""Late interaction by stored vectors of tokens: what it finds, what they take on the disk, and its time.

The collections of --data are laid out as benchmarks/pipeline/collections.py says. Their documents are written
into an index, and their questions searched for by vector and words, as a server does by default. The best 50
are reranked by late interaction: from every row in float32, and from the rows that a collection would store
by each pooling and codec, by the classes of the product. nDCG@10 is of the reranker's order alone, and of the
product's merging with the search. Differences have 95 % paired bootstrap intervals over questions.

Then a server is started without an encoding cache, one thread for each model, and questions are asked
through the wire in turn of a collection that keeps vectors of tokens and of one that keeps none.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.answer.stages.order import ranked
from tieback.collections.token_coding import TokenCoding
from tieback.core.call import NO_CALL
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback.core.types.search import SearchRequest
from tieback.index import Index
from tieback.index.vectors.token_rows import TokenRows
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.store import Store
from tieback.reranker import Reranker
from tieback.token_spaces import DEFAULT_CODEC
from tieback.training.step_cache import StepCache
from tieback_client import Client, RetrievalResult
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef, Vector

from benchmarks.encoders import add_space, encoder
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.encodings import encodings
from benchmarks.pipeline.judged import Document, Judged
from benchmarks.pipeline.measures import ndcg
from benchmarks.progress import log
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, asking
from benchmarks.statistics import paired

CANDIDATES, AT_ONCE, QUESTIONS = 50, 64, 30
DEFAULT = ("ward", 3, DEFAULT_CODEC.name)
CODECS = ("float32", "int8", "binary")
CHOICES = [
    *[("ward", factor, codec) for factor in (1, 2, 3, 4) for codec in CODECS],
    *[("neighbours", 3, codec) for codec in CODECS[:2]],
]
MOST_SHARE, MOST_LOST, MOST_MS = 0.5, 0.01, 30.0
KEPT, ENCODED = "vectors of tokens kept", "candidates encoded"
INTERVAL = "95 %, bootstrap of questions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which collections, by which encoder."""
    add_collections(parser, only=["adi", "cranfield", "cisi", "med"])
    add_space(parser)
    parser.add_argument(
        "--served", type=int, default=200, metavar="N", help="documents that a server reranks; 0: none [200]"
    )


def run(options: argparse.Namespace) -> Report:
    """A table for each collection, one of times, and the claims of the default."""
    collections = collections_of(options)
    model = encoder(options.space)
    report = Report()
    for judged in collections:
        log(f"{judged.name}: encoding {len(judged.documents):,} documents")
        rows = asyncio.run(measured(judged, model, StepCache(Store().steps)))
        report.table(f"{judged.name}: {len(judged.answerable)} questions", rows)
        claim(judged.name, rows, report)
    if options.served and collections:
        log("through the wire")
        largest = max(collections, key=lambda one: len(one.answerable))
        served(largest, options.served, options.space, report)
    return report


@dataclass(frozen=True)
class Asked:
    """A question: its grades, its tokens, and what the search found."""

    grades: Mapping[str, int]
    tokens: MultiVector
    hits: Sequence[Hit]


@dataclass(frozen=True)
class Found:
    """nDCG@10 of each question: of the reranker's order, and of its merging with the search.

    And the median processor time of reranking, in ms.
    """

    reranked: Array
    merged: Array
    milliseconds: float


async def measured(
    judged: Judged,
    model: EncoderModel,
    cache: StepCache,
    choices: Sequence[tuple[str, int, str]] = CHOICES,
) -> list[Mapping[str, Any]]:
    """A row for each way to keep vectors of tokens, in the order of the choices."""
    space = model.card.space
    documents, questions = encodings(judged, model, cache)
    tokens = {one.id: _tokens(space, raw) for one, raw in zip(judged.documents, documents, strict=True)}
    asked = await _searched(judged, model, documents, questions)
    used = {hit.item_id for one in asked for hit in one.hits}
    nobody: Any = None  # vectors are given, so nothing is encoded
    reranker = Reranker(nobody, limits=Limits(rerank_steps=0))
    width = model.card.width
    exact = {name: tokens[name] for name in used if len(tokens[name])}
    reference = await _reranked(reranker, asked, exact)
    first = np.array([ndcg([hit.item_id for hit in one.hits], one.grades) for one in asked])
    rows: list[Mapping[str, Any]] = []
    whole = sum(one.values.shape[0] * (4 * width + 8) for one in tokens.values())
    pooled: dict[tuple[str, int], tuple[Mapping[str, MultiVector], float]] = {}
    for pooling, factor, codec in choices:
        way = MethodChoice(pooling, {"factor": factor})
        coding = TokenCoding(TokenVectors(space, width, way, MethodChoice(codec)))
        if (pooling, factor) not in pooled:
            began = time.thread_time()
            made = {name: coding.pooled(one) for name, one in tokens.items() if len(one)}
            pooled[pooling, factor] = made, time.thread_time() - began
        fewer, seconds = pooled[pooling, factor]
        began = time.thread_time()
        stored = {name: coding.coded(one) for name, one in fewer.items()}
        seconds += time.thread_time() - began
        with tempfile.TemporaryDirectory() as folder:
            kept, reading = _read_back(
                coding, {name: stored[name] for name in used if name in stored}, asked, folder
            )
        found = await _reranked(reranker, asked, kept)
        size = sum(one.nbytes for one in stored.values())
        rows.append(
            {
                "pooling": pooling,
                "factor": factor,
                "codec": codec,
                "bytes a section": size / len(tokens),
                "share of every row in float32": size / whole,
                **_compared("reranked", found.reranked, reference.reranked),
                **_compared("merged", found.merged, reference.merged),
                "search": float(first.mean()),
                "coding ms a section": 1000 * seconds / len(tokens),
                "reading ms": reading,
                "reranking ms": found.milliseconds,
            }
        )
    await reranker.close()
    return rows


def _tokens(space: SpaceRef, raw: RawEncoding) -> MultiVector:
    assert raw.rows is not None
    assert raw.locators is not None
    return MultiVector(raw.rows, space, raw.locators)


def _read_back(
    coding: TokenCoding, stored: Mapping[str, Array], asked: Sequence[Asked], folder: str
) -> tuple[dict[str, MultiVector], float]:
    """The vectors as they are read for hits, and the median time for those of one question, in ms."""
    rows, places = TokenRows(coding, Path(folder)), {name: place for place, name in enumerate(stored)}
    for name, place in places.items():
        rows.reserve(len(stored[name]))
        rows.put(place, stored[name])
    kept: dict[str, MultiVector] = {}
    seconds = []
    for one in asked:
        names = [hit.item_id for hit in one.hits if hit.item_id in places]
        began = time.process_time()
        found = rows.take([places[name] for name in names], rows.count)
        seconds.append(time.process_time() - began)
        kept |= {name: multi for name, multi in zip(names, found, strict=True) if multi is not None}
    return kept, 1000 * float(np.median(seconds))


async def _searched(
    judged: Judged, model: EncoderModel, documents: Sequence[RawEncoding], questions: Sequence[RawEncoding]
) -> list[Asked]:
    """The questions, with the best of a search by vector and words as a server does it by default."""
    card = model.card
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder) / "store")
        await index.create_collection("judged", card.space, card.width)
        items = [
            _item(one, Vector(raw.dense, card.space))
            for one, raw in zip(judged.documents, documents, strict=True)
            if raw.dense is not None
        ]
        for begin in range(0, len(items), AT_ONCE):
            await index.upsert("judged", items[begin : begin + AT_ONCE])
        found = []
        for one, raw in zip(judged.answerable, questions, strict=True):
            assert raw.dense is not None
            vector = Vector(raw.dense, card.space)
            reply = await index.search(SearchRequest("judged", vector, one.words, CANDIDATES))
            found.append(Asked(one.grades, _tokens(card.space, raw), reply.hits))
        await index.close()
    return found


def _item(document: Document, vector: Vector) -> IndexedItem:
    section = Section("1", Content(Modality.TEXT, document.text))
    item = Item(document.id, [section], document.title)
    return IndexedItem(item, [IndexedSection(vector, "", Modality.TEXT)])


async def _reranked(reranker: Reranker, asked: Sequence[Asked], tokens: Mapping[str, MultiVector]) -> Found:
    alone, merged, seconds = [], [], []
    for one in asked:
        candidates = [
            RerankCandidate(str(place), tokens[hit.item_id], hit.score)
            for place, hit in enumerate(one.hits)
            if hit.item_id in tokens
        ]
        began = time.process_time()
        reply = await reranker.rerank(RerankRequest(one.tokens, candidates), NO_CALL)
        seconds.append(time.process_time() - began)
        names = [one.hits[int(result.id)].item_id for result in reply.results]
        alone.append(ndcg(names, one.grades))
        results = {int(result.id): result for result in reply.results}
        both = ranked(one.hits, results, len(one.hits))
        merged.append(ndcg([hit.hit.item_id for hit in both], one.grades))
    return Found(np.array(alone), np.array(merged), 1000 * float(np.median(seconds)))


def _compared(name: str, found: Array, reference: Array) -> dict[str, float]:
    """The mean, and the share of the reference's that is lost, with its interval."""
    lost, whole = paired(reference, found), float(reference.mean())
    return {
        name: float(found.mean()),
        f"{name}, lost": lost.value / whole,
        f"{name}, low": lost.low / whole,
        f"{name}, high": lost.high / whole,
    }


def claim(name: str, rows: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Claims about the default."""
    row = next(one for one in rows if (one["pooling"], one["factor"], one["codec"]) == DEFAULT)
    share = row["share of every row in float32"]
    report.claim(f"{name}: bytes by default, of every row in float32", share, "share", f"<= {MOST_SHARE}")
    report.claim(
        f"{name}: {CANDIDATES} candidates are read and compared by default, processor time, p50",
        row["reading ms"] + row["reranking ms"],
        "ms",
        f"<= {MOST_MS:g}",
    )
    for what in ("reranked", "merged"):
        report.claim(
            f"{name}: nDCG@10 that is lost by default, {what}",
            row[f"{what}, lost"],
            "share",
            f"<= {MOST_LOST}",
            low=row[f"{what}, low"],
            high=row[f"{what}, high"],
            interval=INTERVAL,
        )


def served(judged: Judged, most: int, space: str, report: Report) -> None:
    """Times of questions to a server, of candidates whose tokens are kept and of those that are encoded."""
    wanted = {name for one in judged.answerable for name in one.grades}
    chosen = sorted(judged.documents, key=lambda one: one.id not in wanted)[:most]
    items = [one.item for one in chosen]
    with asking(spaces=(space,), settings=NO_GENERATOR | UNCACHED) as client:
        client.ingest("kept", items, token_vectors=True).collect()
        client.ingest("encoded", items).collect()
        rows = list(_times(client, [one.words for one in judged.answerable[:QUESTIONS]]))
    report.table(
        f"milliseconds of a question through the wire, {CANDIDATES} candidates of {len(items)} documents",
        rows,
    )
    kept, encoded_again = rows
    report.claim(
        f"{CANDIDATES} candidates are reranked by what is kept: p50 of the stage",
        kept["rerank p50"],
        "ms",
        f"<= {MOST_MS:g}",
    )
    report.claim(
        "the stage of reranking by what is kept, of that which encodes",
        kept["rerank p50"] / encoded_again["rerank p50"],
        "share",
        "<= 0.2",
    )


def _times(client: Client, questions: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """A row for each collection; it is asked in turn with the other."""
    names = {KEPT: "kept", ENCODED: "encoded"}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for question in questions:
        for name, collection in names.items():
            began = time.perf_counter()
            found = client.retrieve(collection, question, reranker="late_interaction", candidates=CANDIDATES)
            seconds[name].append((time.perf_counter() - began, _stage(found)))
            assert found.plan.token_vectors is (name == KEPT)
    for name, times in seconds.items():
        whole, stage = 1000 * np.array(times).T
        yield {
            "": name,
            "questions": len(times),
            "rerank p50": float(np.median(stage)),
            "rerank p90": float(np.quantile(stage, 0.9)),
            "whole p50": float(np.median(whole)),
            "whole p90": float(np.quantile(whole, 0.9)),
        }


def _stage(found: RetrievalResult) -> float:
    return next(one.seconds for one in found.timing.stages if one.name == "rerank")
