"""Savings and losses by merging tokens in a text encoder; with --layers, the same of earlier layers.

The encoder is exported anew with a graph of each method, and where they are asked for with all its layers, in
the precision that its card serves. Speed is of one thread, in alternating rounds with the whole model, for
batches of texts of 128 and of 256 tokens. What is lost is Spearman's correlation with human judgements of
sentence pairs, which are short, and nDCG@10 of a search in abstracts. DIR holds `sts/*.jsonl` (lines with
"a", "b", "score") and `cranfield/{documents,queries}.jsonl`.

A card repeats these numbers, and serves a ratio that is fast enough for what it loses: the rule is in
`tieback_lab/catalog/reduction.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import described
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared
from tieback.models.store import ServedModel, Store
from tieback.models.store.manifest import Manifest, kind_of
from tieback.models.text.transformer_text import TransformerTextModel
from tieback_contract.encodings import Reduction
from tieback_lab.catalog.reduction import LEAST_SPEED, MOST_LOST, MeasuredRatio, TokenReduction
from tieback_lab.catalog.runtimes.layered_text import LayeredText
from tieback_lab.methods.token_reduction import token_reductions
from tieback_lab.models.layered_text import LayeredTextModel

from benchmarks.data_folder import add_data, data_of
from benchmarks.judged_texts import AS_UNDER_LOAD, WHOLE, Corpus, encode, gained, read
from benchmarks.measures import spearman
from benchmarks.report import Report, Tried
from benchmarks.statistics import Floats

HOLDS = "judged texts"
SPACE = "all-minilm-l6-v2"
RATIOS = (0.9, 0.85, 0.8)
LENGTHS = (128, 256)
ROUNDS = 15
NDCG = "Cranfield nDCG@10"
OF = {"pitome": Tried(36, "paper", product=True, data="real")}


@dataclass(frozen=True)
class Found:
    """Results of a plan: how many times as fast as the whole model, round by round, and each measure."""

    speed: Mapping[int, Floats]
    measures: Mapping[str, float]

    def lost(self, whole: Found) -> dict[str, float]:
        """Losses of each measure."""
        return {name: whole.measures[name] - value for name, value in self.measures.items()}

    def row(self, whole: Found) -> dict[str, float]:
        """For the table."""
        speeds = {f"{tokens} tokens, times": float(np.median(one)) for tokens, one in self.speed.items()}
        lost = {f"lost, {name}": value for name, value in self.lost(whole).items()}
        return speeds | dict(self.measures) | lost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--space", default=SPACE, metavar="SPACE", help=f"the encoder; by default {SPACE}")
    parser.add_argument("--layers", action="store_true", help="also what stopping at an earlier layer gives")
    parser.add_argument(
        "--ratios", nargs="+", type=float, default=RATIOS, metavar="R", help="shares of tokens that are kept"
    )


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    texts, report, store = read(data), Report(), Store()
    cards = {card.name: card for card in Catalog.load().encoders() if card.runtime == "transformer_text"}
    if options.space not in cards:
        raise SystemExit(f"reduction: {options.space} is no text encoder; they are: {', '.join(cards)}")
    card = cards[options.space]
    with _exported(card, store, reductions=_tried()) as model:
        whole = Found({}, _measures(model, texts, WHOLE))
        reduced = {
            (method, ratio): _found(model, texts, EncodePlan(reduction=Reduction(method, ratio)))
            for method in token_reductions.names()
            for ratio in options.ratios
        }
    named = f"{card.name} in {card.precision}"
    report.table(
        f"{named}: tokens merged",
        [{"method": method, "ratio": ratio} | found.row(whole) for (method, ratio), found in reduced.items()],
    )
    report.table(f"{named}: the whole model", [dict(whole.measures)])
    if options.layers:
        with _exported(card, store, layers=_layers(card, store)) as model:
            exits = {
                one: _found(model, texts, EncodePlan(layer=one)) for one in model.card.choices.layers[:-1]
            }
        report.table(
            f"{named}: an earlier layer", [{"layer": one} | found.row(whole) for one, found in exits.items()]
        )
    _claim(card, reduced, whole, report)
    return report


def _claim(
    card: EncoderCard, reduced: Mapping[tuple[str, float], Found], whole: Found, report: Report
) -> None:
    for method in token_reductions.names():
        mild = {
            ratio: found
            for (name, ratio), found in reduced.items()
            if name == method and max(found.lost(whole).values()) <= MOST_LOST
        }
        name = f"{card.name}: {method}, times as fast for at most {100 * MOST_LOST:g} point"
        if not mild:
            report.claim(
                name, 1.0, "x", f">= {LEAST_SPEED:g}", low=1.0, high=1.0, of=OF.get(method),
                note="every ratio that was tried loses more, so that all tokens stay",
            )  # fmt: skip
            continue
        fastest = {ratio: min(map(np.median, found.speed.values())) for ratio, found in mild.items()}
        ratio = max(fastest, key=lambda one: fastest[one])
        rounds = min(mild[ratio].speed.values(), key=np.median)
        low, high = np.percentile(rounds, [10, 90])
        report.claim(
            name, float(fastest[ratio]), "x", f">= {LEAST_SPEED:g}", low=float(low), high=float(high),
            note=f"at a ratio of {ratio:g}; the interval is of rounds, from a tenth to nine tenths",
            of=OF.get(method),
        )  # fmt: skip


def _found(model: TransformerTextModel, texts: Corpus, plan: EncodePlan) -> Found:
    print(f"{model.card.name}: {plan}", file=sys.stderr, flush=True)
    return Found({tokens: _speeds(model, tokens, plan) for tokens in LENGTHS}, _measures(model, texts, plan))


def _measures(model: TransformerTextModel, texts: Corpus, plan: EncodePlan) -> dict[str, float]:
    searched = list(dict.fromkeys([*texts.documents, *(text for text, _ in texts.queries)]))
    every = list(dict.fromkeys([*texts.sentences, *searched]))
    vectors = dict(zip(every, encode(model, every, plan=plan), strict=True))
    sts = {
        f"STS Spearman, {name}": spearman(
            [float(vectors[a] @ vectors[b]) for a, b, _ in rows], [score for *_, score in rows]
        )
        for name, rows in texts.pairs.items()
    }
    return sts | {NDCG: float(gained(texts, vectors).mean())}


def _speeds(model: TransformerTextModel, tokens: int, plan: EncodePlan) -> Floats:
    """The whole model's time over that of the plan, in each round."""
    batch = [model.sample(tokens)] * (AS_UNDER_LOAD.tokens // tokens)
    return np.array([_seconds(model, batch, WHOLE) / _seconds(model, batch, plan) for _ in range(ROUNDS)])


def _seconds(model: TransformerTextModel, batch: Sequence[Prepared], plan: EncodePlan) -> float:
    """The better of two runs."""
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        model.run(batch, plan)
        times.append(time.perf_counter() - begun)
    return min(times)


@contextmanager
def _exported(card: EncoderCard, store: Store, **changes: Any) -> Iterator[TransformerTextModel]:
    """The model as it would be with these changes of its card."""
    from tieback_lab.recipes.export.layered_text import export

    own = card.options_for(TransformerText).model_dump(exclude={"runtime"})
    made = card.model_copy(update={"runtime": "layered_text", "options": LayeredText(**own, **changes)})
    with tempfile.TemporaryDirectory() as folder:
        export(made, store.weights(card), Path(folder), lambda said: print(said, file=sys.stderr, flush=True))
        files = described(Path(folder))
        manifest = Manifest(kind_of(card), card.name, card.revision, made.export, served=files)
        yield LayeredTextModel(made, ServedModel(Path(folder), manifest))


def _tried() -> dict[str, TokenReduction]:
    """Every method at any ratio, whatever it gains."""
    tried = MeasuredRatio(ratio=0.5, speed={LENGTHS[0]: LEAST_SPEED}, lost={"": 0.0})
    return {name: TokenReduction(measured=(tried,)) for name in token_reductions.names()}


def _layers(card: EncoderCard, store: Store) -> tuple[int, ...]:
    """All that the model has."""
    config = store.weights(card) / card.options_for(TransformerText).config
    return tuple(range(1, json.loads(config.read_text())["num_hidden_layers"] + 1))
