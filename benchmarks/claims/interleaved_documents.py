"""Method 32: a document vector finds what no passage says alone, and a reranker finds the section (IDentIfy,
arXiv:2410.02729).

The documents are made: 200 museums of five sections, one each about the place, what is shown, who founded it,
when it is open, and what the café serves. Each section has one of eight texts, so that every section is that
of some 25 museums, and what is shown, the place and the founder together are of one or two. A question names
these three and asks when the museum is open; its answer is in a section that names none of them. Vectors are
those of all-MiniLM-L6-v2, without words; searches are those of the index. A section is found if it is first
among those of the question's museum.

Questions are put in two ways: with words of the section that answers, and in other words. In other words, the
question is nearest to the section about what is shown, and neither the vectors nor late interaction find the
one that answers: they compare what is said, and not what is asked. The reranker of the paper learns that.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.search import SearchRequest
from tieback.index import Index
from tieback.methods.reranking import rerankings
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.loading import load_encoder
from tieback.serving.plan import Plan
from tieback.serving.plan.assembly import open_store
from tieback.serving.settings import Settings
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity, QueryOptions
from tieback_contract.vectors import Vector, VectorKind

from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

METHOD = "32 (arXiv:2410.02729)"
OF = Tried(32, "toy", product=True, data="generated")
SPACE = "all-minilm-l6-v2"
DOCUMENTS, VALUES, BEST = 200, 8, 10
POINTS = 3
NAMED, ANSWER, SECTIONS = 3, 3, 5
"""The first three sections are named by a question, and the fourth answers it."""

TEXTS: Sequence[tuple[str, Sequence[str]]] = (
    (
        "It can be found {}. A bus stops nearby, and parking is free.",
        (
            "in a lighthouse on a rocky coast", "in a former railway station", "in a water mill by a river",
            "in a wooden farmhouse in the mountains", "in the cellar of a town hall",
            "on a ferry moored in the harbour", "in an old school building", "in a greenhouse in the park",
        ),
    ),
    (
        "The rooms show {}. Most of the pieces were given by people of the region.",
        (
            "clocks and watches", "puppets and toys", "fishing nets and boats", "butterflies and beetles",
            "radios and telephones", "carpets and looms", "maps and globes", "coins and banknotes",
        ),
    ),
    (
        "It was founded by {}, who ran it for many years without any help.",
        (
            "a retired ship captain", "two sisters who were teachers", "a travelling circus family",
            "the widow of a doctor", "a club of amateur astronomers", "a monk from a nearby abbey",
            "a former bank robber", "the workers of a closed steel factory",
        ),
    ),
    (
        "Visitors are welcome {}. Tickets are sold at the door.",
        (
            "on Mondays only", "every day but Tuesday", "from Wednesday to Friday", "at weekends",
            "in summer only", "by appointment", "on the first Sunday of the month", "every evening after six",
        ),
    ),
    (
        "In the café they serve {}. There are a few tables outside.",
        (
            "pea soup", "plum cake", "grilled trout", "potato pancakes", "lemon ice cream", "goat cheese",
            "pickled herring", "buckwheat dumplings",
        ),
    ),
)  # fmt: skip
QUESTIONS: Mapping[str, str] = {
    "its words": "On which days are visitors welcome, and where are tickets sold, at the museum of {1} that "
    "was founded by {2} {0}?",
    "other words": "When does the museum of {1} {0}, which was founded by {2}, open its doors?",
}


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims how much more documents are found by, and how often the section that answers is first."""
    model = _model()
    for way, question in QUESTIONS.items():
        title = f"{METHOD}: recall@10 of documents and sections found, %, questions in {way}"
        rows = by_seed(report, title, seeds, lambda seed, asked=question: measured(model, asked, seed), say)  # type: ignore[misc]  # asked is bound
        for found in ("document vector", "search by documents"):
            more = [row[found] - row["search by sections"] for row in rows]
            claim(
                report, OF, f"{METHOD}: recall@10, {found} minus search by sections, {way}",
                more, "points", f">= {POINTS}",
            )  # fmt: skip
        twice = [row["section, reranked"] - 2 * row["section, by the document vector"] for row in rows]
        claim(
            report, OF, f"{METHOD}: section found, reranked minus twice by the document vector, {way}",
            twice, "points", ">= 0",
        )  # fmt: skip
        claim(
            report, OF, f"{METHOD}: section found, reranked, against twice chance, {way}",
            [row["section, reranked"] for row in rows], "%", f">= {200 / SECTIONS:g}",
        )  # fmt: skip


