"""Checkers: a classifier of a transformers folder as a graph that gives the probabilities of outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.claim_labels import OUTCOMES, Outcome
from tieback.catalog.runtimes.claim_classifier import ClaimClassifier
from tieback.core.errors import StartupError
from tieback.models.text.claim_classifier import PROBABILITIES
from tieback.models.text.transformer_text import TOKENIZER
from tieback.recipes.export.cross_encoder import Logits, check_pairs, open_folder, write_scores
from tieback.recipes.graphs.backbone import Head, load_model

HEADS: Mapping[str, Head] = {
    "sequence": "sequence",
    "tokens": "tokens",
    "first_token": "tokens",
    "next_token": "language",
}
T5 = "t5"
SHOWN = 12


def export(card: CheckerCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    options = card.options_for(ClaimClassifier)
    config = open_folder(card, options, weights, out, HEADS[options.head])
    if len(card.inputs) == 2:
        check_pairs(out / TOKENIZER)
    if options.head == "next_token" and config.model_type != T5:
        raise StartupError(f"head: next_token is for {T5}, and {options.config} is of {config.model_type}")
    words = _words(out / TOKENIZER, options) if options.head == "next_token" else None
    outcomes = outcomes_of(
        list(options.labels) if words else labels_of(config), options.labels, options.config
    )
    loaded = load_model(weights, options.weights, config, options.config, head=HEADS[options.head])
    model = Classified(loaded, config, outcomes, options.head, words)
    return write_scores(card, model, out, report, PROBABILITIES, precision=options.precision)


class Classified(Logits):
    """Token numbers, mask and, where the model has some, types, to probabilities of the outcomes.

    `outcomes` `[labels, outcomes]` says what each label means. Of one logit the sigmoid is that of the label.
    """

    def __init__(
        self, model: torch.nn.Module, config: Any, outcomes: Tensor, head: str, words: list[int] | None
    ) -> None:
        super().__init__(model)
        self._head, self._words, self._outcomes = head, words, outcomes
        self._begin = int(getattr(config, "decoder_start_token_id", None) or 0)

    def others(self, input_ids: Tensor) -> Mapping[str, Tensor]:
        """The token that an answer begins with."""
        if self._words is None:
            return {}
        return {"decoder_input_ids": torch.full_like(input_ids[:, :1], self._begin)}

    def scored(self, logits: Tensor) -> Tensor:
        """See the class."""
        if self._words is not None:
            logits = logits[:, 0][:, self._words]
        if self._head == "first_token":
            logits = logits[:, 0]
        if logits.shape[-1] == 1:
            likely = torch.sigmoid(logits)
            return likely * self._outcomes[0] + (1 - likely) * self._outcomes[1]
        return torch.softmax(logits, dim=-1) @ self._outcomes


def labels_of(config: Any) -> list[str]:
    """The names of a model's labels, in the order of its logits."""
    return [str(config.id2label[number]) for number in range(config.num_labels)]


def outcomes_of(names: list[str], labels: Mapping[str, Outcome], config: str) -> Tensor:
    """Meanings of the labels `[labels, outcomes]`; of a single one, those of its opposite as well.

    StartupError where a label of the model has no meaning, or one of the card's is none of the model's.
    """
    lacking = [name for name in names if name not in labels]
    unknown = [name for name in labels if name not in names]
    if lacking or unknown:
        raise StartupError(
            f"{config} has the labels {', '.join(names[:SHOWN])} (id2label); the card's labels say what each "
            f"of them means, and no other: {', '.join((unknown or lacking)[:SHOWN])}"
        )
    meant = [OUTCOMES.index(labels[name]) for name in names]
    if len(meant) == 1:
        meant.append(OUTCOMES.index("unsupported"))
    return torch.eye(len(OUTCOMES))[meant]


def _words(tokenizer: Path, options: ClaimClassifier) -> list[int]:
    """The numbers of the words that are labels."""
    known = Tokenizer.from_file(str(tokenizer))
    numbers: list[int] = []
    for word in options.labels:
        number = known.token_to_id(word)
        if number is None:
            raise StartupError(f"{tokenizer.name} has no token {word!r}, which the card's labels name")
        numbers.append(number)
    if len(numbers) < 2:
        raise StartupError("head: next_token compares words: the card's labels have two at least")
    return numbers
