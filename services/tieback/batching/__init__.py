"""Batching by measured cost: `Batcher` runs waiting items in batches on one thread of its own."""

from tieback.batching.batcher import Batcher, BatchReport
from tieback.batching.request import Batched, HasTokens

__all__ = ["BatchReport", "Batched", "Batcher", "HasTokens"]
