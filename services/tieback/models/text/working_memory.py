"""Memory that a transformer takes for a batch beside its weights, and the longest text that has room."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

METRIC = "working_memory"
"""Its place among the metrics of an export."""


@dataclass(frozen=True, slots=True)
class WorkingMemory:
    """The numbers of a layer that decide: heads, width, and the width inside the feed-forward layer."""

    heads: int
    width: int
    inner: int

    @classmethod
    def of(cls, config: Any) -> WorkingMemory | None:
        """By a configuration of transformers; None where it says no heads or width."""
        heads, width = (getattr(config, name, None) for name in ("num_attention_heads", "hidden_size"))
        if not heads or not width:
            return None
        names = ("intermediate_size", "hidden_dim", "d_ff", "ffn_dim")
        inner = next((found for name in names if (found := getattr(config, name, None))), 4 * width)
        return cls(int(heads), int(width), int(inner))

    @classmethod
    def read(cls, metrics: Mapping[str, Any]) -> WorkingMemory | None:
        """As an export kept it; None for one that kept none."""
        return cls(**metrics[METRIC]) if METRIC in metrics else None

    def metrics(self) -> dict[str, Any]:
        """To be kept with an export."""
        return {METRIC: asdict(self)}

    def bytes(self, texts: int, tokens: int) -> int:
        """Of a batch of so many texts, padded to so many tokens: the largest that are needed at one time.

        4 · texts · tokens · (6 · width + 2 · inner) + 4 · texts · tokens² · (3 · heads + 4): in one layer
        the states before and behind it, queries, keys, values and their outcome, the feed-forward layer
        before and behind its activation, and three times the scores of attention and four times a mask
        of tokens by tokens, as was measured: BERT and Qwen3 take less, ModernBERT as much. Layers follow
        one another, so their number does not count.
        """
        return texts * (self._of_a_token * tokens + self._of_a_pair * tokens**2)

    def tokens_within(self, most: int) -> int:
        """The longest text that takes no more than `most` bytes by itself; at least one token."""
        linear, square = self._of_a_token, self._of_a_pair
        tokens = (math.isqrt(linear**2 + 4 * square * most) - linear) // (2 * square)
        return max(1, tokens)

    @property
    def _of_a_token(self) -> int:
        return 4 * (6 * self.width + 2 * self.inner)

    @property
    def _of_a_pair(self) -> int:
        return 4 * (3 * self.heads + 4)
