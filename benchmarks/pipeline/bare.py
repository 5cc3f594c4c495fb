"""The pipeline's stages without the platform: the encoders' sessions, faiss and full text, called directly.

They run in this process, on as many threads as the machine has cores, each stage after the one before it for
all queries in flight at once: every batch is as large as can be, nothing waits, nothing is converted, nothing
is sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from tieback.answer.ingesting.headings import headed, titles
from tieback.collections.words import Words, analysed_sections
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.fusion import Role
from tieback.index.store.reading import TableReader
from tieback.models.encoder_model import EncoderModel, Prepared
from tieback.models.loading import load_encoder
from tieback.serving.plan import Plan
from tieback.serving.plan.assembly import open_store
from tieback.serving.settings import Settings
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks.speed.limit import POLICIES, Policy

SAMPLE = 64
DEPTH = 100
THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class BareSpace:
    """An encoder and what the pipeline asks of it."""

    model: EncoderModel
    plan: EncodePlan

    def prepare(self, contents: Sequence[Content]) -> list[Prepared]:
        """Tokenises or decodes; what is too long is cut off."""
        return [self.model.prepare(one, self.plan, Limits()) for one in contents]

    def run(self, ready: Sequence[Prepared], policy: Policy) -> None:
        """Runs them in the batches that the policy makes."""
        for places in policy.batches([one.tokens for one in ready]):
            self.model.run([ready[place] for place in places], self.plan)

    def best(self, ready: Sequence[Prepared]) -> Policy:
        """The policy that is fastest for these, the better of two tries each."""
        return min(POLICIES, key=lambda one: min(seconds_of(lambda: self.run(ready, one)) for _ in range(2)))


class BareEncoders:
    """The spaces that the pipeline asks of contents of a modality, each on a thread of its own."""

    def __init__(self, modality: Modality, role: Role, spaces: Sequence[str] = ()) -> None:
        settings = Settings(spaces=tuple(spaces))
        plan = Plan(settings)
        joint_inputs, store = plan.joint_inputs, open_store(settings)
        names = joint_inputs.spaces.get(modality, ())
        self.spaces = [
            BareSpace(load_encoder(card, store), joint_inputs.plan(card.name, modality, role, Truncation.END))
            for card in plan.encoders
            if card.name in names
        ]
        self._modality = modality
        self._threads = ThreadPoolExecutor(max(len(self.spaces), 1))
        self._best: dict[int, list[Policy]] = {}

    def seconds(self, inputs: Sequence[str | bytes], *, together: int = 0) -> float:
        """Seconds to encode all inputs, `together` at once (0: all), in the batches that were found best.

        Reading them, by a tokeniser or a decoder, is part of it.
        """
        contents = [Content(self._modality, one) for one in inputs]
        at_once = together or len(contents)
        if at_once not in self._best:
            sample = contents[: min(at_once, SAMPLE)]
            self._best[at_once] = [space.best(space.prepare(sample)) for space in self.spaces]

        def encode(space: BareSpace, policy: Policy) -> None:
            for begin in range(0, len(contents), at_once):
                space.run(space.prepare(contents[begin : begin + at_once]), policy)

        return seconds_of(lambda: list(self._threads.map(encode, self.spaces, self._best[at_once])))


class BareSearch:
    """The vectors and the words of a stored collection, from its table."""

    def __init__(self, table: Path) -> None:
        rows = [
            (
                np.asarray(batch.column("vector").flatten(), np.float32).reshape(batch.num_rows, -1),
                batch.column("text").to_pylist(),
            )
            for batch in TableReader(table).scan(["vector", "text"])
        ]
        self.vectors = np.concatenate([vectors for vectors, _ in rows])
        self._index: Any = faiss.IndexFlatIP(self.vectors.shape[1])
        self._index.add(self.vectors)
        texts = [text or "" for _, some in rows for text in some]
        self._words = Words()
        self._words.put(np.arange(len(texts)), analysed_sections(texts))
        self._threads = ThreadPoolExecutor(THREADS, initializer=lambda: faiss.omp_set_num_threads(1))

    def vector_seconds(self, count: int, *, together: int) -> float:
        """Seconds for so many searches, `together` at once, each share of them on a thread."""
        queries = self.vectors[np.random.default_rng(0).integers(0, len(self.vectors), count)]

        def work() -> None:
            for begin in range(0, count, together):
                shares = np.array_split(queries[begin : begin + together], min(THREADS, together))
                list(self._threads.map(lambda some: self._index.search(some, DEPTH), shares))

        return seconds_of(work)

    def text_seconds(self, words: Sequence[str], *, together: int) -> float:
        """Seconds to score all sections by each of these words, and to pick the best."""

        def best(one: str) -> Array:
            _, shares, *_ = self._words.shares(one)
            return np.argpartition(shares, -DEPTH) if len(shares) > DEPTH else shares

        if together == 1:
            return seconds_of(lambda: [best(one) for one in words])
        return seconds_of(lambda: list(self._threads.map(best, words)))


def texts_of(table: Path) -> list[str]:
    """The texts of the sections that a table holds, as they were encoded: with their headings."""
    columns = ["item_title", "section_title", "text"]
    return [
        headed(titles(*over), text)
        for batch in TableReader(table).scan(columns)
        for *over, text in zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    ]


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
