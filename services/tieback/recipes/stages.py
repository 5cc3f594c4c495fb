"""A text graph with the outputs of several layers, cut into a graph for each: from one layer's states on."""

from __future__ import annotations

from pathlib import Path

import onnx

from tieback.catalog.card import EncoderCard
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.transformer_text import TOKENS, at_layer, graph_file, stage_file
from tieback.recipes.external_data import save_graph
from tieback.recipes.graph_edits import keep_needed, load_graph


def cut_into_stages(card: EncoderCard, out: Path) -> None:
    """Replaces the graph of each precision in `out` by its stages, which end at the card's layers."""
    for precision in card.offered_precisions:
        whole = out / graph_file(precision)
        begin: int | None = None
        for layer in card.layers:
            end = None if layer == card.layers[-1] else layer
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
