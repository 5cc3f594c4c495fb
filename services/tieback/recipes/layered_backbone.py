"""A transformer whose layers are known: what poolings and exits read in an exported graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LayeredBackbone(torch.nn.Module):
    """A transformers encoder as the states of its layers."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    @property
    def layers(self) -> int:
        """How many there are."""
        return int(self.model.config.num_hidden_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """`[batch, tokens]` twice to layers + 1 states `[batch, tokens, width]`, the embeddings first."""
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        # A norm behind the last layer is in the last state alone.
        return (*found.hidden_states[:-1], found.last_hidden_state)
