"""Quality of an encoder at its earlier layers, trained as exits and as it is.

2D Matryoshka (Li et al., 2024, arXiv:2402.14776) trains layers and leading dimensions together.
`tieback train matryoshka2d` trains the encoder by the pairs of DIR/nli/train.jsonl that entail each other,
and the result is exported and run as it is served, in float32, at each of its layers and widths. Beside it
is the same encoder as it came, with its layers offered, which its own card does not. Quality is Spearman's
correlation with human scores of DIR/sts, of which nothing was learned or chosen by: the mean of the sets,
with intervals over pairs, the same for both encoders. Time is the processor's own of one batch, which other
work on the machine changes little; the smallest of many runs counts, and only ratios are told.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.core.types.encoding import EncodePlan
from tieback.encoder.shaping import cut
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.models.text.transformer_text import TransformerTextModel
from tieback.recipes.adapt.cards import write_card
from tieback.recipes.pull import pull
from tieback.recipes.train import train
from tieback.recipes.trained import describe
from tieback.serving.commands.train import assigned
from tieback_contract.arrays import Array
from tieback_lab.recipes.adapt.layered_encoder import CONFIG, NOT_TAKEN, TOKENIZER, WEIGHTS

from benchmarks import judged_texts
from benchmarks.data_folder import add_data, data_of
from benchmarks.measures import spearman
from benchmarks.progress import PullProgress, log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval

HOLDS = "pairs to learn from and judged pairs of sentences"
TRAINING = "nli/train.jsonl"
NAMED = "21 2D Matryoshka (arXiv:2402.14776)"
OF = Tried(21, "paper", product=True, data="real")
INTERVAL = "95 %, bootstrap of pairs"
EARLY, GAINED, KEPT, OFF = 3, 5.0, -2.0, 20.0  # the layer of the claims; points, points, per cent
DRAWS = 1000
SMALLER = "paraphrase-minilm-l3-v2"
RUNS, TEXTS, TOKENS = 20, 8, 64  # of the batch whose time is taken
STOCK, TRAINED = "as it came", "trained"

Pairs = Sequence[tuple[str, str, float]]
Scored = Mapping[str, tuple[Array, Array]]
"""By set, the cosines `[pairs]` of its pairs and what people say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--space", default="all-minilm-l6-v2", help="the encoder [all-minilm-l6-v2]")
    parser.add_argument("--pairs", type=int, default=250, help="judged pairs of each set at most [250]")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the recipe"
    )


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    sets = {name: pairs[: options.pairs] for name, pairs in judged_texts.read(data).pairs.items()}
    cards = {card.name: card for card in Catalog.load().encoders()}
    base = cards[options.space]
    parameters = assigned(options.set, describe("matryoshka2d").schema) | {"space": options.space}
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        learned = train(
            "matryoshka2d", parameters, cards=[base], store=Store(), data=[data / TRAINING],
            output=output, say=log,
        )  # fmt: skip
        assert learned.card is not None
        trained = _exported(learned.card, output)
        layers = trained.card.choices.layers
        stock = _exported(_stock(base, layers, output / "stock"), output)
        scored: dict[tuple[str, int, int], Scored] = {}
        for name, model, at in ((STOCK, stock, (EARLY, layers[-1])), (TRAINED, trained, layers)):
            for layer in at:
                log(f"encoding the judged pairs {name}, layer {layer}")
                scored |= {
                    (name, layer, width): found
                    for width, found in _cosines(model, sets, layer, trained.card.offered_widths).items()
                }
        if SMALLER in cards and Store().is_ready(cards[SMALLER]):
            card = cards[SMALLER].at("float32")
            smaller = load_encoder(card, Store())
            assert isinstance(smaller, TransformerTextModel)
            scored[SMALLER, 3, card.width] = _cosines(smaller, sets, None, (card.width,))[card.width]
        times = _times(trained)
    _tell(learned.artifact, scored, times, report)
    _claim(scored, times, layers, report)
    return report


def _stock(base: EncoderCard, layers: Sequence[int], folder: Path) -> Path:
    """A card of the encoder's own weights that offers its layers."""
    weights = folder / "weights"
    weights.mkdir(parents=True)
    for name in (WEIGHTS, CONFIG, TOKENIZER):
        shutil.copyfile(Store().weights(base) / name, weights / name)
    fields = base.model_dump(mode="json", exclude_defaults=True, exclude=NOT_TAKEN)
    return write_card(
        folder / "stock.yaml",
        {"name": "stock", "role": "encoder", "description": "as it came", **fields,
         "directory": "weights", "kinds": ["dense"], "runtime": "layered_text",
         "options": {"layers": list(layers)}},
    )  # fmt: skip


