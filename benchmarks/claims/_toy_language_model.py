"""A language model of two layers that learns a toy language, is frozen, and then reads soft tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tieback.training.loop import Plan, batch, train
from tieback_contract.arrays import Array
from tieback_lab.recipes.train.soft_reading import Bridge, FrozenReader, Reading
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH, LAYERS, HEADS = 96, 2, 4
BEGIN = 0
"""The token that all prompts begin with."""


def language_model(vocabulary: int, seed: int) -> Any:
    """Untrained, in the shape of Llama."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=512,
            tie_word_embeddings=False, bos_token_id=None, eos_token_id=None, pad_token_id=None,
        )
    )  # fmt: skip


def learn_language(
    model: Any, sample: Callable[[np.random.Generator], tuple[Array, Array]], plan: Plan
) -> float:
    """Trains all of the model on texts `[n, length]` that `sample` draws, to predict the tokens that are True
    in the mask beside them. Returns the last loss.
    """
    draw = np.random.default_rng(plan.seed)

    def loss(_: torch.Generator) -> Tensor:
        texts, wanted = map(torch.from_numpy, sample(draw))
        logits = model(input_ids=texts[:, :-1]).logits
        return cross_entropy(logits[wanted[:, 1:]], texts[:, 1:][wanted[:, 1:]])

    history = train(model, loss, plan)
    model.eval()
    return history.losses[-1][1]


@torch.no_grad()
def right(reader: FrozenReader, readings: Sequence[Reading], bridge: Bridge) -> float:
    """The share of the answers, of one token each, that the model gives."""
    found = []
    for begin in range(0, len(readings), 100):
        logits, wanted = reader.logits(readings[begin : begin + 100], bridge)
        found.append((logits.argmax(dim=1) == wanted).numpy())
    return float(np.concatenate(found).mean())


def batches(rows: int, size: int, seed: int) -> Callable[[], list[int]]:
    """Draws places of rows."""
    draw = torch.Generator().manual_seed(seed)
    return lambda: batch(rows, size, draw).tolist()
