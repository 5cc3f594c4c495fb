"""Batching by tokens: `Batcher` runs waiting items in batches on one thread of its own."""

from tieback.batching.batcher import Batched, Batcher, BatchReport, Weighed

__all__ = ["BatchReport", "Batched", "Batcher", "Weighed"]
