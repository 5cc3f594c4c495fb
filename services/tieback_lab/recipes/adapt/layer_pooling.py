"""A learned layer pooling, and the backbone with it as a model of its own.

The new model is a folder with a graph, and a card like those of other folders (docs/own-models.md): the
backbone and the pooling behind its layers. Its vectors are in a space of their own, and the encoder that it
was made of is served beside it as before. It has no token vectors: those of the backbone are of another
space.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.models.reference import IDS, MASK
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.adapt.cards import base_of, places, write_card
from tieback_contract.field_path import at
from tieback_contract.vectors import VectorKind

LAYER_POOLING = Kind("layer_pooling", "layer pooling", 1, "train it again: tieback train layer_pooling")
POOLED = "pooled"
"""The tensor of the vectors in the graph."""


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the backbone is not the one that the pooling was learned for; AlreadyExists where
    `output` has another card of that name.
    """
    card = base_of(artifact, cards)
    facts = artifact.facts
    name = f"{card.name}-{facts['pooling'].replace('_', '-')}"
    path, folder = places(artifact, name, output, is_ours=_is_pooled)
    say(f"putting the pooling into the graph of {card.name}")
    shutil.copyfile(store.open(card).path(TOKENIZER), folder / TOKENIZER)
    write_graph(artifact, card, store, folder / GRAPH)
    return write_card(path, _card(name, card, folder, facts))


def write_graph(artifact: Artifact, card: EncoderCard, store: Store, path: Path) -> None:
    """Writes the graph of the card's backbone and the pooling. StartupError where it differs from torch."""
    import torch
    from tieback.recipes.graphs.torch_export import check, export_module

    from tieback_lab.methods.layer_pooling import layer_poolings
    from tieback_lab.recipes.adapt.layer_states import backbone_of
    from tieback_lab.recipes.train.layer_pooling import LearnedPooling

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone_of(card, store, field=at("space"))
            self.pooling = LearnedPooling(layer_poolings.get(artifact.facts["pooling"]), artifact.arrays)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
            states = self.backbone(input_ids, attention_mask)
            chosen = [states[0], *(states[layer] for layer in artifact.facts["layers"])]
            return (self.pooling(chosen, attention_mask.to(states[0].dtype)),)

    module = Pooled().eval()
    by_token = {0: "batch", 1: "tokens"}
    names, dynamic = [IDS, MASK], {IDS: by_token, MASK: by_token, POOLED: {0: "batch"}}
    export_module(module, _example(2, 5), path, inputs=names, outputs=[POOLED], dynamic=dynamic)
    check(module, path, [dict(zip(names, _example(3, 8), strict=True))], [POOLED])


def _example(texts: int, tokens: int) -> tuple[Any, Any]:
    """Small token numbers, and a mask in which texts end at different places."""
    import torch

    ids = (torch.arange(texts * tokens) % 7).reshape(texts, tokens)
    ends = torch.tensor([tokens - row for row in range(texts)])
    return ids, (torch.arange(tokens)[None] < ends[:, None]).long()


def _card(name: str, card: EncoderCard, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    options = card.options_for(TransformerText)
    return {
        "name": name,
        "role": "encoder",
        "runtime": "transformer_text",
        "description": f"Texts: the layers of {card.name}, pooled by {facts['pooling']}.",
        "license": card.license,
        "upstream": card.upstream,
        "directory": folder.name,
        "hashes": {file: file_digest(folder / file) for file in (GRAPH, TOKENIZER)},
        "modality": card.modality.value,
        "width": facts["width"],
        "kinds": [VectorKind.DENSE.value],
        **({"max_tokens": card.max_tokens} if card.max_tokens else {}),
        "options": {
            "weights": GRAPH,
            "vector_tensor": POOLED,
            **({"prompts": dict(options.prompts)} if options.prompts else {}),
        },
    }


def _is_pooled(card: Any) -> bool:
    return bool(getattr(getattr(card, "options", None), "vector_tensor", "") == POOLED)
