"""Waits for what a collection learns in the background."""

from __future__ import annotations

import asyncio

from tieback.index import Index


async def until_learned(index: Index, name: str) -> int:
    """Waits until the collection has learned its codec; from how many vectors."""
    for _ in range(3000):
        if trained_on := (await index.get_collection(name)).codec_trained_on:
            return trained_on
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} has not learned its codec")
