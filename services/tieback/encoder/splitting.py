"""Cuts texts so that one model reads every piece to its end, by the model's own tokens.

It runs where texts are tokenised, on the threads and within the budgets of `Preparation`. What was cut is
tokenised again, since a cut can change what stands at it; a piece that is still too long is cut once more.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from tieback.admission import Admission, Ticket
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.pieces import pieces
from tieback.core.spans import ByteOffsets
from tieback.core.types import Content, Limits, Modality, SplitReply, TextPiece, Timing
from tieback.encoder.portions import BYTES_PER_CHARACTER, SHORT_CHARACTERS
from tieback.encoder.preparation import THREADS, Preparation
from tieback.models.content import read_text
from tieback.models.encoder_model import EncoderModel, ReadsText
from tieback.ports import OVERLAP

LARGEST_OVERLAP = 0.5
BYTES_KEPT = 64
"""Of a long text, bytes for each character while it is cut, beside what tokenising a part of it takes."""

QUEUED_MESSAGES = 2
"""So many messages' characters may wait: a minute of splitting, of English at the limits' defaults."""

USUAL_RATE = 1_000_000
"""Characters a second and thread, before any were measured."""

Result = list[TextPiece] | TiebackError


class Splitting:
    """Splits texts for one model."""

    def __init__(self, model: EncoderModel, limits: Limits, preparation: Preparation[Any]) -> None:
        self._model = model
        self._limits = limits
        self._preparation = preparation
        self._admission = Admission(
            QUEUED_MESSAGES * limits.message_bytes, workers=THREADS, unit="characters to split"
        )
        self._admission.measure(USUAL_RATE, 1.0)

    async def split(
        self, texts: Sequence[str], max_tokens: int, overlap: float | None, deadline: Deadline
    ) -> SplitReply:
        """See `tieback.ports.EncoderPort.split`."""
        begun = time.monotonic()
        model = self._model
        if not isinstance(model, ReadsText):
            raise InvalidInput(f"the space {model.card.name!r} does not take text", field="space")
        overlap = OVERLAP if overlap is None else overlap
        self._check(texts, max_tokens, overlap, model.window)
        room = max_tokens or model.window or 0
        most = self._admission.limit_tokens
        size = sum(map(len, texts))
        size = min(size, most) if most else size
        work = functools.partial(self._split_all, model, room, overlap, deadline)
        results: list[Result] = [[] for _ in texts]
        with ExitStack() as places:
            places.enter_context(self._admission.admit(size, items=len(texts), deadline=deadline))
            jobs = []
            long = [place for place, text in enumerate(texts) if len(text) > SHORT_CHARACTERS]
            if long:
                sizes = [_size(texts[place]) for place in long]
                ticket = places.enter_context(self._preparation.admit(sizes, deadline))
                jobs = [self._long(texts[place], [place], work, ticket, deadline) for place in long]
            jobs += [self._short(texts, group, work, deadline) for group in _groups(texts)]
            for group, found in await _all(jobs):
                for place, one in zip(group, found, strict=True):
                    results[place] = one.within(f"texts[{place}]") if isinstance(one, InvalidInput) else one
        elapsed = time.monotonic() - begun
        return SplitReply(results, model.window or 0, Timing(prepare=elapsed, total=elapsed))

    def _check(self, texts: Sequence[str], max_tokens: int, overlap: float, window: int | None) -> None:
        if not texts:
            raise InvalidInput("there is nothing to split: send one text at least", field="texts")
        most = self._limits.batch_items
        if most and len(texts) > most:
            raise InvalidInput(f"{len(texts)} texts; the limit is {most} a request", field="texts")
        if window is not None and max_tokens > window:
            raise InvalidInput(
                f"the space {self._model.card.name!r} reads {window} tokens of a text, and {max_tokens} are "
                "asked for; ask for no more than it reads, or for 0, which is as many",
                field="max_tokens",
            )
        if not 0 <= overlap <= LARGEST_OVERLAP:
            raise InvalidInput(f"overlap is from 0 to {LARGEST_OVERLAP}", field="overlap")

    async def _long(
        self, text: str, place: list[int], work: _Work, ticket: Ticket, deadline: Deadline
    ) -> tuple[list[int], list[Result]]:
        found, free = await self._preparation.decode(lambda: (work([text]), 0), _size(text), ticket, deadline)
        free()
        return place, found

    async def _short(
        self, texts: Sequence[str], group: list[int], work: _Work, deadline: Deadline
    ) -> tuple[list[int], list[Result]]:
        chosen = [texts[place] for place in group]
        size = sum(map(len, chosen)) * BYTES_PER_CHARACTER
        return group, await self._preparation.tokenise(lambda: work(chosen), size, deadline)

    def _split_all(
        self, model: ReadsText, room: int, overlap: float, deadline: Deadline, texts: Sequence[str]
    ) -> list[Result]:
        results: list[Result] = []
        begun = time.monotonic()
        for text in texts:
            try:
                read_text(Content(Modality.TEXT, text), self._limits)
            except InvalidInput as error:
                results.append(error)
                continue
            offsets = ByteOffsets(text)
            results.append(
                [
                    TextPiece(offsets.span(begin, end), tokens)
                    for begin, end, tokens in _joined(_cut(model, text, room, overlap, deadline))
                ]
            )
        self._admission.measure(sum(map(len, texts)), time.monotonic() - begun)
        return results


_Work = Callable[[Sequence[str]], list[Result]]


def _cut(
    model: ReadsText, text: str, room: int, overlap: float, deadline: Deadline, begin: int = 0
) -> Iterator[tuple[int, int, int]]:
    """The pieces of a text that begins at a character of a longer one: begin, end, tokens."""
    deadline.check("splitting a text")
    starts = model.starts(text)
    found = pieces(text, starts, room, overlap) if room else [(0, len(text))]
    if len(found) == 1:  # it fits, or cannot be cut
        yield begin, begin + len(text), len(starts)
        return
    for first, last in found:
        yield from _cut(model, text[first:last], room, overlap, deadline, begin + first)


def _joined(found: Iterator[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The pieces, those without a token as part of a neighbour: nothing could be said of them alone."""
    joined: list[tuple[int, int, int]] = []
    for begin, end, tokens in found:
        if joined and not (tokens and joined[-1][2]):
            first, _, before = joined.pop()
            begin, tokens = first, before + tokens
        joined.append((begin, end, tokens))
    return joined


def _groups(texts: Sequence[str]) -> Iterator[list[int]]:
    """The places of short texts, as many together as are prepared at once."""
    group: list[int] = []
    characters = 0
    for place, text in enumerate(texts):
        if len(text) > SHORT_CHARACTERS:
            continue
        if group and characters + len(text) > SHORT_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(place)
        characters += len(text)
    if group:
        yield group


def _size(text: str) -> int:
    return SHORT_CHARACTERS * BYTES_PER_CHARACTER + len(text) * BYTES_KEPT


async def _all(
    jobs: Sequence[Coroutine[None, None, tuple[list[int], list[Result]]]],
) -> list[tuple[list[int], list[Result]]]:
    """What all of them give; where one fails, or the caller goes away, the others are cancelled."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
