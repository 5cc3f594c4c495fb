"""Encoders for late interaction: the backbone and the layers behind it, a vector for each token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.late_interaction import LateInteraction
from tieback.core.errors import StartupError
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.transformer_text import (
    ACTIVATIONS,
    LONG_TOKENS,
    check_fit,
    check_width,
    example,
    sample_of,
    vocabulary_of,
    write_vectors,
)
from tieback.recipes.graphs.backbone import LayeredBackbone, load_model, load_tensors, read_text_config
from tieback.recipes.graphs.checkpoint import read_shapes
from tieback.recipes.graphs.lower_precisions import add_lower_precisions
from tieback.recipes.graphs.token_projections import (
    BIAS,
    RESIDUAL,
    WEIGHT,
    TokenProjection,
    projections_of,
)


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to what it was made from."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(LateInteraction)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary = vocabulary_of(out / TOKENIZER)
    config = read_text_config(weights, options.config)
    check_fit(card, config, vocabulary)
    layers = projections_of(weights, options.weights)
    if [one.folder for one in layers] != list(options.projections):
        raise StartupError(
            f"{card.name}: the folder projects by {[one.folder for one in layers]}, and the card says "
            f"{list(options.projections)}; write the card anew: tieback models add {weights}"
        )
    backbone = LayeredBackbone(load_model(weights, options.weights, config, options.config))
    model = TokenNetwork(backbone, ProjectedTokens(weights, options.weights, layers))
    sample = sample_of(card, vocabulary, LONG_TOKENS)
    metrics = write_vectors(model, sample, out / GRAPH, report)
    check_width(card, out / GRAPH, example(1, sample_of(card, vocabulary)))
    return metrics | add_lower_precisions(card, out, report)


class TokenNetwork(nn.Module):
    """Token numbers and mask to the mean of the tokens' vectors, at length 1, and to these."""

    def __init__(self, backbone: LayeredBackbone, projected: ProjectedTokens) -> None:
        super().__init__()
        self.backbone, self.projected = backbone, projected

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, tokens]` twice to `[batch, width]` and `[batch, tokens, width]`."""
        vectors = self.projected(self.backbone(input_ids, attention_mask)[-1])
        attended = attention_mask.to(vectors.dtype)[..., None]
        return normalize((vectors * attended).sum(1), dim=-1), vectors


class ProjectedTokens(nn.Module):
    """States of tokens to vectors of length 1, through the layers."""

    def __init__(self, folder: Path, weights: str, projections: Sequence[TokenProjection]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(TokenLayer(folder, weights, one) for one in projections))

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, tokens, inputs]` to `[batch, tokens, outputs]`."""
        return normalize(self.layers(states), dim=-1)


class TokenLayer(nn.Module):
    """A linear layer with its activation, and with a path around both where the folder says so."""

    def __init__(self, folder: Path, weights: str, projection: TokenProjection) -> None:
        super().__init__()
        path = own_file(folder, projection.weights(weights))
        shapes = read_shapes(path)
        tensors = load_tensors(path, {name: shapes[name] for name in projection.tensors if name in shapes})
        outputs, inputs = tensors[WEIGHT].shape
        self.linear = nn.Linear(inputs, outputs, bias=BIAS in tensors)
        self.residual = nn.Linear(inputs, outputs, bias=False) if RESIDUAL in tensors else nn.Identity()
        self.load_state_dict(tensors)
        self.activation, self.is_residual = ACTIVATIONS[projection.activation], projection.is_residual

    def forward(self, states: Tensor) -> Tensor:
        """`[…, inputs]` to `[…, outputs]`."""
        found = self.activation(self.linear(states))
        return found + self.residual(states) if self.is_residual else found
