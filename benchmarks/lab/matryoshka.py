"""Losses of vectors that are cut behind a learned head, beside vectors that are cut as they are.

The head makes prefixes of vectors work (Matryoshka, Kusupati et al., 2022, arXiv:2205.13147).
`tieback train matryoshka` learns the head from texts of DIR (TRAINING), and the encoder is exported with it,
in the precision that is served. Documents and queries of DIR/retrieval, of which nothing was learned or
chosen by, and of DIR/cranfield, by which data and settings were chosen, are encoded without a head, and the
head is put behind their vectors; the served encoder is held against that on every query. A query's nDCG@10
is of an exact search by cosine, by the product's own cut. Losses are shares of the mean at full width;
intervals are drawn over queries, within each collection. What was encoded is kept as the steps of recipes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.encoder.shaping import cut
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.adapt.encoder_head import MATRIX
from tieback.recipes.pull import pull
from tieback.recipes.train import train
from tieback.recipes.train.encoding import encode_texts
from tieback.recipes.trained import describe
from tieback.serving.commands.train import assigned
from tieback.training.step_cache import StepCache

from benchmarks.data_folder import add_data, data_of
from benchmarks.pipeline import collections
from benchmarks.pipeline.judged import Judged
from benchmarks.pipeline.measures import ndcg
from benchmarks.progress import PullProgress, log
from benchmarks.report import Report, Tried
from benchmarks.statistics import DRAWS, Interval

Floats = NDArray[np.floating[Any]]

HOLDS = "judged texts, and texts to learn from"
TRAINING = ("grounding/train.jsonl", "graphs/wn18rr/texts.tsv")
TUNED_ON = "cranfield"
WIDTHS, LOST = (128, 256), 1.5  # of the claims: dimensions, per cent
NAMED = "19 Matryoshka (arXiv:2205.13147)"
OF = Tried(19, "paper", product=True, data="real")
INTERVAL = "95 %, bootstrap of queries"
BEST = 10
PLAIN, LEARNED = "cut as it is", "behind the head"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--space", default="all-minilm-l6-v2", help="the encoder [all-minilm-l6-v2]")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the recipe"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these collections alone, to tune on")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    judged = _collections(data, options.only)
    parameters = assigned(options.set, describe("matryoshka").schema) | {"space": options.space}
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        base = {card.name: card for card in Catalog.load().encoders()}[options.space]
        learned = train(
            "matryoshka", parameters, cards=[base], store=Store(),
            data=[data / name for name in TRAINING], output=output, say=log,
        )  # fmt: skip
        assert learned.card is not None
        turned = read_card(learned.card)
        assert isinstance(turned, EncoderCard)
        store = Store(output / "store")
        assert pull([turned], [turned], store, PullProgress()) == []
        head = learned.artifact.arrays[MATRIX]
        encoded = _encoded(load_encoder(base, Store()), judged)
        cosines = _cosines(load_encoder(turned, store), judged, encoded, head)
    _tell_training(learned.artifact, report)
    gained = _gained(encoded, judged, head, turned.offered_widths)
    _tell_widths(gained, turned, report)
    _claim(gained, turned, report)
    report.claim(
        f"{NAMED}: smallest cosine of a query's vector as it is served to the head behind the encoder's",
        float(cosines.min()), "", ">= 0.99", note=f"{len(cosines)} queries, mean {cosines.mean():.4f}",
    )  # fmt: skip
    return report


def _collections(folder: Path, only: Sequence[str] | None) -> list[Judged]:
    """Those whose queries are words. The program ends where there are none."""
    found = [
        one
        for one in collections.read(folder)
        if one.modalities == {"text"} and all(question.words for question in one.questions)
    ]
    found = [one for one in found if not only or one.name in only]
    if not found:
        raise SystemExit("matryoshka: there is no such collection of texts")
    return found


def _encoded(model: EncoderModel, judged: Sequence[Judged]) -> dict[str, tuple[Floats, Floats]]:
    """The full vectors of documents and queries, by collection."""
    steps, space, found = StepCache(Store().steps), model.card.space, {}
    for one in judged:
        sides = [[document.text for document in one.documents], [asked.words for asked in one.questions]]
        vectors = []
        for texts in sides:
            log(f"encoding {len(texts)} texts of {one.name}")
            inputs = {"space": f"{space} {space.fingerprint}", "texts": texts}
            step = steps.arrays(
                f"{one.name} in {space.name}",
                encode_texts,
                inputs,
                lambda texts=texts: {"dense": encode_texts(model, texts)},  # type: ignore[misc]  # no type is inferred of a lambda with a default
            )
            vectors.append(step["dense"])
        found[one.name] = (vectors[0], vectors[1])
    return found


def _cosines(
    served: EncoderModel,
    judged: Sequence[Judged],
    encoded: Mapping[str, tuple[Floats, Floats]],
    head: Floats,
) -> Floats:
    """Of each query's vector as it is served to what the head makes of the encoder's."""
    return np.concatenate(
        [
            (encode_texts(served, [asked.words for asked in one.questions]) * turned).sum(axis=1)
            for one in judged
            for turned in [encoded[one.name][1] @ head]
        ]
    )


def _gained(
    encoded: Mapping[str, tuple[Floats, Floats]],
    judged: Sequence[Judged],
    head: Floats,
    widths: Sequence[int],
) -> dict[tuple[str, str, int], Floats]:
    """The nDCG of each query, by how vectors are cut, collection and width."""
    gained = {}
    for one in judged:
        plain = encoded[one.name]
        sides = {PLAIN: plain, LEARNED: (plain[0] @ head, plain[1] @ head)}
        for name, (documents, queries) in sides.items():
            for width in widths:
                scores = cut(queries, width) @ cut(documents, width).T
                gained[name, one.name, width] = _of_queries(scores, one)
    return gained


def _of_queries(scores: Floats, judged: Judged) -> Floats:
    """The nDCG of each query, by its scores `[queries, documents]`."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :BEST]
    found = [[judged.documents[place].id for place in row] for row in best]
    return np.array(
        [ndcg(ids, question.grades) for ids, question in zip(found, judged.questions, strict=True)]
    )


