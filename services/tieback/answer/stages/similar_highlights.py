"""The sentences of hits that say most of a query's words: by these words, and else by vectors.

The index says which sentences have words of the query, and these choose. Vectors choose only where no
sentence of a hit has any: beside words, those of a space that is fast enough found no more of the sentences
that answer a question (`scripts/bench highlights`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array, Span
from tieback_contract.encodings import Encoding
from tieback_contract.hits import Highlight, Hit, RetrievedHit
from tieback_contract.modality import Modality

from tieback.answer.stages.state import Retrieving
from tieback.answer.stages.step import Step
from tieback.answer.stopwatch import hop
from tieback.core.call import Call
from tieback.core.errors import TiebackError
from tieback.core.order import best_first
from tieback.core.text.sentences import sentences
from tieback.core.text.spans import ByteOffsets
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.ports import EVIDENCE_SENTENCES, HIGHLIGHTED_CHARACTERS

_CUT = EncodePlan(truncation=Truncation.END)
_Sentence = tuple[Span, str]


async def _highlight(state: Retrieving) -> None:
    """Gives texts their best sentences, best first."""
    most, found = state.plan.options.highlights or 0, state.hits
    texts = list(dict.fromkeys(hit.text for hit in _hits(found) if _is_open(hit)))
    similar: Mapping[str, Sequence[Highlight]] = {}
    if state.server.highlight_space and texts:
        cut = await asyncio.to_thread(_cut, texts)
        with contextlib.suppress(TiebackError):  # such hits have no highlights then
            vectors = await _vectors(state, [state.own, *(text for some in cut for _, text in some)])
            similar = dict(zip(texts, _compared(cut, vectors), strict=True))
    state.hits = [_with(one, similar, most) for one in found]


STEP = Step(_highlight, lambda state: bool(state.plan.options.highlights and state.hits))


async def _vectors(state: Retrieving, texts: Sequence[str]) -> list[Array | None]:
    """A unit vector of each text; None where the encoder reads no word in it."""
    vectors: list[Array | None] = []
    at_once = state.server.limits.batch_items or EVIDENCE_SENTENCES
    for begin in range(0, len(texts), at_once):
        contents = [Content(Modality.TEXT, text) for text in texts[begin : begin + at_once]]
        request = EncodeRequest(state.server.highlight_space, contents, _CUT)
        reply = await state.server.encoder.encode(request, Call(hop(state.call.deadline)))
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
    """Tell whether the hit is a text of which no sentence was chosen by its words."""
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
