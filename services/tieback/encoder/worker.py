"""A model with its queue: contents go in, and what the model says of them comes out.

Work is admitted by an estimate of its tokens, prepared (tokenised, decoded) off the event loop, and batched
with others' on a thread of its own. What fails in one content stays in that content.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import cast

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.batching import Batcher, BatchReport
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError
from tieback.core.types import Content, Limits, Modality, TokenIds, Truncation, VectorKind
from tieback.encoder.computed import Computed
from tieback.models.encoder_model import EncoderModel, Prepared, PreparesRegions, RawEncoding

logger = logging.getLogger(__name__)

INLINE_CHARACTERS = 256
"""Texts of so many characters together are tokenised at once: a change of threads would take longer."""

BYTES_PER_TOKEN = 4
"""Of English text, for the estimate that admission takes before a text is tokenised."""

USUAL = frozenset({VectorKind.DENSE})
"""What is mostly asked for, and costs are measured with; of a space without it, all that there is."""


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


class Worker:
    """Computes what one model says. `preparing` runs what must not block the event loop."""

    def __init__(
        self,
        model: EncoderModel,
        *,
        limits: Limits,
        batch_tokens: int,
        preparing: Executor,
        allowance: Allowance,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.admission = Admission(limits.queued_tokens)
        self._allowance = allowance
        self._model = model
        self._limits = limits
        self._preparing = preparing
        self._typical_tokens = 64.0  # of a content that is no text; follows what comes
        self._batcher: Batcher[Prepared, RawEncoding] = Batcher(
            self._run,
            name=model.card.name,
            pads=model.pads,
            budget=batch_tokens,
            admission=self.admission,
            on_batch=on_batch,
        )

    async def compute(
        self,
        contents: Sequence[Content],
        truncation: Truncation,
        kinds: frozenset[VectorKind],
        *,
        invariant: bool,
        deadline: Deadline,
    ) -> Worked:
        """What the model says of each content; each is computed alone where that is to be `invariant`.

        An error in the place of a content has the field within that content. Overloaded, RateExceeded,
        DeadlineExceeded, InvalidInput where all of it is too much, Unavailable.
        """
        begun = time.monotonic()
        estimate = self.estimate(contents)
        with self.admission.admit(estimate, items=len(contents), deadline=deadline) as ticket:
            self._allowance.take(estimate)
            self._check_time(deadline, len(contents))
            prepared = await self._prepare(contents, truncation, kinds, deadline)
            self._check_time(deadline, len(contents))
            items = [one for one in prepared if isinstance(one, Prepared)]
            tokens = sum(item.tokens for item in items)
            ticket.resize(tokens, len(items))
            self._allowance.correct(tokens - estimate)
            preparing = time.monotonic() - begun
            batched = await self._batcher.submit(
                items, group=kinds, deadline=deadline, ticket=ticket, alone=invariant
            )
        results = iter(batched.results)
        return Worked(
            [
                _outcome(one, next(results), invariant) if isinstance(one, Prepared) else one
                for one in prepared
            ],
            preparing,
            batched.queue,
            batched.compute,
            batched.batch_size,
            tokens,
            batched.padding_tokens,
        )

    def estimate(self, contents: Sequence[Content]) -> int:
        """Tokens before they are counted, never more than may wait: the count decides."""
        longest = self._model.card.max_tokens
        estimate = 0
        for content in contents:
            if isinstance(content.data, str):
                tokens = len(content.data) // BYTES_PER_TOKEN + 1
            elif isinstance(content.data, TokenIds):
                tokens = len(content.data.ids)
            else:
                estimate += int(self._typical_tokens)
                continue
            estimate += min(tokens, longest) if longest else tokens
        limit = self.admission.limit_tokens
        return min(estimate, limit) if limit else estimate

    async def warm_up(self) -> None:
        """Runs the model on what is typical, and measures what batches of it cost."""
        await asyncio.to_thread(self._model.warm_up)
        kinds = USUAL & self._model.card.kinds or self._model.card.kinds
        await self._batcher.calibrate([self._model.sample(size) for size in self._model.sizes], kinds)

    async def close(self) -> None:
        """Stops after the batch that runs; what waits fails with Unavailable."""
        await self._batcher.close()

    def _run(self, batch: Sequence[Prepared], kinds: Hashable) -> list[RawEncoding]:
        return self._model.run(batch, cast("frozenset[VectorKind]", kinds))

    def _check_time(self, deadline: Deadline, items: int) -> None:
        """Raises DeadlineExceeded where no time is left, and counts what is dropped."""
        if deadline.remaining() <= 0.0:
            self.admission.drop("deadline", items=items)
            deadline.check("encoding")

    async def _prepare(
        self,
        contents: Sequence[Content],
        truncation: Truncation,
        kinds: frozenset[VectorKind],
        deadline: Deadline,
    ) -> list[Prepared | TiebackError]:
        """Prepares the contents; off the event loop unless they are a few short texts."""
        if _is_quick(contents):
            return [self._prepare_one(content, truncation, kinds) for content in contents]
        abandoned = threading.Event()

        def work() -> list[Prepared | TiebackError]:
            prepared: list[Prepared | TiebackError] = []
            for content in contents:
                if abandoned.is_set() or deadline.remaining() <= 0.0:
                    prepared.append(DeadlineExceeded("the deadline passed before this was prepared"))
                else:
                    prepared.append(self._prepare_one(content, truncation, kinds))
            return prepared

        try:
            return await asyncio.get_running_loop().run_in_executor(self._preparing, work)
        except asyncio.CancelledError:
            abandoned.set()
            self.admission.drop("cancelled", items=len(contents))
            raise

    def _prepare_one(
        self, content: Content, truncation: Truncation, kinds: frozenset[VectorKind]
    ) -> Prepared | TiebackError:
        prepare = self._model.prepare
        if VectorKind.REGIONS in kinds and isinstance(self._model, PreparesRegions):
            prepare = self._model.prepare_regions
        try:
            prepared = prepare(content, truncation=truncation, limits=self._limits)
        except TiebackError as error:
            return error
        except Exception:
            logger.exception("%s could not prepare an input", self._model.card.name)
            return TiebackError("this input could not be prepared for the model")
        if content.modality is not Modality.TEXT:
            self._typical_tokens += 0.1 * (prepared.tokens - self._typical_tokens)
        return prepared


def _is_quick(contents: Sequence[Content]) -> bool:
    characters = 0
    for content in contents:
        if isinstance(content.data, str):
            characters += len(content.data)
        elif isinstance(content.data, TokenIds):
            characters += len(content.data.ids)
        else:
            return False
    return characters <= INLINE_CHARACTERS


def _outcome(prepared: Prepared, raw: RawEncoding | TiebackError, invariant: bool) -> Computed | TiebackError:
    if isinstance(raw, TiebackError):
        return raw
    return Computed.of(prepared, raw, invariant)
