"""Merged text encoders: the graph of the base with weights that are merged of all parents' graphs.

Graphs that were exported of one architecture have the same weights by the same names. So no PyTorch takes
part, and a server makes a merged model when it starts. What a card's probe asks is measured here, before
anything is served.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, numpy_helper
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.catalog.merge import Merge, Probe
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.encoding import Truncation
from tieback.methods.merging import CHECK, Activations, Weights, having, mergings
from tieback.methods.merging import merge as merged_weights
from tieback.models.session import Session
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.graphs.adapters import write_adapters
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.expert_router import encoded_texts, learn_router
from tieback.recipes.graphs.external_data import save_graph
from tieback.recipes.graphs.layer_activations import (
    activations_of,
    turned,
    weights_of,
)
from tieback.recipes.graphs.lora_folder import adapted
from tieback.recipes.graphs.lower_precisions import add_lower_precisions
from tieback.training.data.text_pairs import pair_files, read_text_pairs
from tieback.training.ranks import ranks

FEWEST_PAIRS, MOST_PAIRS = 10, 1000
"""Of a probe."""
MOST_TOKENS = 1000
"""Tokens of samples that neurons are matched by."""
LEAST_ALIKE = 0.5
"""The median cosine of an expert's matrices with its base's: near 1 behind fine-tuning, near 0 of another
start."""


def export(
    card: EncoderCard,
    weights: Path,  # noqa: ARG001 - a recipe takes it; a merged model has none of its own
    out: Path,
    report: Callable[[str], None],
    *,
    parents: Mapping[str, ServedModel],
) -> dict[str, Any]:
    """Writes the merged graphs and the vocabulary; returns what the probe found. Parents are by their names.

    StartupError where the parents do not go together, or the merged model does not reach what the probe asks.
    """
    if card.merge is None:
        raise TypeError(f"{card.name} is no merged card")
    merge = card.merge
    _check_vocabularies(card, parents)
    shutil.copyfile(parents[merge.base].path(TOKENIZER), out / TOKENIZER)
    if merge.serve is not None:
        report(f"serving {merge.serve} in place of the merge")
        save_graph(load_graph(parents[merge.serve].path(GRAPH)), out / GRAPH)
    else:
        report(f"merging {', '.join(merge.names)} by {merge.method}")
        _write_merged(card, merge, parents, out)
    metrics = add_lower_precisions(card, out, report)
    if merge.router and merge.serve is None:
        report("learning the router")
        metrics |= {"router": learn_router(card, merge.router, out)}
    if merge.probe is not None and merge.serve is None:
        report(f"probing by {merge.probe.pairs.name}")
        metrics |= {"probe": _probed(card, merge, merge.probe, parents, out)}
    return metrics


def _write_merged(card: EncoderCard, merge: Merge, parents: Mapping[str, ServedModel], out: Path) -> None:
    base = load_graph(parents[merge.base].path(GRAPH))
    graphs = [load_graph(parents[name].path(GRAPH)) for name in merge.experts]
    start, *experts = (weights_of(graph) for graph in (base, *graphs))
    if not mergings.has(CHECK, merge.method):
        _check_starts(card, merge, start, experts)
    named = [turned(graph, one) for graph, one in zip(graphs, experts, strict=True)]
    beginning = turned(base, start)
    for name, folder in merge.folders.items():
        try:
            named.append(adapted(beginning, folder))
        except StartupError as error:
            raise StartupError(f"{card.name} cannot be merged: {name}: {error.message}") from None
    activations: list[Activations] = []
    if merge.samples is not None:
        texts = _samples(card, merge.samples, out)
        activations = [activations_of(graph, texts, MOST_TOKENS) for graph in graphs]
    try:
        merged = merged_weights(merge.method, beginning, named, merge.parameters, activations=activations)
    except InvalidInput as error:
        raise StartupError(f"{card.name} cannot be merged: {_named(error, merge)}{error.message}") from error
    write_with(base, turned(base, merged), out / GRAPH)
    if merge.kept:
        of_folders = [turned(base, one) for one in named[len(experts) :]]
        each = dict(zip(merge.names, (*experts, *of_folders), strict=True))
        write_adapters(merge.method, merge.split_parameters, start, each, base, out)


def _samples(card: EncoderCard, file: Path, out: Path) -> list[Array]:
    """The texts of the card's samples as token numbers. StartupError where they are too few."""
    try:
        pairs = read_text_pairs(pair_files([file]), most=MOST_PAIRS, fewest=FEWEST_PAIRS, seed=0)
    except InvalidInput as error:
        raise StartupError(f"{card.name} cannot be merged by its samples: {error.message}") from error
    tokens = TextTokenizer(out / TOKENIZER, max_tokens=card.max_tokens, special_tokens=True)
    return [tokens(text, Truncation.END)[0].ids for pair in pairs for text in pair]


