"""Costs and gains of int8, for every text encoder that is offered in it.

Quality is measured on the vectors: Spearman's correlation with human judgements of sentence pairs, nDCG@10 of
a search by cosine (gain 2^grade - 1), the cosine to float32. Drift between batches is how far a vector moves
when its text is encoded with others. Since int8 depends on what shares a batch, and a search on which of two
near documents comes first, nDCG of what is served is the mean over several ways to form batches, its interval
drawn over queries. Speed is of one thread, in alternating rounds. What is served stands beside what ONNX
Runtime's own quantisers make. DIR holds `sts/*.jsonl` (lines with "a", "b", "score") and
`cranfield/{documents,queries}.jsonl`.

The numbers of the served graph are those that the cards repeat; they are held against each other.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.types.encoding import EncodePlan
from tieback.models.loading import load_encoder
from tieback.models.store import ServedModel, Store
from tieback.models.text.transformer_text import GRAPH, GRAPHS, TransformerTextModel

from benchmarks.data_folder import add_data, data_of
from benchmarks.judged_texts import AS_UNDER_LOAD, BATCHINGS, Batching, Corpus, encode, gained, lost, read
from benchmarks.measures import spearman
from benchmarks.other_quantisers import WAYS, Maker
from benchmarks.report import Report
from benchmarks.statistics import Floats

HOLDS = "judged texts"
SERVED = "int8"
FLOAT32 = "float32"
IN_CARDS = ("2012-OnWN", "2013-headlines")
STS_LOSS, NDCG_LOSS, INVARIANCE, TIMES, CARD_DIFFERENCE = 0.005, 0.01, 1e-5, 2.0, 0.002
DRIFTING = 256  # texts whose drift between batches is measured
SHAPES = ((1, 12), (8, 12), (32, 12), (1, 48), (1, 176), (8, 176))
ROUNDS = 15


@dataclass(frozen=True)
class Quality:
    """Measures of one graph.

    `gained` is nDCG by query; `drift` the largest difference of a value of a vector, alone and in a batch.
    """

    sts: Mapping[str, float]
    gained: Floats
    cosine_smallest: float
    cosine_mean: float
    drift: float
    cosine_in_batches: float

    @property
    def ndcg(self) -> float:
        """The mean over queries."""
        return float(self.gained.mean())

    def measures(self) -> dict[str, float]:
        """As a card has them."""
        return {
            "cosine, smallest": self.cosine_smallest,
            "cosine, mean": self.cosine_mean,
            **{f"STS Spearman, {name}": self.sts[name] for name in IN_CARDS if name in self.sts},
            "Cranfield nDCG@10": self.ndcg,
            "alone or in a batch, largest difference": self.drift,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--served", action="store_true", help="what is served alone, not the other ways")
    parser.add_argument("--spaces", nargs="+", metavar="SPACE", help="these alone")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    texts, report = read(data), Report()
    offering = [card for card in Catalog.load().encoders() if SERVED in card.precisions]
    for card in offering:
        if not options.spaces or card.name in options.spaces:
            _measure(card, texts, report, ways={} if options.served else WAYS)
    return report


def _measure(card: EncoderCard, texts: Corpus, report: Report, ways: Mapping[str, Maker]) -> None:
    store = Store()
    models: dict[str, TransformerTextModel] = {}
    for precision in (FLOAT32, SERVED):
        model = load_encoder(card.at(precision), store)
        assert isinstance(model, TransformerTextModel)
        models[precision] = model
    with _made(card, store.open(card), ways) as made:
        models |= made
        qualities: dict[str, Quality] = {}
        reference: dict[str, Floats] = {}
        for name, model in models.items():
            print(f"{card.name}: quality of {name}", file=sys.stderr, flush=True)
            batchings = BATCHINGS if name == SERVED else [AS_UNDER_LOAD]
            qualities[name] = _quality(model, texts, reference, batchings)
        print(f"{card.name}: speed", file=sys.stderr, flush=True)
        speeds = _speeds(models)
    report.table(f"{card.name}: quality", [{"graph": name} | _row(q) for name, q in qualities.items()])
    report.table(f"{card.name}: milliseconds, items x tokens", _speed_rows(speeds))
    _claim(card, qualities, speeds, report)


def _claim(
    card: EncoderCard,
    qualities: Mapping[str, Quality],
    speeds: Mapping[str, Mapping[str, Floats]],
    report: Report,
) -> None:
    exact, served = qualities[FLOAT32], qualities[SERVED]
    for name, value in exact.sts.items():
        less = value - served.sts[name]
        report.claim(f"{card.name}: STS Spearman lost, {name}", less, "", f"<= {STS_LOSS:g}")
    report.claim(
        f"{card.name}: nDCG@10 lost",
        lost(exact.gained, served.gained),
        "of it",
        f"<= {NDCG_LOSS:g}",
        note="the interval is drawn over queries",
    )
    report.claim(
        f"{card.name}: float32, alone or in a batch, largest difference",
        exact.drift,
        "",
        f"<= {INVARIANCE:g}",
    )
    for shape in ("1 x 12", "32 x 12", "1 x 176"):
        ratios = speeds[FLOAT32][shape] / speeds[SERVED][shape]
        low, high = np.percentile(ratios, [10, 90])
        report.claim(
            f"{card.name}: int8 times float32, {shape}", float(np.median(ratios)), "x", f">= {TIMES:g}",
            low=float(low), high=float(high), note="the interval is of rounds, from a tenth to nine tenths",
        )  # fmt: skip
    measured, exactly = served.measures(), exact.measures()
    differences = {
        one.measure: max(abs(one.value - measured[one.measure]), abs(one.float32 - exactly[one.measure]))
        for one in card.precisions["int8"].drift
        if one.measure in measured
    }
    furthest = max(differences, key=lambda name: differences[name], default="")
    report.claim(
        f"{card.name}: the card's numbers, largest difference to these",
        differences.get(furthest), "", f"<= {CARD_DIFFERENCE:g}", note=furthest or "the card has none",
    )  # fmt: skip


def _quality(
    model: TransformerTextModel,
    texts: Corpus,
    reference: dict[str, Floats],
    batchings: Sequence[Batching],
) -> Quality:
    """`reference` holds the vectors of float32 by text, and is filled by the first that comes."""
    searched = list(dict.fromkeys([*texts.documents, *(text for text, _ in texts.queries)]))
    every = list(dict.fromkeys([*texts.sentences, *searched]))
    found = dict(zip(every, encode(model, every), strict=True))
    if not reference:
        reference.update(found)
    cosines = [float(found[text] @ reference[text]) for text in every]
    sts = {
        name: spearman([float(found[a] @ found[b]) for a, b, _ in rows], [score for *_, score in rows])
        for name, rows in texts.pairs.items()
    }
    by_batching = [
        gained(texts, dict(zip(searched, encode(model, searched, batching), strict=True)))
        for batching in batchings
    ]
    drifting = every[:: max(1, len(every) // DRIFTING)]
    alone = np.stack(encode(model, drifting, Batching(1)))
    together = np.stack([found[text] for text in drifting])
    return Quality(
        sts,
        np.mean(by_batching, axis=0),
        min(cosines),
        float(np.mean(cosines)),
        float(np.abs(alone - together).max()),
        float((alone * together).sum(axis=1).min()),
    )


def _speeds(models: Mapping[str, TransformerTextModel]) -> dict[str, dict[str, Floats]]:
    """Milliseconds of a batch by graph and shape, one number a round."""
    times: dict[str, dict[str, list[float]]] = {
        name: {f"{items} x {tokens}": [] for items, tokens in SHAPES} for name in models
    }
    for _ in range(ROUNDS):
        for items, tokens in SHAPES:
            for name, model in models.items():
                batch = [model.sample(tokens)] * items
                calls = []
                for _ in range(max(2, 200 // (items * tokens))):
                    begun = time.perf_counter()
                    model.run(batch, EncodePlan())
                    calls.append(1e3 * (time.perf_counter() - begun))
                times[name][f"{items} x {tokens}"].append(float(np.median(calls)))
    return {name: {shape: np.array(one) for shape, one in shapes.items()} for name, shapes in times.items()}


def _speed_rows(speeds: Mapping[str, Mapping[str, Floats]]) -> list[dict[str, Any]]:
    return [
        {"graph": name} | {shape: float(np.median(times)) for shape, times in shapes.items()}
        for name, shapes in speeds.items()
    ]


def _row(quality: Quality) -> dict[str, float]:
    spearman = {f"STS {name}": value for name, value in quality.sts.items()}
    return {
        "cosine, smallest": quality.cosine_smallest,
        "cosine, mean": quality.cosine_mean,
        **spearman,
        "nDCG@10": quality.ndcg,
        "drift in batches": quality.drift,
        "cosine in batches": quality.cosine_in_batches,
    }


@contextmanager
def _made(
    card: EncoderCard, served: ServedModel, ways: Mapping[str, Maker]
) -> Iterator[dict[str, TransformerTextModel]]:
    """Models of the card with its graph made in other ways."""
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser advises on the root logger
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in ways.items():
            own = Path(folder) / name.replace(" ", "-")
            own.mkdir()
            for other in served.manifest.served:
                if other not in GRAPHS.values():
                    (own / other).symlink_to(served.path(other))
            make(served.path(GRAPH), own / GRAPH)
            models[name] = TransformerTextModel(card.at(FLOAT32), replace(served, folder=own))
        yield models
