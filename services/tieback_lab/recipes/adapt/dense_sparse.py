"""A backbone with a head that predicts words, as one graph of a dense and a sparse view, and its card.

The new model is a folder with a graph, and a card like those of other folders (docs/own-models.md). Its
vectors are in a space of their own, and the encoder that it was made of is served beside it as before.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import EncoderCard
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.store import Store
from tieback.models.text.sparse_text import WEIGHTS
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.adapt.cards import base_of, places, write_card
from tieback_contract.field_path import at
from tieback_contract.vectors import VectorKind

from tieback_lab.catalog.runtimes.dense_sparse_text import DenseSparseText

DENSE_SPARSE = Kind("dense_sparse", "dense and sparse view", 1, "train it again: tieback train dense_sparse")
SUFFIX = "dense-sparse"


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the backbone is not the one that the head was learned for; AlreadyExists where `output`
    has another card of that name.
    """
    card = base_of(artifact, cards)
    name = f"{card.name}-{SUFFIX}"
    path, folder = places(
        artifact, name, output, is_ours=lambda one: isinstance(getattr(one, "options", None), DenseSparseText)
    )
    say(f"putting the head into the graph of {card.name}")
    shutil.copyfile(store.open(card).path(TOKENIZER), folder / TOKENIZER)
    write_graph(artifact, card, store, folder / GRAPH)
    width, sketch = artifact.facts["width"], artifact.facts["sketch"]
    fields = {
        "name": name,
        "role": "encoder",
        "runtime": "dense_sparse_text",
        "description": f"Texts: the vector of {card.name}, and the words that it predicts.",
        "license": card.license,
        "upstream": card.upstream,
        "directory": folder.name,
        "hashes": {file: file_digest(folder / file) for file in (GRAPH, TOKENIZER)},
        "modality": card.modality.value,
        "width": width + sketch,
        "widths": [width, width + sketch],
        "kinds": [VectorKind.DENSE.value, VectorKind.SPARSE.value],
        **({"max_tokens": card.max_tokens} if card.max_tokens else {}),
        "options": {"weights": GRAPH},
    }
    return write_card(path, fields)


def write_graph(artifact: Artifact, card: EncoderCard, store: Store, path: Path) -> None:
    """Writes the graph of both views. StartupError where it differs from torch."""
    import torch
    from tieback.recipes.graphs.torch_export import check, export_module
    from torch.nn.functional import normalize

    from tieback_lab.recipes.adapt.layer_states import backbone_of, word_embeddings
    from tieback_lab.recipes.train import word_head as heads

    facts, arrays = artifact.facts, artifact.arrays

    class Views(torch.nn.Module):
        """Token numbers and mask to the joined vector and the weights of all words."""

        buckets: torch.Tensor
        signs: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone_of(card, store, field=at("space"))
            self.head = heads.WordHead.with_arrays(
                {name: one for name, one in arrays.items() if name.startswith(("layer.", "norm.", "bias"))}
            )
            self.table = word_embeddings(self.backbone)
            never = np.where(arrays["counts"], 0, heads.NEVER).astype(np.float32)
            self.register_buffer("offset", self.head.bias.detach() + torch.from_numpy(never))
            self.register_buffer("buckets", torch.from_numpy(np.array(arrays["buckets"])))
            self.register_buffer("signs", torch.from_numpy(np.array(arrays["signs"])))

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            last = self.backbone(input_ids, attention_mask)[-1]
            sizes = attention_mask.to(last.dtype)
            dense = normalize((last * sizes[..., None]).sum(dim=1), dim=1)
            logits = self.head(last, sizes, self.table, self.offset)
            weights, places = heads.sparse_view(logits, facts["terms"])
            sketch = heads.sketched(weights, places, self.buckets, self.signs, facts["sketch"])
            sparse = torch.zeros_like(logits).scatter(1, places, weights)
            return heads.joined(dense, sketch, facts["weight"]), sparse

    module = Views().eval()
    by_token, by_text = {0: "batch", 1: "tokens"}, {0: "batch"}
    names, outputs = [IDS, MASK], [DENSE, WEIGHTS]
    dynamic = dict.fromkeys(names, by_token) | dict.fromkeys(outputs, by_text)
    export_module(module, _example(2, 5), path, inputs=names, outputs=outputs, dynamic=dynamic)
    check(module, path, [dict(zip(names, _example(3, 8), strict=True))], outputs)


def _example(texts: int, tokens: int) -> tuple[Any, Any]:
    """Small token numbers, and a mask in which texts end at different places."""
    import torch

    ids = (torch.arange(texts * tokens) % 7).reshape(texts, tokens)
    ends = torch.tensor([tokens - row for row in range(texts)])
    return ids, (torch.arange(tokens)[None] < ends[:, None]).long()
