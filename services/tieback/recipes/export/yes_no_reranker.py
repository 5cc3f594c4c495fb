"""Rerankers that answer yes or no: a causal language model as a graph with the score of its last token.

Of the language head, which is as large as the vocabulary, the rows of the two answers are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tieback.catalog.card import RerankerCard
from tieback.catalog.runtimes.yes_no_reranker import YesNoReranker
from tieback.core.errors import StartupError
from tieback.models.text.transformer_text import TOKENIZER
from tieback.recipes.export.cross_encoder import open_folder, write_scores
from tieback.recipes.graphs.backbone import load_model


def export(card: RerankerCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the model."""
    options = card.options_for(YesNoReranker)
    config = open_folder(card, options, weights, out, "next")
    answers = [_number(out / TOKENIZER, word) for word in (options.yes, options.no) if word]
    loaded = load_model(weights, options.weights, config, options.config, head="next")
    return write_scores(card, Answered(loaded, answers), out, report, precision=options.precision)


class Answered(torch.nn.Module):
    """Token numbers and mask to scores `[batch]`: the logit of yes behind the last token, less that of no."""

    reads_types = False

    def __init__(self, model: Any, answers: list[int]) -> None:
        super().__init__()
        self.model = model.base_model
        head = model.get_output_embeddings()
        self.rows = torch.nn.Parameter(head.weight.detach()[answers].clone())
        self.bias = torch.zeros(len(answers)) if head.bias is None else head.bias.detach()[answers].clone()
        self._cap = getattr(model.config, "final_logit_softcapping", None)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor]:
        """`[batch, tokens]` each; the padding is behind the texts, so no token sees it."""
        states = self.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        last = states[torch.arange(states.shape[0]), mask.sum(dim=1) - 1]
        logits = torch.nn.functional.linear(last, self.rows, self.bias)
        if self._cap is not None:
            logits = self._cap * torch.tanh(logits / self._cap)
        return (logits[:, 0] - logits[:, 1:].sum(dim=1),)


def _number(tokenizer: Path, word: str) -> int:
    number = Tokenizer.from_file(str(tokenizer)).token_to_id(word)
    if number is None:
        raise StartupError(f"{tokenizer.name} has no token {word!r}, which the card's yes or no names")
    return int(number)