def write_with(model: ModelProto, weights: Weights, target: Path) -> None:
    """Writes a graph with other weights, by their names; the model is changed."""
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weights[tensor.name]), tensor.name))
    save_graph(model, target)


def _check_starts(card: EncoderCard, merge: Merge, base: Weights, experts: Sequence[Weights]) -> None:
    """StartupError for an expert whose weights have nothing of the base's, but for their shapes."""
    matrices = [name for name, array in base.items() if array.ndim > 1]
    for name, expert in zip(merge.experts, experts, strict=True):
        alike = [_cosine(base[one], expert[one]) for one in matrices if _fits(base, expert, one)]
        if alike and (found := float(np.median(alike))) < LEAST_ALIKE:
            raise StartupError(
                f"{card.name} cannot be merged: {name} was not trained from {merge.base}: their matrices "
                f"have a cosine of {found:.2f}, and those of an expert one above {LEAST_ALIKE}; models "
                f"of different starts are merged by {', '.join(having(CHECK)) or 'methods of extensions'}"
            )


def _fits(base: Weights, expert: Weights, name: str) -> bool:
    """What does not is refused by its tensor."""
    return name in expert and expert[name].shape == base[name].shape and bool(np.isfinite(expert[name]).all())


def _cosine(one: Array, other: Array) -> float:
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(np.vdot(one, other)) / lengths if lengths else 1.0


def _named(error: InvalidInput, merge: Merge) -> str:
    """The parent whose fault it is."""
    field = str(error.field)
    if field.startswith("experts["):
        return f"{merge.names[int(field.removeprefix('experts[').partition(']')[0])]}: "
    return f"{merge.base}: " if field == "base" else ""


def _check_vocabularies(card: EncoderCard, parents: Mapping[str, ServedModel]) -> None:
    (first, model), *others = parents.items()
    for name, other in others:
        if other.manifest.served[TOKENIZER].sha256 != model.manifest.served[TOKENIZER].sha256:
            raise StartupError(
                f"{card.name} cannot be merged: {name} and {first} read texts by different vocabularies "
                f"({TOKENIZER}); experts of one base have its vocabulary"
            )


def _probed(
    card: EncoderCard, merge: Merge, probe: Probe, parents: Mapping[str, ServedModel], out: Path
) -> dict[str, float]:
    """The metric of the merged model and of each parent. StartupError where it does not reach its margin."""
    try:
        pairs = read_text_pairs(pair_files([probe.pairs]), most=MOST_PAIRS, fewest=FEWEST_PAIRS, seed=0)
    except InvalidInput as error:
        raise StartupError(f"the probe of {card.name} cannot be run: {error.message}") from error
    tokens = TextTokenizer(out / TOKENIZER, max_tokens=card.max_tokens, special_tokens=True)
    texts = [[tokens(text, Truncation.END)[0].ids for text in side] for side in zip(*pairs, strict=True)]
    graphs = {name: model.path(GRAPH) for name, model in parents.items()} | {card.name: out / GRAPH}
    found = {name: measured(Session(graph), texts, probe.metric) for name, graph in graphs.items()}
    each = [found[name] for name in merge.parents]
    wanted = {"base": found[merge.base], "best": max(each), "mean": float(np.mean(each))}[probe.against]
    if not found[card.name] >= wanted + probe.margin:
        raise StartupError(
            f"{card.name} is not served: its {probe.metric} on {len(pairs)} pairs of {probe.pairs.name} is "
            f"{found[card.name]:.3f}, and its card asks for {wanted + probe.margin:.3f} ({probe.against} "
            f"{wanted:.3f}, margin {probe.margin:+g}); the parents have "
            f"{', '.join(f'{name} {found[name]:.3f}' for name in merge.parents)}. Change the merge, or serve "
            f"one of them: serve: {merge.base}"
        )
    return found


def measured(session: Session, sides: Sequence[Sequence[Array]], metric: str) -> float:
    """A probe's metric for two texts of each pair, as token numbers."""
    left, right = (encoded_texts(session, side) for side in sides)
    places = ranks(left @ right.T, np.arange(len(left)))
    return float((places == 1).mean() if metric == "recall_at_1" else (1 / places).mean())
