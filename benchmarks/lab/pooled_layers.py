"""A trained pooling of all layers beside a trained last layer and the best single one (arXiv:2409.02727).

    nli/train     pairs of a premise and what follows from it, that all learn from
    sts           pairs with scores of people
    retrieval     five collections with judged queries

`tieback train layer_pooling` learns by the same pairs a pooling of all layers of MiniLM, and of the last one
alone, in three seeds. The best single layer is the one whose mean finds most partners of these pairs; a
mean learns nothing. Measured are Spearman's correlations, mean of the sets, and nDCG@10 of queries, on texts
that nothing was learned or chosen by, from states that are computed once; texts are cut to 64 tokens, as in
training. Intervals are drawn over pairs within their sets, and over queries."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_lab.methods.layer_pooling import READS, layer_poolings
from tieback_lab.recipes.adapt.layer_states import LayerStates, backbone_of, read_states, token_numbers
from tieback_lab.recipes.train.layer_pooling import LearnedPooling, Module, last_mean, pooled
from torch import Tensor

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.measures import ndcg, spearman
from benchmarks.pipeline.collections import read as read_collections
from benchmarks.pipeline.judged import Judged
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import DRAWS, Floats, Interval, paired

HOLDS = "nli, sts and retrieval"
BASE, METHOD, TOKENS = "all-minilm-l6-v2", "mltp", 64
OWN, LAST = "all layers, trained", "last layer, trained"
MEAN = "mean of layer {}"
INTERVAL = "95 %, bootstrap"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--pairs", type=int, default=4000, help="most that are learned from [4000]")
    parser.add_argument("--seeds", type=int, default=3, help="[3]")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    sets = {
        path.stem: [(row["a"], row["b"], float(row["score"])) for row in read_rows(path)]
        for path in sorted((data / "sts").glob("*.jsonl"))
    }
    judged = [one for one in read_collections(data) if (data / "retrieval" / one.name).is_dir()]
    texts = [text for own in sets.values() for a, b, _ in own for text in (a, b)]
    for one in judged:
        texts += [document.text for document in one.documents]
        texts += [question.words for question in one.questions]
    pairs = _entailed(data / "nli/train.jsonl", options.pairs)
    learnt = _states(base, [one for one, _ in pairs] + [other for _, other in pairs])
    layers = len(learnt.flat) - 1
    means = {MEAN.format(layer): _mean_of(layer) for layer in range(1, layers + 1)}
    found = {name: float(_partners(learnt, module).mean()) for name, module in means.items()}
    best = max(found, key=found.__getitem__)
    ways: dict[str, list[Module]] = {name: [module] for name, module in means.items()}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "pairs.jsonl"
        file.write_text("\n".join(json.dumps({"a": left, "b": right}) for left, right in pairs))
        for way, chosen in ((OWN, ()), (LAST, (layers,))):
            for seed in range(options.seeds):
                log(f"{way}, seed {seed}")
                given = {"space": BASE, "pooling": METHOD, "layers": chosen, "tokens": TOKENS, "seed": seed,
                         "pairs": options.pairs}  # fmt: skip
                made = train(
                    "layer_pooling", given, cards=[base], store=Store(), data=[file],
                    output=Path(scratch) / f"{len(chosen)}-{seed}", say=log,
                )  # fmt: skip
                module = _taking(LearnedPooling(layer_poolings.get(METHOD), made.artifact.arrays), chosen)
                ways.setdefault(way, []).append(module)
    states = _states(base, texts)
    similar, gained = dict[str, list[dict[str, Floats]]](), dict[str, Floats]()
    for way, modules in ways.items():
        log(way)
        runs = [_measured(pooled(states, module)(np.arange(len(texts))), sets, judged) for module in modules]
        similar[way] = [one for one, _ in runs]
        gained[way] = np.mean([one for _, one in runs], axis=0)
    report = Report()
    tell(report, similar, gained, {name: [row[2] for row in own] for name, own in sets.items()}, found, best)
    return report


def _entailed(file: Path, most: int) -> list[tuple[str, str]]:
    """Premises, each once, with what follows from it."""
    found = {row["premise"]: row["hypothesis"] for row in read_rows(file) if row["label"] == "entailment"}
    every = list(found.items())
    return [every[place] for place in np.random.default_rng(0).permutation(len(every))[:most]]


def _states(card: EncoderCard, texts: Sequence[str]) -> LayerStates:
    """What the pooling reads of each text, of the embedding and of all layers."""

    def make() -> dict[str, Array]:
        log(f"computing the layers of {card.name} for {len(texts)} texts")
        backbone = backbone_of(card, Store(), field=at("space"))
        numbers = token_numbers(card, Store(), texts, TOKENS)
        made = read_states(backbone, numbers, layer_poolings.form(READS, METHOD))
        return {"flat": made.flat, "lengths": made.lengths}

    inputs = {"space": f"{card.space} {card.space.fingerprint}", "texts": list(texts), "tokens": TOKENS}
    kept = StepCache(Store().steps).arrays(f"all layers of {card.name}", read_states, inputs, make)
    return LayerStates(**kept)


def _mean_of(layer: int) -> Module:
    return lambda states, sizes: last_mean(states[: layer + 1], sizes)


def _taking(module: Callable[[Sequence[Tensor], Tensor], Tensor], layers: Sequence[int]) -> Module:
    """A pooling over these layers, all where none is named."""
    if not layers:
        return module
    return lambda states, sizes: module([states[0], *(states[layer] for layer in layers)], sizes)


def _partners(states: LayerStates, module: Module) -> Floats:
    """1 where a text's partner is the nearest of all, else 0."""
    left, right = np.split(pooled(states, module)(np.arange(len(states))), 2)
    return np.asarray((left @ right.T).argmax(axis=1) == np.arange(len(left)), np.float64)


