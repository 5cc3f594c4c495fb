"""Two fine-tuned encoders averaged: neurons matched by weights, by what they give for samples, or not at all.

Both are fine-tuned from one base, on a domain each, as in `benchmarks/merging.py`, and their neurons are in
one order. Then the neurons of the first one's feed-forward layers are put into another order, which changes
nothing of what it gives, as between models of different starts. Samples are texts that the experts learned
from. Measured on held-out pairs of both domains: the mean of 1 / rank of each text's partner. What is learned
here is thrown away.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.types.encoding import Truncation
from tieback.methods.merging import Activations, Weights, merge
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.merged import MOST_TOKENS, measured, write_with
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.layer_activations import (
    activations_of,
    turned,
    weights_of,
)
from tieback_contract.arrays import Array

from benchmarks.data_folder import add_data, data_of
from benchmarks.lab.merging import BASE, HOLDS, expert, held_out, pairs_of
from benchmarks.progress import log
from benchmarks.report import Report

DOMAINS = ("cacm", "captions")
STEPS, HELD_OUT, SAMPLES = 60, 100, 100
HEAD = 32
"""The width of a head of MiniLM."""
WIDENED, NARROWED = "intermediate.dense", ".output.dense"
"""The layers into the neurons that are put into another order, and out of them."""
Pairs = list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--domains", nargs=2, default=DOMAINS, help=f"[{' '.join(DOMAINS)}]")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each fine-tuning [{STEPS}]")


def run(options: argparse.Namespace) -> Report:
    pairs = pairs_of(data_of(options, HOLDS))
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        experts = []
        for name in options.domains:
            learnt = pairs[name][: len(pairs[name]) - len(held_out(pairs[name]))]
            experts.append(expert(name, learnt, base, folder, options.steps))
        asked = {name: list(held_out(pairs[name], HELD_OUT)) for name in options.domains}
        shown = [text for name in options.domains for pair in pairs[name][:SAMPLES] for text in pair]
        return compared(Store().open(base).folder, experts, asked, shown, folder)


def compared(
    served: Path, experts: list[Weights], asked: Mapping[str, Pairs], shown: list[str], folder: Path
) -> Report:
    """Results of each way of merging."""
    tokens = TextTokenizer(served / TOKENIZER, max_tokens=64, special_tokens=True)
    graph = load_graph(served / GRAPH)
    base, first, second = (turned(graph, one) for one in (weights_of(graph), *experts))
    other = reordered(first)
    samples = [tokens(text, Truncation.END)[0].ids for text in shown]
    texts = {
        name: [[tokens(text, Truncation.END)[0].ids for text in side] for side in zip(*pairs, strict=True)]
        for name, pairs in asked.items()
    }

    def given(weights: Weights) -> Activations:
        write_with(model := load_graph(served / GRAPH), turned(graph, weights), folder / "given.onnx")
        return activations_of(model, samples, MOST_TOKENS)

    def found(name: str, weights: Weights) -> dict[str, Any]:
        log(name)
        write_with(load_graph(served / GRAPH), turned(graph, weights), folder / "tried.onnx")
        session = Session(folder / "tried.onnx")
        by_domain = {domain: measured(session, one, "reciprocal_rank") for domain, one in texts.items()}
        return {"model": name, **by_domain, "mean": float(np.mean(list(by_domain.values())))}

    rows = [found(f"expert of {name}", one) for name, one in zip(asked, (first, second), strict=True)]
    rows.append(found("base", base))
    for order, start in (("", first), (", the first one's neurons in another order", other)):
        pair, parameters = [start, second], {"head_size": HEAD}
        activations = [given(one) for one in pair]
        for name, merged in (
            ("averaged", merge("linear", base, pair)),
            ("matched by weights", merge("optimal_transport", base, pair, parameters)),
            (
                "matched by samples",
                merge("optimal_transport", base, pair, parameters, activations=activations),
            ),
        ):
            rows.append(found(name + order, merged))
    report = Report()
    report.table("mean of 1 / rank of a partner among the held-out pairs of its domain", rows)
    plain = rows[3]["mean"]
    for row in rows[4:6] + rows[7:]:
        report.claim(
            f"{row['model']}, less averaged in one order", row["mean"] - plain, "1 / rank", ">= -0.001"
        )
    return report


def reordered(weights: Weights) -> dict[str, Array]:
    """The same model with the neurons of its feed-forward layers in another order."""
    found, draw = dict(weights), np.random.default_rng(0)
    for name in [one for one in weights if one.endswith(f"{WIDENED}.weight")]:
        block = name.removesuffix(f".{WIDENED}.weight")
        order = draw.permutation(len(weights[name]))
        found[name] = weights[name][order]
        found[f"{block}.{WIDENED}.bias"] = weights[f"{block}.{WIDENED}.bias"][order]
        found[f"{block}{NARROWED}.weight"] = weights[f"{block}{NARROWED}.weight"][:, order]
    return found
