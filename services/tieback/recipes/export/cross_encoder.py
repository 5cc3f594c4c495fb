"""Cross-encoders: the sequence-classification model of a transformers folder as a graph with one score.

Other models that score a query and a passage are written by the same function, `write_scores`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tieback.catalog.card import RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.precision import ScoringPrecision
from tieback.catalog.runtimes.cross_encoder import CrossEncoder
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.models.session import Session
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.cross_encoder import SCORE
from tieback.models.text.sequence_graph import TYPES
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.transformer_text import BY_TOKEN, check_fit, example, sample_of, vocabulary_of
from tieback.recipes.graphs.backbone import Head, load_model, read_config
from tieback.recipes.graphs.quantise import quantise
from tieback.recipes.graphs.torch_export import export_network

Scoring = RerankerCard | ClassifierCard | CheckerCard
SEPARATED = 2
"""Special tokens that a pair has at least: one between the texts and one behind them."""


def export(card: RerankerCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    options = card.options_for(CrossEncoder)
    config = open_folder(card, options, weights, out, "sequence")
    check_pairs(out / TOKENIZER)
    signs = signs_of(config, options.config, options.positive)
    backbone = load_model(weights, options.weights, config, options.config, head="sequence")
    return write_scores(card, Scored(backbone, signs), out, report, precision=options.precision)


def open_folder(card: Scoring, options: Any, weights: Path, out: Path, head: Head) -> Any:
    """Puts the tokenizer of a folder into its place, and returns the configuration of its model.

    `options` are the card's. StartupError where they, the tokenizer and the model do not go together.
    """
    torch.set_num_threads(1)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    config = read_config(weights, options.config, head=head)
    check_fit(card, config, vocabulary_of(out / TOKENIZER))
    return config


def write_scores(
    card: Scoring,
    model: Logits | Any,
    out: Path,
    report: Callable[[str], None],
    output: str = SCORE,
    *,
    precision: ScoringPrecision,
) -> dict[str, Any]:
    """Writes the graph of a model that scores; returns how near it is to the model."""
    sample = sample_of(card, vocabulary_of(out / TOKENIZER))
    report("exporting from torch, and checking parity")
    each = [examples(2, sample[:5], model.reads_types), examples(3, sample, model.reads_types)]
    axes = dict.fromkeys(each[0], BY_TOKEN)
    parity = export_network(model, each, out / GRAPH, outputs=[output], dynamic=axes)
    return parity if precision == "float32" else parity | _quantised(out / GRAPH, each[1], output, report)


def _quantised(
    graph: Path, examples: Mapping[str, Tensor], output: str, report: Callable[[str], None]
) -> dict[str, Any]:
    """Puts the int8 graph in the place of the other; returns how far its scores are from those."""
    report("quantising to int8")
    feed = {name: value.numpy() for name, value in examples.items()}
    before = Session(graph).run([output], feed)
    quantise(graph, graph, feed)
    after = Session(graph).run([output], feed)
    return {"int8_difference": float(abs(before[0] - after[0]).max())}


class Logits(torch.nn.Module):
    """Token numbers, mask and, where the model has some, types, to the logits `[batch, n]` of a model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, config = model, model.config
        self.reads_types = (
            TYPES in inspect.signature(model.forward).parameters and getattr(config, "type_vocab_size", 0) > 1
        )
        self._padding: int | None = None
        if hasattr(model, "score"):  # language models find the last token by the number of the padding
            config.pad_token_id = self._padding = config.pad_token_id or 0

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor]:
        """`[batch, tokens]` each."""
        if self._padding is not None:
            input_ids = torch.where(attention_mask > 0, input_ids, self._padding)
        named = {IDS: input_ids, MASK: attention_mask, **self.others(input_ids)}
        if token_type_ids is not None:
            named[TYPES] = token_type_ids
        return (self.scored(torch.as_tensor(self.model(**named).logits)),)

    def others(self, input_ids: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002 - some models need it
        """Further inputs, by the names that the model gives them."""
        return {}

    def scored(self, logits: Tensor) -> Tensor:
        """The output."""
        return logits


class Scored(Logits):
    """The same to scores `[batch]`: the logits, added with the `signs` `[n]`."""

    def __init__(self, model: Any, signs: Tensor) -> None:
        super().__init__(model)
        self._signs = signs

    def scored(self, logits: Tensor) -> Tensor:
        """See `Logits`."""
        return logits @ self._signs


def signs_of(config: Any, name: str, positive: str) -> Tensor:
    """Signs `[logits]` by which logits become one score: one as it is, and of two the positive, less the
    other.

    Then the logistic function of the score is what softmax gives the positive label. StartupError where the
    model has more logits, or no label of that name.
    """
    labels = [str(config.id2label[number]) for number in range(config.num_labels)]
    if len(labels) == 1:
        return torch.ones(1)
    if len(labels) != 2:
        raise StartupError(
            f"{name} is of a model with {len(labels)} logits (id2label), and a reranker has one, the score, "
            "or two, of which one says that a passage answers. To serve its backbone as an encoder, add it "
            "with --pooling NAME"
        )
    if positive not in labels:
        told = f"the folder has no label {positive!r}" if positive else f"{name} has two labels"
        raise StartupError(
            f"{told}; say which of {' and '.join(labels)} is that of a passage that answers: --reranker "
            "LABEL, or positive in the card's options"
        )
    return torch.tensor([1.0, -1.0] if labels[0] == positive else [-1.0, 1.0])


def check_pairs(tokenizer: Path) -> None:
    """StartupError where the tokenizer does not separate two texts."""
    added = Tokenizer.from_file(str(tokenizer)).num_special_tokens_to_add(True)
    if added < SEPARATED:
        raise StartupError(
            f"{tokenizer.name} puts {added} special tokens around two texts, so the model would not see "
            "where the query ends; it needs the post-processor for pairs that the model was trained with"
        )


def examples(batch: int, sample: Tensor, types: bool) -> dict[str, Tensor]:
    """Numbers and mask by name, and with `types` those of which the later half is of the second text."""
    ids, mask = example(batch, sample)
    given = {IDS: ids, MASK: mask}
    return given | {TYPES: (torch.arange(len(sample)) >= len(sample) // 2).long() * mask} if types else given