def _measured(
    vectors: Array, sets: Mapping[str, Sequence[Any]], judged: Sequence[Judged]
) -> tuple[dict[str, Floats], Floats]:
    """Cosines of the pairs of each set, and nDCG@10 of the queries of all collections."""
    begin, cosines, gained = 0, dict[str, Floats](), list[float]()
    for name, own in sets.items():
        rows = vectors[begin : begin + 2 * len(own)]
        cosines[name], begin = (rows[::2] * rows[1::2]).sum(axis=1), begin + 2 * len(own)
    for one in judged:
        documents = vectors[begin : begin + len(one.documents)]
        begin += len(documents)
        places = {document.id: place for place, document in enumerate(one.documents)}
        for question, row in zip(one.questions, vectors[begin:], strict=False):
            gains = {places[name]: 2.0**grade - 1 for name, grade in question.grades.items()}
            gained.append(ndcg(documents @ row, gains))
        begin += len(one.questions)
    return cosines, np.array(gained)


def tell(
    report: Report,
    similar: Mapping[str, Sequence[Mapping[str, Floats]]],
    gained: Mapping[str, Floats],
    people: Mapping[str, Sequence[float]],
    found: Mapping[str, float],
    best: str,
) -> None:
    """The table, and the claims for the trained pooling of all layers."""

    def correlation(way: str, drawn: Mapping[str, Array]) -> float:
        return 100 * float(
            np.mean(
                [
                    spearman(one[name][rows].tolist(), np.array(people[name])[rows].tolist())
                    for one in similar[way]
                    for name, rows in drawn.items()
                ]
            )
        )

    whole = {name: np.arange(len(own)) for name, own in people.items()}
    draw = np.random.default_rng(0)
    draws = [
        {name: draw.integers(0, len(own), len(own)) for name, own in people.items()}
        for _ in range(DRAWS // 4)
    ]
    drawn = {way: [correlation(way, one) for one in draws] for way in (OWN, LAST, best, *_last(found))}
    report.table(
        "Spearman's correlation (points, mean of the sets), nDCG@10 of all queries, mean of seeds",
        [
            {"vectors": way, "partners found of the pairs": found.get(way, ""),
             "Spearman": correlation(way, whole), "nDCG@10": float(gained[way].mean())}
            for way in similar
        ],
    )  # fmt: skip
    for rival in dict.fromkeys((LAST, best, *_last(found))):
        of = Tried(63, "paper" if rival == LAST else "ours", product=True, data="real")
        named = rival + (", the best single one by the pairs" if rival == best else "")
        differences = [one - other for one, other in zip(drawn[OWN], drawn[rival], strict=True)]
        report.claim(
            f"63 (arXiv:2409.02727) similarity: {OWN} less {named}",
            Interval.of(correlation(OWN, whole) - correlation(rival, whole), differences), "points", "> 0",
            interval=INTERVAL, note=f"{sum(map(len, people.values()))} pairs of {len(people)} sets", of=of,
        )  # fmt: skip
        report.claim(
            f"63 (arXiv:2409.02727) retrieval: {OWN} less {named}",
            paired(gained[OWN], gained[rival]), "nDCG@10", "> 0",
            interval=INTERVAL, note=f"{len(gained[OWN])} queries", of=of,
        )  # fmt: skip


def _last(found: Mapping[str, float]) -> list[str]:
    """The mean of the last layer, which is served."""
    return [list(found)[-1]]
