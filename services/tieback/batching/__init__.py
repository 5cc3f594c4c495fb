"""Batching by measured cost: `Batcher` runs waiting items in batches on one thread of its own."""

from tieback.batching.batcher import NOT_LEARNING, Batcher, BatchReport, Learning
from tieback.batching.request import Batched, HasTokens

__all__ = ["NOT_LEARNING", "BatchReport", "Batched", "Batcher", "HasTokens", "Learning"]
