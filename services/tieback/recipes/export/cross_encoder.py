"""Cross-encoders: the sequence-classification model of a transformers folder as a graph with one score."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tieback.catalog.card import RerankerCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.cross_encoder import CrossEncoder
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.cross_encoder import SCORE, TYPES
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.transformer_text import check_fit, example, sample_of, vocabulary_of
from tieback.recipes.graphs.architectures import BACKBONES
from tieback.recipes.graphs.backbone import load_model, read_config
from tieback.recipes.graphs.torch_export import check, export_module

SEPARATED = 2
"""Special tokens that a pair has at least: one between the texts and one behind them."""


def export(card: RerankerCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    torch.set_num_threads(1)
    options = card.options_for(CrossEncoder)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary = vocabulary_of(out / TOKENIZER)
    check_pairs(out / TOKENIZER)
    config = read_config(weights, options.config, BACKBONES)
    check_one_score(config, options.config)
    check_fit(card, config, vocabulary)
    backbone = load_model(weights, options.weights, config, options.config, head="sequence")
    model = Scored(backbone)
    names = [IDS, MASK, *([TYPES] if model.reads_types else [])]
    sample = sample_of(card, vocabulary)
    report("exporting from torch")
    by_token = {0: "batch", 1: "tokens"}
    export_module(
        model,
        examples(2, sample[:5], len(names)),
        out / GRAPH,
        inputs=names,
        outputs=[SCORE],
        dynamic=dict.fromkeys(names, by_token) | {SCORE: {0: "batch"}},
    )
    report("checking parity")
    fed = dict(zip(names, examples(3, sample, len(names)), strict=True))
    return check(model, out / GRAPH, fed, [SCORE])


class Scored(torch.nn.Module):
    """Token numbers, mask and, where the model has some, types, to scores `[batch]`: the one logit."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model
        types: Any = getattr(model, "config", None)
        self.reads_types = (
            TYPES in inspect.signature(model.forward).parameters and getattr(types, "type_vocab_size", 0) > 1
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` each."""
        names = (IDS, MASK, TYPES)[: len(inputs)]
        return (self.model(**dict(zip(names, inputs, strict=True))).logits[:, 0],)


def check_one_score(config: Any, name: str) -> None:
    """StartupError where the model gives more than one number."""
    if config.num_labels != 1:
        raise StartupError(
            f"{name} is of a model with {config.num_labels} logits (id2label), and a reranker has one, the "
            "score. To serve its backbone as an encoder, add it with --pooling NAME"
        )


def check_pairs(tokenizer: Path) -> None:
    """StartupError where the tokenizer does not separate two texts."""
    added = Tokenizer.from_file(str(tokenizer)).num_special_tokens_to_add(True)
    if added < SEPARATED:
        raise StartupError(
            f"{tokenizer.name} puts {added} special tokens around two texts, so the model would not see "
            "where the query ends; it needs the post-processor for pairs that the model was trained with"
        )


def examples(batch: int, sample: Tensor, inputs: int) -> tuple[Tensor, ...]:
    """Numbers and mask, and types of which the later half is of the second text."""
    ids, mask = example(batch, sample)
    types = (torch.arange(len(sample)) >= len(sample) // 2).long().expand(batch, -1).contiguous()
    return (ids, mask, types * mask)[:inputs]
