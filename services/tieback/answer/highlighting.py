"""The sentences of hits that say most of a query's words: by these words, and else by vectors.

The index says which sentences have words of the query, and these choose. Vectors choose only where no
sentence of a hit has any: beside words, those of a space that is fast enough found no more of the sentences
that answer a question (`scripts/bench highlights`).
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array, Span
from tieback_contract.encodings import Encoding
from tieback_contract.hits import Highlight, Hit, RetrievedHit
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.order import best_first
from tieback.core.sentences import sentences
from tieback.core.spans import ByteOffsets
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.ports import EVIDENCE_SENTENCES, HIGHLIGHTED_CHARACTERS, EncoderPort

HIGHLIGHTS = "highlights"
"""The step, as the timing names it."""

_CUT = EncodePlan(truncation=Truncation.END)
_Sentence = tuple[Span, str]


class Highlighting:
    """Chooses sentences, where words do not, by an `encoder` in a `space`; an empty one chooses none."""

    def __init__(self, encoder: EncoderPort, space: str, limits: Limits) -> None:
        self._encoder, self._space = encoder, space
        self._most = limits.batch_items or EVIDENCE_SENTENCES

    async def highlighted(
        self,
        found: Sequence[RetrievedHit],
        words: str,
        most: int,
        watch: Stopwatch,
        deadline: Deadline,
    ) -> list[RetrievedHit]:
        """The hits, those of texts with the best `most` sentences, best first; 0 for none."""
        if not most or not found:
            return list(found)
        with watch.stage(HIGHLIGHTS):
            texts = list(dict.fromkeys(hit.text for hit in _hits(found) if _is_open(hit)))
            similar: Mapping[str, Sequence[Highlight]] = {}
            if self._space and texts:
                cut = await asyncio.to_thread(_cut, texts)
                try:
                    vectors = await self._vectors(
                        [words, *(text for some in cut for _, text in some)], deadline
                    )
                except TiebackError:
                    pass  # such hits have no highlights then
                else:
                    similar = dict(zip(texts, _compared(cut, vectors), strict=True))
            return [_with(one, similar, most) for one in found]

    async def _vectors(self, texts: Sequence[str], deadline: Deadline) -> list[Array | None]:
        """A unit vector of each text; None where the encoder reads no word in it."""
        vectors: list[Array | None] = []
        for begin in range(0, len(texts), self._most):
            contents = [Content(Modality.TEXT, text) for text in texts[begin : begin + self._most]]
            reply = await self._encoder.encode(
                EncodeRequest(self._space, contents, _CUT), Call(hop(deadline))
            )
            vectors += [_unit(one) if isinstance(one, Encoding) else None for one in reply.results]
        return vectors


def _hits(found: Sequence[RetrievedHit]) -> Iterator[Hit]:
    for one in found:
        yield one.hit
        yield from _hits(one.sections)


def _cut(texts: Sequence[str]) -> list[list[_Sentence]]:
    """The sentences of each text with their bytes; of long texts the beginning, all alike."""
    most = max(EVIDENCE_SENTENCES // len(texts), 1)
    return [list(_sentences(text[:HIGHLIGHTED_CHARACTERS], most)) for text in texts]


def _sentences(text: str, most: int) -> Iterator[_Sentence]:
    offsets = ByteOffsets(text)
    for begin, end in sentences(text)[:most]:
        yield offsets.span(begin, end), text[begin:end]


def _unit(encoding: Encoding) -> Array | None:
    if encoding.vector is None:
        return None
    values = np.asarray(encoding.vector.values, np.float32)
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else None


def _is_open(hit: Hit) -> bool:
    """Whether the hit is a text of which no sentence was chosen by its words."""
    return hit.modality is Modality.TEXT and not hit.highlights and bool(hit.text.strip())


def _compared(
    cut: Sequence[Sequence[_Sentence]], vectors: Sequence[Array | None]
) -> Iterator[list[Highlight]]:
    """The sentences of each text by their similarity to the first vector, which is the query's."""
    query, rest = vectors[0], iter(vectors[1:])
    for some in cut:
        each = [(span, next(rest)) for span, _ in some]
        found = [
            Highlight(span, 0.0, float(query @ vector))
            for span, vector in each
            if query is not None and vector is not None
        ]
        similar = np.array([one.similarity for one in found], np.float64)
        yield [found[place] for place in best_first(similar, lambda place: place)]


def _with(one: RetrievedHit, similar: Mapping[str, Sequence[Highlight]], most: int) -> RetrievedHit:
    chosen = one.hit.highlights or (similar.get(one.hit.text, ()) if _is_open(one.hit) else ())
    return dataclasses.replace(
        one,
        hit=dataclasses.replace(one.hit, highlights=chosen[:most]),
        sections=[_with(other, similar, most) for other in one.sections],
    )
