"""A text encoder whose layers merge tokens: a graph of its own, with the share that stays as an input.

Between a layer's attention and its feed-forward part, the method plans by the mean of the heads' keys and the
family merges. Attention to a token is proportional to how many it stands for, by adding the logarithm of that
to its score.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.models.reference import DENSE, IDS, MASK
from tieback.recipes.graphs.torch_export import check, export_module
from tieback_contract.field_path import at
from torch import Tensor

from tieback_lab.catalog.runtimes.layered_text import LayeredText
from tieback_lab.methods.token_reduction import GRAPH, Graph, merge_batch, token_reductions
from tieback_lab.models.layered_text import RATIO, reduced_file

REDUCIBLE = ("bert", "roberta", "xlm-roberta", "camembert")
"""Architectures whose layers can merge tokens: all of BERT's build."""

TRACED, CHECKED = 0.75, 0.6
"""Ratios that the graph is made and checked at: any other is an input of the same graph."""


class ReducedTransformer(torch.nn.Module):
    """Token numbers, mask and ratio to normalised vectors, by layers of which each has fewer tokens."""

    def __init__(self, model: Any, plan: Graph, head: torch.nn.Module) -> None:
        super().__init__()
        self.embeddings, self.layers = model.embeddings, model.encoder.layer
        self.plan, self.head = plan, head

    def forward(self, input_ids: Tensor, attention_mask: Tensor, ratio: Tensor) -> Tensor:
        """`[batch, tokens]` twice and a number to `[batch, width]`."""
        hidden = self.embeddings(input_ids=input_ids)
        sizes = attention_mask.to(hidden.dtype)
        states = [hidden]
        for number, layer in enumerate(self.layers):
            hidden, keys = _attend(layer.attention, hidden, sizes.log()[:, None, None])
            assignment = self.plan(keys, sizes, ratio, number / len(self.layers))
            hidden, sizes = merge_batch(hidden, sizes, assignment)
            hidden = layer.output(layer.intermediate(hidden), hidden)
            states.append(hidden)
        pooled: Tensor = self.head(states, sizes)
        return pooled


def add_reductions(
    card: EncoderCard,
    model: Any,
    head: torch.nn.Module,
    examples: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]],
    out: Path,
) -> dict[str, Any]:
    """Writes a graph of each method that the card serves into `out`; returns how near each is to torch.

    `examples` are token numbers and mask to trace with, and others to check with. StartupError where the
    architecture has no layers that are known here.
    """
    metrics: dict[str, Any] = {}
    options = card.options_for(LayeredText)
    for name in options.choices.served_reductions:
        architecture = model.config.model_type
        if architecture not in REDUCIBLE:
            raise StartupError(
                f"the card {card.name} reduces tokens, which is not done inside of {architecture}; the "
                f"architectures are: {', '.join(REDUCIBLE)}. Leave out reductions"
            )
        module = ReducedTransformer(model, plan_of(name, options.reductions[name].parameters), head)
        metrics[name] = export_reduced(module, examples, out / reduced_file("float32", name))
    return metrics


def export_reduced(
    module: ReducedTransformer, examples: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]], path: Path
) -> dict[str, Any]:
    """Writes one graph; returns its parity with the module, at another ratio than it was traced at."""
    traced, (ids, mask) = examples
    export_module(
        module,
        (*traced, torch.tensor(TRACED)),
        path,
        inputs=[IDS, MASK, RATIO],
        outputs=[DENSE],
        dynamic={name: {0: "batch", 1: "tokens"} for name in (IDS, MASK)} | {DENSE: {0: "batch"}},
    )
    return check(module, path, [{IDS: ids, MASK: mask, RATIO: torch.tensor(CHECKED)}], [DENSE])


def plan_of(name: str, parameters: Mapping[str, Any]) -> Graph:
    """The method's plan as a graph, with its parameters."""
    return token_reductions.form(GRAPH, name, parameters, field=at("reductions", name))


def _attend(attention: Any, hidden: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """What an attention block gives `[batch, tokens, width]`, and the mean key of its heads."""
    own = attention.self
    shape = (*hidden.shape[:-1], own.num_attention_heads, own.attention_head_size)
    query, key, value = (
        layer(hidden).view(shape).transpose(1, 2) for layer in (own.query, own.key, own.value)
    )
    scores = query @ key.transpose(-1, -2) * own.attention_head_size**-0.5 + bias
    context = (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(hidden.shape)
    return attention.output(context, hidden), key.mean(dim=1)
