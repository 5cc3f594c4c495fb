"""Passages as claims are held against them: cut into sentences, with their vectors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Span
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind
from tieback_contract.vectors import VectorKind

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.text.passage_units import in_bytes
from tieback.core.text.visible import as_displayed
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.methods.grounding import Passage, PassageLabel, Place, Statement
from tieback.ports import EVIDENCE_CHARACTERS, EVIDENCE_SENTENCES, EncoderPort

CUT = EncodePlan(truncation=Truncation.END)
WITH_TOKENS = EncodePlan(
    kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR}), truncation=Truncation.END
)


@dataclass(frozen=True, slots=True)
class CutPassages:
    """Passages cut into sentences: their bytes in each, and the texts of all as they are read."""

    sources: Sequence[Evidence]
    spans: Sequence[Sequence[Span]]
    texts: Sequence[str]

    @property
    def places(self) -> list[Place]:
        """Of each text, the number of its passage and its own within it."""
        return [(number, window) for number, spans in enumerate(self.spans) for window in range(len(spans))]

    @property
    def titles(self) -> list[str]:
        """What each text stands under."""
        return [self.sources[number].title for number, _ in self.places]


class EncodedPassages:
    """Passages whose sentences are encoded one after another; those that are not have zeros and no rows."""

    def __init__(self, cut: CutPassages, width: int) -> None:
        nothing = np.zeros((0, width), np.float32)
        self._places = cut.places
        self._rows = [[nothing] * len(spans) for spans in cut.spans]
        self._vectors = [np.zeros((len(spans), width), np.float32) for spans in cut.spans]
        texts = iter(cut.texts)
        self.passages: Sequence[Passage] = [
            Passage(
                source.text, spans, vectors, rows, _labels(source), source.title, [next(texts) for _ in spans]
            )
            for source, spans, vectors, rows in zip(
                cut.sources, cut.spans, self._vectors, self._rows, strict=True
            )
        ]

    def add(self, read: Mapping[int, Statement]) -> None:
        """Adds what was encoded, by the places of the texts."""
        for place, one in read.items():
            number, window = self._places[place]
            # Where no text of a call has a word, its zeros have another width, and say as little.
            if one.vector.shape == self._vectors[number][window].shape:
                self._vectors[number][window], self._rows[number][window] = one.vector, one.rows


class PassageReader:
    """Reads passages with the vectors of a text space."""

    def __init__(self, encoder: EncoderPort, space: str) -> None:
        self._encoder = encoder
        self._space = space

    async def read(
        self, evidence: Sequence[Evidence], beside: Sequence[str], deadline: Deadline, *, tokens: bool = False
    ) -> tuple[Sequence[Passage], list[Statement]]:
        """The passages, and texts `beside` them that are encoded in the same call.

        With `tokens`, both have the vectors of their tokens. InvalidInput where there is too much to read.
        What is done to the texts is done on a thread.
        """
        cut = await self.cut(evidence, deadline)
        read = await self.statements([*beside, *cut.texts], deadline, tokens=tokens)
        encoded = EncodedPassages(cut, len(read[0].vector) if read else 1)
        encoded.add(dict(enumerate(read[len(beside) :])))
        return encoded.passages, read[: len(beside)]

    async def cut(self, evidence: Sequence[Evidence], deadline: Deadline) -> CutPassages:
        """The passages without vectors yet. InvalidInput where there is too much to read."""
        return await asyncio.to_thread(_cut, evidence, deadline)

    async def statements(
        self, texts: Sequence[str], deadline: Deadline, *, tokens: bool = False
    ) -> list[Statement]:
        """Texts, as displayed, with their unit vectors; one without a word has zeros, and no rows."""
        texts = await asyncio.to_thread(lambda: [as_displayed(text) for text in texts])
        contents = [Content(Modality.TEXT, text) for text in texts]
        plan = WITH_TOKENS if tokens else CUT
        reply = await self._encoder.encode(EncodeRequest(self._space, contents, plan), Call(deadline))
        found: list[Statement | None] = []
        for text, result in zip(texts, reply.results, strict=True):
            if isinstance(result, InvalidInput):
                found.append(None)  # nothing in it that the encoder reads as a word
            elif isinstance(result, TiebackError):
                raise result
            else:
                found.append(_statement(text, result))
        width = next((len(one.vector) for one in found if one is not None), 1)
        nothing, rows = np.zeros(width, np.float32), np.zeros((0, width), np.float32)
        return [
            Statement(text, nothing, rows) if one is None else one
            for text, one in zip(texts, found, strict=True)
        ]


def _labels(source: Evidence) -> list[PassageLabel]:
    return [
        PassageLabel(one.span, one.score, one.place.kind is LocatorKind.TIME_RANGE)
        for one in source.segments
        if one.kind is SegmentKind.LABEL
    ]


def _statement(text: str, encoding: Encoding) -> Statement | None:
    if encoding.vector is None:
        return None
    if encoding.multi_vector is None:
        return Statement(text, np.asarray(encoding.vector.values))
    return Statement(text, np.asarray(encoding.vector.values), np.asarray(encoding.multi_vector.values))


def check_evidence(evidence: Sequence[Evidence], limits: Limits) -> None:
    """InvalidInput where passages are too long, or two have the same id."""
    size = sum(len(source.text) for source in evidence)
    if size > EVIDENCE_CHARACTERS:
        raise InvalidInput(
            f"the evidence has {size} characters and at most {EVIDENCE_CHARACTERS} are read; send fewer or "
            "shorter passages",
            field="evidence",
            reason="TEXT_TOO_LARGE",
        )
    seen: set[str] = set()
    for number, source in enumerate(evidence):
        if source.id in seen:
            raise InvalidInput(
                f"two passages have the id {source.id!r}; citations name passages by it",
                field=at("evidence", number, "id"),
            )
        seen.add(source.id)
        check_text(source.text, limits, at("evidence", number, "text"))


def check_text(text: str, limits: Limits, field: FieldPath) -> None:
    """InvalidInput where a text is longer than texts may be, or cannot be written in UTF-8."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput("the text has a lone surrogate, which is no character", field=field) from None
    if limits.text_bytes and size > limits.text_bytes:
        raise InvalidInput(
            f"the text has {size} bytes and at most {limits.text_bytes} are read; send less of it",
            field=field,
            reason="TEXT_TOO_LARGE",
        )


def _cut(evidence: Sequence[Evidence], deadline: Deadline) -> CutPassages:
    """The sentences of each passage. InvalidInput where they are too many."""
    spans: list[list[Span]] = []
    texts: list[str] = []
    for source in evidence:
        deadline.check("the evidence was read")
        parts = list(in_bytes(source.text, source.title))
        spans.append([span for _, span in parts])
        texts += [one.read for one, _ in parts]
    if len(texts) > EVIDENCE_SENTENCES:
        raise InvalidInput(
            f"the evidence has {len(texts)} sentences and at most {EVIDENCE_SENTENCES} are checked; send "
            "fewer or shorter passages",
            field="evidence",
        )
    return CutPassages(evidence, spans, texts)
