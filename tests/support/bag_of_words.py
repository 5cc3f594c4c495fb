"""A real encoder made small: hashed bags of words, computed in NumPy, with knobs for time and for faults."""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

WIDTH = 32
TERMS = 1000
POISON = "poison"


def card(directory: Path, name: str = "bag-of-words", **changes: object) -> EncoderCard:
    """The card of such an encoder; `directory` stands for its weights."""
    facts: dict[str, object] = {
        "name": name,
        "description": "Hashed bags of words.",
        "license": "Apache-2.0",
        "upstream": "this file",
        "runtime": "static_text",
        "options": {"weights": "table.safetensors", "tensor": "table"},
        "directory": directory,
        "modality": Modality.TEXT,
        "width": WIDTH,
        "widths": (8, 16, WIDTH),
        "kinds": set(VectorKind),
        "max_tokens": 256,
    }
    return EncoderCard(**(facts | changes))


class BagOfWords:
    """The direction of a text is the sum of one pseudo-random direction per word.

    `seconds` is what a token of padded work takes; while `paused`, a run waits at its end. A text with the
    word `POISON` makes the run of its whole batch fail.
    """

    def __init__(self, card: EncoderCard, *, pads: bool = True, seconds: float = 0.0) -> None:
        self.card, self.pads, self.seconds = card, pads, seconds
        self.batches: list[list[str]] = []
        self.running, self._free = threading.Event(), threading.Event()
        self._free.set()

    @property
    def sizes(self) -> Sequence[int]:
        longest = self.card.max_tokens or 256
        return [size for size in (8, 32, 128) if size < longest] + [longest]

    @property
    def terms(self) -> Sequence[str]:
        return [f"term {number}" for number in range(TERMS)]

    def sample(self, tokens: int) -> Prepared:
        return Prepared(tokens, ["sample"] * tokens)

    @property
    def window(self) -> int | None:
        return self.card.max_tokens

    def starts(self, text: str) -> Array:
        return np.array([word.start() for word in re.finditer(r"\S+", text)], np.int64)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        text = content.data
        if isinstance(text, TokenNumbers):  # every number is a word
            text = " ".join(map(str, text.ids))
        assert isinstance(text, str)
        if len(text) > limits.text_bytes:
            raise InvalidInput(f"the text has more than {limits.text_bytes} bytes", field="text")
        if "\0" in text:
            raise InvalidInput("the text holds NUL", field="text")
        words = text.split()
        longest = self.card.max_tokens or len(words)
        if len(words) > longest and plan.truncation is Truncation.REFUSE:
            raise InvalidInput(f"the text has {len(words)} tokens; at most {longest} are read", field="text")
        return Prepared(min(len(words), longest), words[:longest], max(len(words) - longest, 0))

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        self.batches.append([" ".join(prepared.payload) for prepared in batch])
        self.running.set()
        self._free.wait()
        longest = max(prepared.tokens for prepared in batch)
        if self.seconds:
            padded = longest * len(batch) if self.pads else sum(prepared.tokens for prepared in batch)
            time.sleep(self.seconds * padded)
        if any(POISON in prepared.payload for prepared in batch):
            raise RuntimeError("the kernel fell over")
        return [_encode(prepared.payload, plan.kinds) for prepared in batch]

    def warm_up(self) -> None:
        self.run([Prepared(1, ["warm"])], EncodePlan(kinds=self.card.kinds))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Holds the next run until the block ends."""
        self._free.clear()
        self.running.clear()
        try:
            yield
        finally:
            self._free.set()


def direction(word: str) -> Array:
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(WIDTH).astype(np.float32)


def dense(text: str) -> Array:
    """What the model gives for a text."""
    total = sum((direction(word) for word in text.split()), np.zeros(WIDTH, np.float32))
    return total / max(float(np.linalg.norm(total)), 1e-12)


def _encode(words: list[str], kinds: frozenset[VectorKind]) -> RawEncoding:
    rows, locators = None, None
    if VectorKind.MULTI_VECTOR in kinds:
        rows = np.array([direction(word) for word in words], np.float32).reshape(-1, WIDTH)
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        lengths = np.array([len(word.encode()) for word in words], np.int64)
        ends = np.cumsum(lengths + 1) - 1
        begins = ends - lengths
        locators = Locators.of(LocatorKind.BYTE_SPAN, np.stack((begins, ends), axis=1))
    labels = [Label("text", 0, 1.0)] if VectorKind.LABELS in kinds else []
    return RawEncoding(
        dense(" ".join(words)) if VectorKind.DENSE in kinds else None,
        rows,
        locators,
        labels,
        sparse(words) if VectorKind.SPARSE in kinds else None,
    )


def sparse(words: Sequence[str]) -> tuple[Array, Array]:
    """A term's weight is how often its words come."""
    terms = [zlib.crc32(word.encode()) % TERMS for word in words]
    indices, counts = np.unique(np.array(terms, np.int32), return_counts=True)
    return indices, counts.astype(np.float32)
