"""Memory that a transformer takes for a batch beside its weights, and the longest text that has room."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PLAIN, ROWS = 256, 256
"""Tokens up to which attention in blocks is computed whole, and the most rows of a block."""
METRIC = "working_memory"
"""Its place among the metrics of an export."""


@dataclass(frozen=True, slots=True)
class WorkingMemory:
    """The numbers of a layer that decide: heads, width, and the width inside the feed-forward layer.

    `blocks` is the width of all heads together where attention is computed in blocks, and 0 where it is not.
    """

    heads: int
    width: int
    inner: int
    blocks: int = 0

    @classmethod
    def of(cls, config: Any, *, in_blocks: bool) -> WorkingMemory | None:
        """By a configuration of transformers; None where it says no heads or width."""
        heads, width = (getattr(config, name, None) for name in ("num_attention_heads", "hidden_size"))
        if not heads or not width:
            return None
        names = ("intermediate_size", "hidden_dim", "d_ff", "ffn_dim")
        inner = next((found for name in names if (found := getattr(config, name, None))), 4 * width)
        each = getattr(config, "head_dim", None) or width // heads
        return cls(int(heads), int(width), int(inner), max(int(heads * each), width) if in_blocks else 0)

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

        In blocks 4 · texts · tokens · (26 · blocks + 2 · inner + 3 · `ROWS`), and tokens² of at most `PLAIN`
        tokens: the heads' vectors are there several times, as read, repeated, padded and joined, and a block
        of scores of one head three times. Measured at 8,192 tokens: XLM-R 0.53 GB of 0.89, ModernBERT 0.60
        of 0.77, Qwen3 1.63 of 1.98.
        """
        short = min(tokens, PLAIN) if self.blocks else tokens
        return texts * (self._of_a_token * tokens + self._of_a_pair * short**2)

    def tokens_within(self, most: int) -> int:
        """The longest text that takes no more than `most` bytes by itself; at least one token."""
        linear, square = self._of_a_token, self._of_a_pair
        if self.blocks and most >= self.bytes(1, PLAIN):
            return (most - square * PLAIN**2) // linear
        tokens = (math.isqrt(linear**2 + 4 * square * most) - linear) // (2 * square)
        return max(1, tokens)

    @property
    def _of_a_token(self) -> int:
        if self.blocks:
            return 4 * (26 * self.blocks + 2 * self.inner + 3 * ROWS)
        return 4 * (6 * self.width + 2 * self.inner)

    @property
    def _of_a_pair(self) -> int:
        return 4 * (3 * self.heads + 4)
