"""A folder of a text encoder that is an ONNX graph already."""

from __future__ import annotations

from typing import Any

import torch

from tieback.catalog.own_directory import own_file, read_object
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.recipes.graphs.architectures import positions
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.extend import read_tensor
from tieback.recipes.graphs.tensors import TYPES, described, find_tensors
from tieback.recipes.own.folder import GRAPHS, NAMED, TYPICAL_TOKENS, OwnFolder
from tieback.recipes.own.text import by_side, changed, pooling_of, tokenizer_of, widths_of

ENDLESS = 1_000_000  # transformers writes a number of thirty digits where a tokenizer has no limit


def is_graph(folder: OwnFolder) -> bool:
    """Tell whether the folder has a graph of the usual name, or one alone."""
    return find_graph(folder) is not None


def find_graph(folder: OwnFolder) -> str | None:
    """The graph that is served; None where there is none, or several without the usual name."""
    graphs = [name for name in folder.files if name.endswith(".onnx") and NAMED.fullmatch(name)]
    only = graphs if len(graphs) == 1 else []
    return next((one for one in (*GRAPHS, *only) if one in folder.files), None)


def graph_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    graph, found = find_graph(folder) or "", folder.found
    model = load_graph(own_file(folder.directory, graph))
    tokenizer = tokenizer_of(folder)
    options = TransformerText(weights=graph)
    found.facts |= {"kind": "ONNX folder", "architecture": described(model), "weights": folder.sized(graph)}
    pooling = pooling_of(folder) if folder.given.pooling or folder.modules else {}
    try:
        tensors = find_tensors(model, options, pooled_here="pooling" in pooling)
        found.facts.setdefault("pooling", "by the graph")
    except StartupError as error:
        if "pooling" in pooling:
            raise
        tensors = find_tensors(model, options, pooled_here=True)
        if folder.modules is None:
            found.missing.append(f"pooling: {error.message}; or say --pooling NAME")
    sample = torch.arange(4)[None].numpy()
    feed = {IDS: sample, MASK: sample * 0 + 1, TYPES: sample * 0}
    width = int(read_tensor(own_file(folder.directory, graph), tensors, feed).shape[-1])
    tokens = _limit(folder)
    found.facts["width"] = str(width)
    folder.report_tokenizer(tokenizer, tokens)
    card = {
        "runtime": "transformer_text",
        "modality": "text",
        "width": width,
        "kinds": ["dense", "multi_vector"] if tensors.states else ["dense"],
        "max_tokens": tokens,
        **pooling,
        **widths_of(folder, width),
        "options": changed(weights=graph, tokenizer=tokenizer),
    }
    return by_side(folder, card)


def _limit(folder: OwnFolder) -> int:
    """Tokens that a graph reads, by what lies beside it."""
    if folder.modules is not None and folder.modules.max_tokens:
        return folder.modules.max_tokens
    config = folder.config
    limits: list[Any] = [
        positions(config.get("model_type"), config.get("max_position_embeddings"), config.get("pad_token_id"))
    ]
    if "tokenizer_config.json" in folder.files:
        limits.append(read_object(folder.directory, "tokenizer_config.json").get("model_max_length"))
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < ENDLESS]
    return min(known, default=TYPICAL_TOKENS)
