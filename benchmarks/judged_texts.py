"""Texts that people judged, and what is measured on them: how vectors rank pairs, and what searches find.

A folder holds `sts/*.jsonl` (lines with "a", "b", "score") and `cranfield/{documents,queries}.jsonl`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import Prepared
from tieback.models.text.transformer_text import TransformerTextModel
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks.data_folder import laid_out, read_rows
from benchmarks.measures import ndcg
from benchmarks.statistics import Floats, Interval, bootstrap

WHOLE = EncodePlan()


@dataclass(frozen=True)
class Batching:
    """At most so many texts of like lengths, and so many tokens with the padding."""

    items: int
    tokens: int = 2**31 - 1


AS_UNDER_LOAD = Batching(64, 512)
BATCHINGS = (Batching(1), Batching(4), AS_UNDER_LOAD)


@dataclass(frozen=True)
class Corpus:
    """Pairs with scores by set; texts; queries with the gains of texts by their place."""

    pairs: Mapping[str, Sequence[tuple[str, str, float]]]
    documents: Sequence[str]
    queries: Sequence[tuple[str, Mapping[int, float]]]

    @property
    def sentences(self) -> list[str]:
        """The sentences of all pairs, each once."""
        return list(dict.fromkeys(text for own in self.pairs.values() for a, b, _ in own for text in (a, b)))


def gained(texts: Corpus, vectors: Mapping[str, Floats]) -> Floats:
    """nDCG of every query that has something to find."""
    matrix = np.stack([vectors[text] for text in texts.documents])
    return np.array(
        [ndcg(matrix @ vectors[text], gains) for text, gains in texts.queries if any(gains.values())]
    )


def lost(exact: Floats, served: Floats) -> Interval:
    """The share of nDCG that is lost."""
    return bootstrap(len(exact), lambda places: 1 - served[places].mean() / exact[places].mean())


def encode(
    model: TransformerTextModel,
    texts: Sequence[str],
    batching: Batching = AS_UNDER_LOAD,
    plan: EncodePlan = WHOLE,
) -> list[Floats]:
    """The vectors, in order."""
    prepared = [
        model.prepare(Content(Modality.TEXT, text), EncodePlan(truncation=Truncation.END), Limits())
        for text in texts
    ]
    order = sorted(range(len(texts)), key=lambda place: prepared[place].tokens)
    vectors: dict[int, Floats] = {}
    for places in batches(order, prepared, batching):
        found = model.run([prepared[place] for place in places], plan)
        vectors |= {
            place: one.dense for place, one in zip(places, found, strict=True) if one.dense is not None
        }
    return [vectors[place] for place in range(len(texts))]


def batches(order: Sequence[int], prepared: Sequence[Prepared], batching: Batching) -> Iterator[list[int]]:
    """The places in that order, batch by batch."""
    batch: list[int] = []
    for place in order:  # lengths only grow, so that the last decides what a batch is padded to
        padded = (len(batch) + 1) * prepared[place].tokens
        if batch and (len(batch) == batching.items or padded > batching.tokens):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


@laid_out()
def read(folder: Path) -> Corpus:
    """The texts of a folder. DataError where it is laid out otherwise."""
    pairs = {
        path.stem: [(row["a"], row["b"], float(row["score"])) for row in read_rows(path)]
        for path in sorted((folder / "sts").glob("*.jsonl"))
    }
    documents = list(read_rows(folder / "cranfield" / "documents.jsonl"))
    places = {row["id"]: place for place, row in enumerate(documents)}
    queries = [
        (
            row["text"],
            {places[one]: 2.0**grade - 1 for one, grade in row["judgements"].items() if one in places},
        )
        for row in read_rows(folder / "cranfield" / "queries.jsonl")
    ]
    return Corpus(pairs, [row["text"] or row["title"] or "." for row in documents], queries)
