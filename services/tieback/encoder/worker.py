"""A model with its queue: contents in, encodings out.

Work is admitted by an estimate of its tokens, prepared (tokenised, decoded) off the event loop, and batched
with others' on a thread of its own. A request is prepared in portions, each of which goes on to the model by
itself: a picture is one, short texts are one together. What fails in one content stays in that content.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import Batched, Batcher, BatchReport, Learning
from tieback.batching.preparation import Preparation
from tieback.core.alone import UNPREPARED, Alone
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError
from tieback.core.together import all_or_none
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan
from tieback.encoder.asking import ServerRequests
from tieback.encoder.cache import Computed
from tieback.encoder.portions import BYTES_PER_TOKEN, Portion, is_quick, portions_of
from tieback.models.content import read_text
from tieback.models.encoder_model import (
    AsksServer,
    EncoderModel,
    Prepared,
    RawEncoding,
    WeighsContents,
    Weight,
)

INLINE_WEIGHTS = 8
"""Headers of so many contents are read at once: a change of threads would take longer."""

COMMON_KINDS = frozenset({VectorKind.DENSE})
"""What is mostly asked for, and costs are measured with; of a space without it, all that there is."""

Outcome = Prepared | TiebackError


@dataclass(slots=True)
class Worked:
    """One outcome per content, in order; what it took and cost, as in Timing and Cost."""

    outcomes: list[Computed | TiebackError]
    prepare: float
    queue: float
    compute: float
    batch_size: int
    tokens: int
    padding_tokens: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to the model."""

    contents: Sequence[Content]
    plan: EncodePlan
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of the contents at some places: seconds until they were prepared, their tokens."""

    places: Sequence[int]
    outcomes: Sequence[Computed | TiebackError]
    preparing: float = 0.0
    tokens: int = 0
    batched: Batched[RawEncoding] = field(default_factory=lambda: Batched([]))


class Worker:
    """Computes the encodings of one model. `preparation` is shared with other models."""

    def __init__(
        self,
        model: EncoderModel,
        *,
        limits: Limits,
        batch_tokens: int,
        preparation: Preparation[list[Outcome]],
        allowance: Allowance,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.admission = Admission(limits.queued_tokens)
        self._allowance = allowance
        self._model = model
        self._limits = limits
        self._preparation = preparation
        choices = model.card.choices
        self._typical_tokens = 64.0  # of a content that is no text; follows what comes
        self._batcher: Batcher[Prepared, RawEncoding] | ServerRequests
        if isinstance(model, AsksServer):
            self._batcher = ServerRequests(model, on_batch=on_batch)
            return
        self._batcher = Batcher(
            self._run,
            name=model.card.name,
            pads=model.pads,
            budget=batch_tokens,
            admission=self.admission,
            learning=Learning(
                is_typical=lambda plan: cast("EncodePlan", plan).is_whole,
                share=lambda plan: choices.share(cast("EncodePlan", plan)),
            ),
            on_batch=on_batch,
        )

    async def compute(self, contents: Sequence[Content], plan: EncodePlan, *, deadline: Deadline) -> Worked:
        """The encoding of each content; each is computed alone if the plan is batch-invariant.

        An error in the place of a content has the field within that content. Overloaded, RateExceeded,
        DeadlineExceeded, InvalidInput where all of it is too much, Unavailable.
        """
        begun = time.monotonic()
        asked = _Asked(contents, plan, deadline)
        if is_quick(contents):
            estimate = self.estimate(contents)
            with self._admitted(estimate, asked) as ticket:
                self._check_time(deadline, len(contents))
                prepared = [self._prepare_one(content, asked) for content in contents]
                part = await self._batched(range(len(contents)), prepared, asked, ticket, begun)
            self._allowance.correct(part.tokens - estimate)
            return _together([part])
        weights, refused = await self._weigh(asked)
        portions = portions_of(contents, weights, refused)
        rest = [content for place, content in enumerate(contents) if place not in weights]
        estimate = sum(weight.tokens for weight in weights.values()) + self.estimate(rest)
        with ExitStack() as places:
            ticket = places.enter_context(self._admitted(estimate, asked))
            decoding = None
            if heavy := [portion.size for portion in portions if portion.is_heavy]:
                decoding = places.enter_context(self._preparation.admit(heavy, deadline))
            self._check_time(deadline, len(contents))
            parts = await all_or_none(
                self._portion(portion, asked, ticket, decoding, begun) for portion in portions
            )
        self._allowance.correct(sum(part.tokens for part in parts) - estimate)
        return _together([_Part(list(refused), list(refused.values())), *parts])

    async def _portion(
        self, portion: Portion, asked: _Asked, ticket: Ticket, decoding: Ticket | None, begun: float
    ) -> _Part:
        """Prepares one portion and computes it. `ticket` and `decoding` are those of the whole request."""
        own = ticket.split(portion.tokens, len(portion.places))
        contents = [asked.contents[place] for place in portion.places]

        def work() -> list[Outcome]:
            return [self._prepare_one(content, asked) for content in contents]

        def decode() -> tuple[list[Outcome], int]:
            prepared = work()
            return prepared, sum(one.size for one in prepared if isinstance(one, Prepared))

        with own:
            free = _nothing
            try:
                if decoding is not None and portion.is_heavy:
                    prepared, free = await self._preparation.decode(
                        decode, portion.size, decoding, asked.deadline
                    )
                else:
                    prepared = await self._preparation.tokenise(work, portion.size, asked.deadline)
            except DeadlineExceeded:
                self.admission.drop("deadline", items=len(contents))
                raise
            except asyncio.CancelledError:
                self.admission.drop("cancelled", items=len(contents))
                raise
            try:
                self._check_time(asked.deadline, len(contents))
                return await self._batched(portion.places, prepared, asked, own, begun)
            finally:
                free()

    async def _batched(
        self,
        places: Sequence[int],
        prepared: Sequence[Outcome],
        asked: _Asked,
        ticket: Ticket,
        begun: float,
    ) -> _Part:
        """The encodings of contents that are prepared, or the errors of those that could not be."""
        items = [one for one in prepared if isinstance(one, Prepared)]
        tokens = sum(item.tokens for item in items)
        ticket.resize(tokens, len(items))
        preparing = time.monotonic() - begun
        alone = asked.plan.batch_invariant
        batched = await self._batcher.submit(
            items, group=asked.plan.batch, deadline=asked.deadline, ticket=ticket, alone=alone
        )
        results = iter(batched.results)
        outcomes = [
            _outcome(one, next(results), alone) if isinstance(one, Prepared) else one for one in prepared
        ]
        return _Part(places, outcomes, preparing, tokens, batched)

    def _admitted(self, tokens: int, asked: _Asked) -> Ticket:
        """A place in the model's queue for about so many tokens, within the tenant's allowance."""
        ticket = self.admission.admit(tokens, items=len(asked.contents), deadline=asked.deadline)
        try:
            self._allowance.take(tokens)
        except TiebackError:
            ticket.release()
            raise
        return ticket

    async def _weigh(self, asked: _Asked) -> tuple[dict[int, Weight], dict[int, TiebackError]]:
        """What the headers of pictures, sounds and clouds declare, and what is refused already."""
        model = self._model
        too_long = {
            place: error
            for place, content in enumerate(asked.contents)
            if (error := self._too_long(content)) is not None
        }
        places = [
            place for place, one in enumerate(asked.contents) if not isinstance(one.data, str | TokenNumbers)
        ]
        if not isinstance(model, WeighsContents) or not places:
            return {}, too_long

        def weigh() -> tuple[dict[int, Weight], dict[int, TiebackError]]:
            weights: dict[int, Weight] = {}
            refused: dict[int, TiebackError] = dict(too_long)
            for place in places:
                with Alone(failed=UNPREPARED, keeps=True) as item:
                    weights[place] = model.weigh(asked.contents[place], asked.plan, self._limits)
                if item.error is not None:
                    refused[place] = item.error
            return weights, refused

        if len(places) <= INLINE_WEIGHTS:
            return weigh()
        return await asyncio.to_thread(weigh)

    def estimate(self, contents: Sequence[Content]) -> int:
        """Tokens before they are counted, never more than may wait: the count decides."""
        longest = self._model.card.max_tokens
        estimate = 0
        for content in contents:
            if isinstance(content.data, str):
                tokens = len(content.data) // BYTES_PER_TOKEN + 1
            elif isinstance(content.data, TokenNumbers):
                tokens = len(content.data.ids)
            else:
                estimate += int(self._typical_tokens)
                continue
            estimate += min(tokens, longest) if longest else tokens
        limit = self.admission.limit_tokens
        return min(estimate, limit) if limit else estimate

    async def warm_up(self) -> None:
        """Runs the model on what is typical, and measures what batches of it cost."""
        if isinstance(self._batcher, ServerRequests):
            await self._batcher.begin()
            return
        await asyncio.to_thread(self._model.warm_up)
        kinds = COMMON_KINDS & self._model.card.kinds or self._model.card.kinds
        samples = [self._model.sample(size) for size in self._model.sizes]
        await self._batcher.calibrate(samples, EncodePlan(kinds=kinds).batch)

    async def close(self) -> None:
        """Stops after the batch that runs; what waits fails with Unavailable."""
        await self._batcher.close()

    def _run(self, batch: Sequence[Prepared], plan: Hashable) -> list[RawEncoding]:
        return self._model.run(batch, cast("EncodePlan", plan))

    def _check_time(self, deadline: Deadline, items: int) -> None:
        """Raises DeadlineExceeded where no time is left, and counts what is dropped."""
        if deadline.remaining() <= 0.0:
            self.admission.drop("deadline", items=items)
            deadline.check("encoding")

    def _too_long(self, content: Content) -> TiebackError | None:
        """Why a text is refused that is longer than the limit, so that it waits for nothing."""
        most = self._limits.text_bytes
        if isinstance(content.data, str) and most and len(content.data) > most:
            try:
                read_text(content, self._limits)
            except TiebackError as error:
                return error
        return None

    def _prepare_one(self, content: Content, asked: _Asked) -> Outcome:
        with Alone(failed=UNPREPARED, keeps=True) as item:
            prepared = self._model.prepare(content, asked.plan, self._limits)
        if item.error is not None:
            return item.error
        if content.modality is not Modality.TEXT:
            self._typical_tokens += 0.1 * (prepared.tokens - self._typical_tokens)
        return prepared


def _together(parts: Sequence[_Part]) -> Worked:
    """The request's outcomes in order. Its times are those of the portion that was ready last."""
    outcomes = dict(pair for part in parts for pair in zip(part.places, part.outcomes, strict=True))
    last = max(parts, key=lambda part: part.preparing + part.batched.queue + part.batched.compute)
    return Worked(
        [outcomes[place] for place in range(len(outcomes))],
        last.preparing,
        last.batched.queue,
        last.batched.compute,
        max(part.batched.batch_size for part in parts),
        sum(part.tokens for part in parts),
        sum(part.batched.padding_tokens for part in parts),
    )


def _nothing() -> None:
    """Gives nothing back."""


def _outcome(prepared: Prepared, raw: RawEncoding | TiebackError, invariant: bool) -> Computed | TiebackError:
    if isinstance(raw, TiebackError):
        return raw
    return Computed.of(prepared, raw, invariant)
