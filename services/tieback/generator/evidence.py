"""A request's passages as the generator uses them: cut into sentences, in vectors, ranked for a question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.sentences import sentences
from tieback.core.types.arrays import Array
from tieback.core.types.content import Content, Modality
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.generation import Evidence
from tieback.generator.relevance import window_relevance
from tieback.methods.grounding import Passage, words_of
from tieback.ports import EVIDENCE_CHARACTERS, EVIDENCE_SENTENCES, EncoderPort

CUT = EncodePlan(truncation=Truncation.END)


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """Passages in the request's order, each with how its windows bear on the question, 0 to 1 `[windows]`."""

    sources: Sequence[Evidence]
    passages: Sequence[Passage]
    relevances: Sequence[Array]

    @property
    def relevance(self) -> float:
        """How well the best window bears on the question; 0 without any."""
        return max((float(values.max()) for values in self.relevances if len(values)), default=0.0)

    def excerpt(self, most: int) -> list[str]:
        """The most relevant sentences, those of a passage together in their order, the best passage last.

        A small model takes what stands nearest to the question for the answer, and is lost in more than it
        needs.
        """
        ranked = sorted(
            (
                (-float(value), number, window)
                for number, values in enumerate(self.relevances)
                for window, value in enumerate(values)
            )
        )[:most]
        chosen: dict[int, list[int]] = {}
        for _, number, window in ranked:
            chosen.setdefault(number, []).append(window)
        return [self._text(number, sorted(windows)) for number, windows in reversed(chosen.items())]

    def _text(self, number: int, windows: Sequence[int]) -> str:
        passage = self.passages[number]
        encoded = passage.text.encode()
        spans = (passage.windows[window] for window in windows)
        return " ".join(encoded[begin:end].decode() for begin, end in spans)


class EvidenceReader:
    """Reads passages with the vectors of a text space."""

    def __init__(self, encoder: EncoderPort, space: str) -> None:
        self._encoder = encoder
        self._space = space

    async def read(self, question: str, evidence: Sequence[Evidence], deadline: Deadline) -> ReadEvidence:
        """Encodes the question and every sentence. InvalidInput where there is too much to read.

        What is done to the texts is done on a thread.
        """
        cut, texts = await asyncio.to_thread(_cut, evidence, deadline)
        vectors = await self.vectors([question, *texts], deadline)
        bounds = np.cumsum([1, *map(len, cut)])
        passages = [
            Passage(source.text, spans, vectors[begin:end])
            for source, spans, begin, end in zip(evidence, cut, bounds[:-1], bounds[1:], strict=True)
        ]
        relevances = await asyncio.to_thread(_relevances, question, vectors[0], passages, deadline)
        return ReadEvidence(evidence, passages, relevances)

    async def vectors(self, texts: Sequence[str], deadline: Deadline) -> Array:
        """Unit vectors `[texts, width]`; a text without a word gets zeros."""
        contents = [Content(Modality.TEXT, text) for text in texts]
        reply = await self._encoder.encode(self._space, contents, CUT, deadline=deadline)
        rows: list[Array | None] = []
        for result in reply.results:
            if isinstance(result, InvalidInput):
                rows.append(None)  # nothing in it that the encoder reads as a word
            elif isinstance(result, TiebackError):
                raise result
            else:
                rows.append(result.dense.values if result.dense is not None else None)
        width = next((len(row) for row in rows if row is not None), 1)
        return np.stack([np.zeros(width, np.float32) if row is None else row for row in rows])


def check_size(evidence: Sequence[Evidence]) -> None:
    """Raises InvalidInput where the passages are too long to be read."""
    size = sum(len(source.text) for source in evidence)
    if size > EVIDENCE_CHARACTERS:
        raise InvalidInput(
            f"the evidence has {size} characters and at most {EVIDENCE_CHARACTERS} are read; send fewer or "
            "shorter passages",
            field="evidence",
            reason="TEXT_TOO_LARGE",
        )


def _cut(evidence: Sequence[Evidence], deadline: Deadline) -> tuple[list[list[tuple[int, int]]], list[str]]:
    """The sentences of each passage, in bytes, and the texts of all. InvalidInput where they are too many."""
    cut: list[list[tuple[int, int]]] = []
    texts: list[str] = []
    for source in evidence:
        deadline.check("the evidence was read")
        cut.append(list(_windows(source.text, texts)))
    if len(texts) > EVIDENCE_SENTENCES:
        raise InvalidInput(
            f"the evidence has {len(texts)} sentences and at most {EVIDENCE_SENTENCES} are checked; send "
            "fewer or shorter passages",
            field="evidence",
        )
    return cut, texts


def _windows(text: str, texts: list[str]) -> Iterator[tuple[int, int]]:
    """The sentences of a passage, in bytes; their texts are appended."""
    at, byte = 0, 0
    for begin, end in sentences(text):
        first = byte + len(text[at:begin].encode())
        texts.append(text[begin:end])
        byte = first + len(texts[-1].encode())
        at = end
        yield first, byte


def _relevances(question: str, vector: Array, passages: Sequence[Passage], deadline: Deadline) -> list[Array]:
    found, asked = [], words_of(question)
    for passage in passages:
        deadline.check("the evidence was read")
        found.append(window_relevance(asked, vector, passage))
    return found
