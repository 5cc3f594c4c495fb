"""Check that a peer works here: it starts, computes what tieback computes, and answers in so much time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tieback.catalog.catalog import Catalog
from tieback.core.types.encoding import Truncation
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer

from benchmarks.load.target import Target
from benchmarks.peers.peer import Peer

SPACE = "all-minilm-l6-v2"
SHORT = "A man is playing a guitar on the stage."
# Lengths of 3 to about 180 tokens, in an order that no batcher would choose.
TEXTS = [f"{SHORT} " * (1 + 7 * number % 17) + f"It was number {number}." for number in range(40)]
WARM_UP, CALLS = 5, 50


@dataclass(frozen=True)
class Checked:
    """Results of a check."""

    ready_seconds: float
    cosine: float
    p50_milliseconds: float


def check(peer: Peer) -> Checked:
    """Starts the peer, asks it, and ends it. StartError where it does not start."""
    card = next(card for card in Catalog.load().encoders() if card.name == SPACE)
    stored = Store().open(card)
    graph, tokenizer = stored.path("model.onnx"), stored.path("tokenizer.json")
    assert card.max_tokens is not None
    begun = time.monotonic()
    with peer.serve(graph, tokenizer, card.max_tokens) as target:
        ready = time.monotonic() - begun
        vectors, milliseconds = asyncio.run(_ask(target))
    cosines = (vectors * _expected(graph, tokenizer, card.max_tokens)).sum(axis=1)
    return Checked(ready, float(cosines.min()), statistics.median(milliseconds))


def _expected(graph: Path, tokenizer: Path, max_tokens: int) -> NDArray[np.float32]:
    """Vectors that tieback computes for the texts, each alone, [n, width]."""
    session = Session(graph)
    tokenise = TextTokenizer(tokenizer, max_tokens=max_tokens, special_tokens=True)
    rows = []
    for text in TEXTS:
        ids = tokenise(text, Truncation.REFUSE)[0].ids[None]
        rows.append(session.run(["dense"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
    return np.array(rows, np.float32)


async def _ask(target: Target) -> tuple[NDArray[np.float32], Sequence[float]]:
    """The texts' vectors, half of them by one request and the others one by one; and a short text's times."""
    await target.open()
    try:
        half = len(TEXTS) // 2
        together, *single = await asyncio.gather(
            target.encode(TEXTS[:half]), *(target.encode([text]) for text in TEXTS[half:])
        )
        milliseconds = []
        for _ in range(WARM_UP + CALLS):
            begun = time.perf_counter()
            await target.encode([SHORT])
            milliseconds.append(1e3 * (time.perf_counter() - begun))
    finally:
        await target.close()
    return np.concatenate([together, *single]), milliseconds[WARM_UP:]