def measured(model: EncoderModel, question: str, seed: int) -> dict[str, float]:
    """Recall@10 of the documents that a question names, and how often its section is first, in per cent."""
    values = np.random.default_rng(seed).integers(VALUES, size=(DOCUMENTS, SECTIONS))
    texts = [
        [form.format(of[value]) for (form, of), value in zip(TEXTS, row, strict=True)]
        for row in values.tolist()
    ]
    asked = [
        question.format(*(of[value] for (_, of), value in zip(TEXTS, row, strict=False)))
        for row in values[:, :NAMED].tolist()
    ]
    known = _encoded(model, [*asked, *(text for own in texts for text in own)])
    vectors = np.stack([[_dense(known[text]) for text in own] for own in texts])
    queries = np.stack([_dense(known[one]) for one in asked])
    relevant = (values[:, None, :NAMED] == values[None, :, :NAMED]).all(axis=2)
    wholes = vectors.mean(axis=1)
    wholes /= np.linalg.norm(wholes, axis=1, keepdims=True)
    sections, documents = asyncio.run(_searched(model, vectors, queries))
    own = np.arange(DOCUMENTS)
    return {
        "search by sections": _recall(sections, relevant),
        "document vector": _recall(np.argsort(-queries @ wholes.T, axis=1, kind="stable"), relevant),
        "search by documents": _recall(documents, relevant),
        "section, by the document vector": _first(np.einsum("dsw,dw->ds", vectors, wholes)),
        "section, by the vector": _first(np.einsum("dsw,dw->ds", vectors[own], queries)),
        "section, reranked": _first(
            np.stack([_reranked(known, *pair) for pair in zip(asked, texts, strict=True)])
        ),
    }


async def _searched(model: EncoderModel, vectors: Array, queries: Array) -> tuple[Array, Array]:
    """The documents that the index finds for each query, by sections and by documents, `[queries, BEST]`."""
    space = model.card.space
    with tempfile.TemporaryDirectory() as folder:
        index = Index.open(Path(folder) / "store")
        try:
            await index.create_collection("museums", space, vectors.shape[-1])
            items = [
                IndexedItem(
                    Item(f"{number:03}", [Section("", Content(Modality.TEXT, "."))] * SECTIONS),
                    [IndexedSection(Vector(vector, space), "", Modality.TEXT) for vector in own],
                )
                for number, own in enumerate(vectors)
            ]
            await index.upsert("museums", items)
            ways = QueryOptions(hits_per_item=1), QueryOptions(granularity=Granularity.DOCUMENT)
            found = [[await _ids(index, Vector(one, space), way) for one in queries] for way in ways]
        finally:
            await index.close()
    return np.array(found[0]), np.array(found[1])


async def _ids(index: Index, vector: Vector, options: QueryOptions) -> list[int]:
    request = SearchRequest("museums", vector, options=options)
    return [int(hit.item_id) for hit in (await index.search(request)).hits]


def _recall(found: Array, relevant: Array) -> float:
    best = np.take_along_axis(relevant, found[:, :BEST], axis=1).sum(axis=1)
    return 100 * float((best / np.minimum(relevant.sum(axis=1), BEST)).mean())


def _first(scores: Array) -> float:
    """How often, in per cent, the section that answers is the best by scores `[documents, sections]`."""
    return 100 * float((scores.argmax(axis=1) == ANSWER).mean())


def _reranked(known: Mapping[str, RawEncoding], query: str, texts: Sequence[str]) -> Array:
    """The scores of a document's sections by late interaction."""
    rows = [_rows(known[text]) for text in texts]
    longest = max(map(len, rows))
    padded = np.stack([np.pad(one, ((0, longest - len(one)), (0, 0))) for one in rows])
    mask = np.stack([np.arange(longest) < len(one) for one in rows])
    return rerankings.configure("late_interaction")(_rows(known[query]), padded, mask, lambda: None)


def _encoded(model: EncoderModel, texts: Iterable[str]) -> dict[str, RawEncoding]:
    plan = EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR}), truncation=Truncation.END)
    return {
        text: model.run([model.prepare(Content(Modality.TEXT, text), plan, Limits())], plan)[0]
        for text in dict.fromkeys(texts)
    }


def _dense(one: RawEncoding) -> Array:
    assert one.dense is not None, "the plan asks for it"
    return one.dense


def _rows(one: RawEncoding) -> Array:
    assert one.rows is not None, "the plan asks for them"
    return one.rows


def _model() -> EncoderModel:
    settings = Settings(spaces=(SPACE,))
    card = next(card for card in Plan(settings).encoders if card.name == SPACE)
    return load_encoder(card, open_store(settings))