def _exported(path: Path, output: Path) -> TransformerTextModel:
    """The card's model as it is served."""
    card, store = read_card(path), Store(output / "store")
    assert isinstance(card, EncoderCard)
    assert pull([card], [card], store, PullProgress()) == []
    model = load_encoder(card, store)
    assert isinstance(model, TransformerTextModel)
    return model


def _cosines(
    model: TransformerTextModel, sets: Mapping[str, Pairs], layer: int | None, widths: Sequence[int]
) -> dict[int, Scored]:
    """By width, how similar the texts of each pair are at the layer."""
    last = None if not model.card.choices.layers or layer == model.card.choices.layers[-1] else layer
    found: dict[int, dict[str, tuple[Array, Array]]] = {width: {} for width in widths}
    for name, pairs in sets.items():
        texts = [one for one, _, _ in pairs] + [other for _, other, _ in pairs]
        vectors = np.stack(judged_texts.encode(model, texts, plan=EncodePlan(layer=last)))
        people = np.array([score for _, _, score in pairs])
        for width in widths:
            left, right = np.split(cut(vectors, width), 2)
            found[width][name] = ((left * right).sum(axis=1), people)
    return dict(found)


def _spearman(scored: Scored, drawn: Mapping[str, Array] | None = None) -> float:
    """The mean of the sets' correlations, in points; of the `drawn` pairs, where these are named."""
    found = []
    for name, (cosines, people) in scored.items():
        rows = slice(None) if drawn is None else drawn[name]
        found.append(spearman(cosines[rows].tolist(), people[rows].tolist()))
    return 100 * float(np.mean(found))


def _times(model: TransformerTextModel) -> dict[int, float]:
    """By layer, the processor's seconds of a batch; layers take turns, and the smallest of each counts."""
    batch = [model.sample(TOKENS) for _ in range(TEXTS)]
    layers = model.card.choices.layers
    plans = {layer: EncodePlan(layer=None if layer == layers[-1] else layer) for layer in layers}
    found: dict[int, list[float]] = {layer: [] for layer in layers}
    for _ in range(RUNS):
        for layer, plan in plans.items():
            begin = time.process_time()
            model.run(batch, plan)
            found[layer].append(time.process_time() - begin)
    return {layer: min(seconds) for layer, seconds in found.items()}


def _tell(
    artifact: Artifact,
    scored: Mapping[tuple[str, int, int], Scored],
    times: Mapping[int, float],
    report: Report,
) -> None:
    report.table(
        "STS Spearman, mean of the sets, points",
        [
            {"encoder": name, "layer": layer, "dimensions": width, "Spearman": _spearman(found)}
            for (name, layer, width), found in scored.items()
        ],
    )
    last = max(times)
    report.table(
        f"time of {TEXTS} texts of {TOKENS} tokens, as a share of the last layer's",
        [
            {"layer": layer, "time": seconds / times[last], "layers": layer / last}
            for layer, seconds in times.items()
        ],
    )
    cells = artifact.facts["metrics"]["reciprocal_rank"]
    report.table("mean reciprocal rank of partners, held-out pairs of what was learned from", cells)
    configuration: dict[str, Any] = artifact.provenance["configuration"]
    report.table(
        "training", [{"revision": artifact.revision} | {key: str(one) for key, one in configuration.items()}]
    )


def _claim(
    scored: Mapping[tuple[str, int, int], Scored],
    times: Mapping[int, float],
    layers: Sequence[int],
    report: Report,
) -> None:
    full = max(width for _, _, width in scored)
    random = np.random.default_rng(0)
    some = next(iter(scored.values()))
    draws = [
        {name: random.integers(0, len(people), len(people)) for name, (_, people) in some.items()}
        for _ in range(DRAWS)
    ]
    for layer, target, name in (
        (EARLY, GAINED, f"Spearman at layer {EARLY} over the same layer as it came"),
        (layers[-1], KEPT, "Spearman at the last layer over the last layer as it came"),
    ):
        one, other = scored[TRAINED, layer, full], scored[STOCK, layer, full]
        differences = [_spearman(one, drawn) - _spearman(other, drawn) for drawn in draws]
        report.claim(
            f"{NAMED}: {name}", Interval.of(_spearman(one) - _spearman(other), differences), "points",
            f">= {target:g}", note=f"{', '.join(one)}", interval=INTERVAL, of=OF,
        )  # fmt: skip
    last = layers[-1]
    off = {layer: 100 * (times[layer] / times[last] / (layer / last) - 1) for layer in layers}
    worst = max(off, key=lambda layer: abs(off[layer]))
    report.claim(
        f"{NAMED}: largest difference of a layer's time from its share of the layers", abs(off[worst]), "%",
        f"<= {OFF:g}", note=f"layer {worst}: {off[worst]:+.0f} %", of=replace(OF, comparison="ours"),
    )  # fmt: skip
