"""Transformer text encoders cut at layers, and with graphs that merge tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.text.transformer_text import GRAPHS, TOKENIZER, TOKENS
from tieback.recipes.export.transformer_text import (
    BY_TOKEN,
    SAMPLE_TOKENS,
    TextHead,
    example,
    export_float32,
)
from tieback.recipes.graphs.backbone import LayeredBackbone
from tieback.recipes.graphs.edits import keep_needed, load_graph
from tieback.recipes.graphs.external_data import save_graph
from tieback.recipes.graphs.lower_precisions import MAKERS, add_lower_precisions, sample
from tieback.recipes.graphs.torch_export import export_network
from torch import Tensor

from tieback_lab.catalog.runtimes.layered_text import LayeredText
from tieback_lab.models.layered_text import RATIO, at_layer, reduced_file, stage_file
from tieback_lab.recipes.graphs.reduced import add_reductions


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graphs and the vocabulary; returns how near they are to what they were made from."""
    metrics = export_float32(card, weights, out, report, partial(_write, card))
    metrics |= add_lower_precisions(card, out, report)
    options = card.options_for(LayeredText)
    if card.precisions and (served := options.choices.served_reductions):
        ids, mask = sample(card, out / TOKENIZER)
        whole = {IDS: ids, MASK: mask, RATIO: np.array(1, np.float32)}
        for precision in card.precisions:
            for name in served:
                source, target = (out / reduced_file(one, name) for one in ("float32", precision))
                MAKERS[precision](source, target, whole)
    if options.layers:
        cut_into_stages(card, out)
    return metrics


def _write(
    card: EncoderCard,
    backbone: LayeredBackbone,
    head: TextHead,
    numbers: Tensor,
    path: Path,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the graph of all layers, and those that merge tokens."""
    options = card.options_for(LayeredText)
    _check_layers(card, options.layers, backbone.layers)
    model = LayeredTransformer(backbone, head, options.layers[:-1])
    report("exporting from torch, and checking parity")
    ends = [*options.layers[:-1], None]
    vectors = [at_layer(DENSE, end) for end in ends]
    # The embeddings' states tell a part of the graph that begins behind them how many texts there are.
    states = [at_layer(TOKENS, end) for end in (*([0] if model.exits else []), *ends)]
    traced, checked = example(2, numbers[:5]), example(3, numbers[:SAMPLE_TOKENS])
    given = [dict(zip((IDS, MASK), one, strict=True)) for one in (traced, checked)]
    axes = dict.fromkeys([IDS, MASK], BY_TOKEN)
    metrics = export_network(model, given, path, outputs=[*vectors, *states], dynamic=axes)
    reduced = add_reductions(card, backbone.model, head, (traced, checked), path.parent)
    return metrics | ({"reductions": reduced} if reduced else {})


class LayeredTransformer(torch.nn.Module):
    """Token numbers and mask to normalised vectors and token states, of the layers `exits` and of the last.

    The head is at each of them, so that the graph can be cut behind it.
    """

    def __init__(self, backbone: LayeredBackbone, head: TextHead, exits: Sequence[int]) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.exits = tuple(exits)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """`[batch, tokens]` twice to `[batch, width]` of each exit, and to the states of each."""
        states = self.backbone(input_ids, attention_mask)
        sizes = attention_mask.to(states[-1].dtype)
        ends = [states[: layer + 1] for layer in self.exits] + [states]
        embeddings = states[:1] if self.exits else ()
        return (*(self.head(end, sizes) for end in ends), *embeddings, *(end[-1] for end in ends))


def _check_layers(card: EncoderCard, offered: Sequence[int], layers: int) -> None:
    """StartupError where the last layer that the card offers is not the model's last."""
    if offered and offered[-1] != layers:
        raise StartupError(
            f"the card {card.name} offers the layers {list(offered)}, and the model has {layers}; "
            f"the last of them is {layers}"
        )


def cut_into_stages(card: EncoderCard, out: Path) -> None:
    """Replaces the graph of each precision in `out` by its stages, which end at the card's layers."""
    layers = card.options_for(LayeredText).layers
    for precision in card.offered_precisions:
        whole = out / GRAPHS[precision]
        begin: int | None = None
        for layer in layers:
            end = None if layer == layers[-1] else layer
            model = load_graph(whole)
            _cut(model.graph, begin, end)
            save_graph(model, out / stage_file(precision, layer))
            begin = end
        for path in (whole, whole.with_name(f"{whole.name}.data")):
            path.unlink(missing_ok=True)


def _cut(graph: onnx.GraphProto, begin: int | None, end: int | None) -> None:
    """Leaves what leads from the states of `begin`, or from token numbers, to the outputs of `end`."""
    entries = {entry.name: entry for entry in (*graph.input, *graph.output)}
    states = None if begin is None else at_layer(TOKENS, begin)
    outputs = [entries[at_layer(DENSE, end)], entries[at_layer(TOKENS, end)]]
    nodes = [node for node in graph.node if states not in node.output]  # the states come from outside
    for node in nodes:
        # As the states' shape, or each part would hold the table of the embeddings.
        if states is not None and node.op_type == "Shape" and node.input[0] == at_layer(TOKENS, 0):
            node.input[0] = states
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.output.extend(outputs)
    keep_needed(graph)
    read = {name for node in graph.node for name in node.input}
    graph.input.extend(entries[name] for name in (IDS, MASK, states) if name in read)
