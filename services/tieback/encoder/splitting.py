"""Cuts texts so that one model reads every piece to its end, by the model's own tokens.

It runs where texts are tokenised, on the threads and within the budgets of `Preparation`: a long text by
stretches, for each of which the memory is bounded. What was cut is tokenised again, since a cut can change
what stands at it; a piece that is still too long is cut once more.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing

from tieback.admission import Admission, Ticket
from tieback.batching.preparation import THREADS, Preparation
from tieback.core.alone import Alone
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, TiebackError
from tieback.core.text.pieces import longest_stretch, pieces, stretches
from tieback.core.text.spans import ByteOffsets
from tieback.core.together import all_or_none
from tieback.core.types.content import Content
from tieback.core.types.encoding import SplitPiece, SplitReply
from tieback.encoder.portions import BYTES_PER_CHARACTER, SHORT_CHARACTERS
from tieback.models.content import read_text
from tieback.models.encoder_model import EncoderModel, ReadsText
from tieback.ports import OVERLAP, TOO_MANY_PIECES

LARGEST_OVERLAP = 0.5
BYTES_KEPT = 128
"""Bytes for each character of a stretch while it is cut, beside what tokenising a part of it takes."""

QUEUED_MESSAGES = 2
"""So many messages' characters may wait: a minute of splitting, of English at the limits' defaults."""

TYPICAL_RATE = 1_000_000
"""Characters a second and thread, before any were measured."""

Result = list[SplitPiece] | TiebackError


class Splitting:
    """Splits texts for one model."""

    def __init__(self, model: EncoderModel, limits: Limits, preparation: Preparation[Any]) -> None:
        self._model = model
        self._limits = limits
        self._preparation = preparation
        self._admission = Admission(
            QUEUED_MESSAGES * limits.message_bytes, workers=THREADS, unit="characters to split"
        )
        self._admission.measure(TYPICAL_RATE, 1.0)

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
        progress = _Progress(self._limits.numbers, deadline)
        work = functools.partial(self._split_all, model, room, overlap, progress)
        results: list[Result] = [[] for _ in texts]
        with ExitStack() as places:
            places.callback(progress.stop)
            places.enter_context(self._admission.admit(size, items=len(texts), deadline=deadline))
            jobs = []
            long = [place for place, text in enumerate(texts) if len(text) > SHORT_CHARACTERS]
            if long:
                taken = SHORT_CHARACTERS * BYTES_PER_CHARACTER + longest_stretch(room) * BYTES_KEPT
                ticket = places.enter_context(self._preparation.admit([taken] * len(long), deadline))
                jobs = [self._long(texts[place], [place], work, taken, ticket, deadline) for place in long]
            jobs += [self._short(texts, group, work, deadline) for group in _groups(texts)]
            for group, found in await all_or_none(jobs):
                for place, one in zip(group, found, strict=True):
                    results[place] = one.within(at("texts", place)) if isinstance(one, TiebackError) else one
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
        self, text: str, place: list[int], work: _Work, taken: int, ticket: Ticket, deadline: Deadline
    ) -> tuple[list[int], list[Result]]:
        found, free = await self._preparation.decode(lambda: (work([text]), 0), taken, ticket, deadline)
        free()
        return place, found

    async def _short(
        self, texts: Sequence[str], group: list[int], work: _Work, deadline: Deadline
    ) -> tuple[list[int], list[Result]]:
        chosen = [texts[place] for place in group]
        size = sum(map(len, chosen)) * BYTES_PER_CHARACTER
        return group, await self._preparation.tokenise(lambda: work(chosen), size, deadline)

    def _split_all(
        self, model: ReadsText, room: int, overlap: float, progress: _Progress, texts: Sequence[str]
    ) -> list[Result]:
        results: list[Result] = []
        begun = time.monotonic()
        for text in texts:
            with Alone() as item:
                read_text(Content(Modality.TEXT, text), self._limits)
                offsets = ByteOffsets(text)
                results.append(
                    [
                        SplitPiece(offsets.span(begin, end), tokens)
                        for begin, end, tokens in _joined(_cut(model, text, room, overlap, progress))
                    ]
                )
            if item.error is not None:
                if item.error.reason == TOO_MANY_PIECES:
                    raise item.error  # of all texts together
                results.append(item.error)
        self._admission.measure(sum(map(len, texts)), time.monotonic() - begun)
        return results


_Work = Callable[[Sequence[str]], list[Result]]


class _Progress:
    """What a request may still do. Asked for each piece, on any thread."""

    def __init__(self, most: int, deadline: Deadline) -> None:
        self._most = most
        self._deadline = deadline
        self._stopped = False
        self._numbers = itertools.count(1)  # its next is one step for the interpreter, so needs no lock

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self._stopped = True

    def check(self) -> None:
        """DeadlineExceeded where it is too late."""
        if self._stopped:
            raise DeadlineExceeded("nobody waits for this text any more")
        self._deadline.check("splitting a text")

    def count(self) -> None:
        """InvalidInput for a piece past the limit: its place in the answer costs more than the text."""
        if next(self._numbers) > self._most > 0:
            raise InvalidInput(
                f"the texts become more than {self._most} pieces, which is the limit of a request; send "
                "fewer of them or shorter ones, or ask for longer pieces (max_tokens)",
                field="texts",
                reason=TOO_MANY_PIECES,
            )


def _cut(
    model: ReadsText, text: str, room: int, overlap: float, progress: _Progress
) -> Iterator[tuple[int, int, int]]:
    """The pieces of a text: begin, end, tokens. One where there is no limit of tokens."""
    if not room:
        yield 0, len(text), _tokens(model, text, progress)
        return
    for begin, end in stretches(text, room):
        yield from _pieces(model, text[begin:end], room, overlap, progress, begin)


def _tokens(model: ReadsText, text: str, progress: _Progress) -> int:
    count = 0
    for begin, end in stretches(text, 0):
        progress.check()
        count += len(model.starts(text[begin:end]))
    progress.count()
    return count


def _pieces(
    model: ReadsText, text: str, room: int, overlap: float, progress: _Progress, begin: int
) -> Iterator[tuple[int, int, int]]:
    """The pieces of a text that begins at a character of a longer one."""
    progress.check()
    starts = model.starts(text)
    found = pieces(text, starts, room, overlap)
    if len(found) == 1:  # it fits, or cannot be cut
        progress.count()
        yield begin, begin + len(text), len(starts)
        return
    for first, last in found:
        yield from _pieces(model, text[first:last], room, overlap, progress, begin + first)


def _joined(found: Iterator[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The pieces, those without a token as part of a neighbour: alone, they could not be encoded."""
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