def _tell_training(artifact: Artifact, report: Report) -> None:
    kept = artifact.facts["metrics"]["kept_neighbours"]
    widths = next(iter(kept.values()))
    report.table(
        "share of the 10 nearest texts that a prefix keeps, on held-out texts of what was learned from",
        [{"dimensions": int(width), **{name: kept[name][width] for name in kept}} for width in widths],
    )
    provenance = artifact.provenance
    report.table(
        "training",
        [
            {
                "revision": artifact.revision,
                **{key: str(value) for key, value in provenance["configuration"].items()},
            }
        ],
    )


def _tell_widths(gained: Mapping[tuple[str, str, int], Floats], card: EncoderCard, report: Report) -> None:
    names = list(dict.fromkeys(name for _, name, _ in gained))
    rows = [
        {
            "collection": name,
            "queries": len(gained[PLAIN, name, card.width]),
            "dimensions": width,
            PLAIN: float(gained[PLAIN, name, width].mean()),
            LEARNED: float(gained[LEARNED, name, width].mean()),
        }
        for name in names
        for width in reversed(card.offered_widths)
    ]
    report.table("nDCG@10", rows)


def _claim(gained: Mapping[tuple[str, str, int], Floats], card: EncoderCard, report: Report) -> None:
    names = [name for _, name, _ in gained if name != TUNED_ON]
    names = list(dict.fromkeys(names)) or [TUNED_ON]
    where = f"mean of {', '.join(names)}"

    def side(model: str, width: int) -> list[Floats]:
        return [gained[model, name, width] for name in names]

    full = side(PLAIN, card.width)
    for width in WIDTHS:
        if width not in card.offered_widths:
            continue
        lost, less = f"{NAMED}: nDCG@10 lost {LEARNED}", _lost(full, side(PLAIN, width), side(LEARNED, width))
        how: dict[str, Any] = {"note": where, "interval": INTERVAL, "of": OF}
        name, found = f"{lost}, {width} of {card.width} dimensions", _lost(full, side(LEARNED, width))
        report.claim(name, found, "%", f"<= {LOST:g}", **how)
        report.claim(f"{lost}, less than {PLAIN}, {width} dimensions", less, "%", "> 0", **how)


def _lost(full: Sequence[Floats], served: Sequence[Floats], less: Sequence[Floats] | None = None) -> Interval:
    """Per cent of the mean over collections that `served` loses beyond what `less` does, and its interval."""
    lesser = full if less is None else less
    random = np.random.default_rng(0)

    def share(rows: Sequence[Any]) -> float:
        means = [
            np.mean([one[places].mean() for one, places in zip(side, rows, strict=True)])
            for side in (full, served, lesser)
        ]
        return float(100 * (means[2] - means[1]) / means[0])

    value = share([slice(None)] * len(full))
    drawn = [share([random.integers(0, len(one), len(one)) for one in full]) for _ in range(DRAWS)]
    return Interval.of(value, drawn)
