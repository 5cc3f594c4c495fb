"""One space as it is served: a model, its queue, its worker.

A request goes through four steps: it is admitted by an estimate of its tokens, prepared (tokenised, decoded)
off the event loop, batched with others on the space's own thread, and shaped as its output specification
says. What fails in one content stays in that content.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Executor
from typing import cast

import numpy as np

from tieback.admission import Admission
from tieback.batching import Batched, Batcher, BatchReport
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, TiebackError, Unavailable
from tieback.core.types import (
    Array,
    Content,
    Cost,
    DType,
    EncodeReply,
    Encoding,
    Limits,
    Modality,
    OutputSpec,
    Timing,
    TokenVectors,
    Truncation,
    Vector,
    VectorKind,
)
from tieback.encoder.output import cut, quantise
from tieback.encoder.precomputed import accept
from tieback.models.content import read_points
from tieback.models.encoder_model import EncoderModel, Prepared, RawEncoding

logger = logging.getLogger(__name__)

INLINE_CHARACTERS = 256
"""Texts of so many characters together are tokenised at once: a change of threads would take longer."""

BYTES_PER_TOKEN = 4
"""Of English text, for the estimate that admission takes before a text is tokenised."""

NAMES: Mapping[Modality, str] = {
    Modality.TEXT: "text",
    Modality.IMAGE: "pictures",
    Modality.AUDIO: "sounds",
    Modality.POINTS: "point clouds",
}


class Space:
    """Encodes contents into one space. `preparing` runs what must not block the event loop."""

    def __init__(
        self,
        model: EncoderModel,
        *,
        limits: Limits,
        batch_tokens: int,
        preparing: Executor,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.model = model
        self.card = model.card
        self.ref = model.card.space
        self.admission = Admission(limits.queued_tokens)
        self._widths = model.card.offered_widths
        self._limits = limits
        self._preparing = preparing
        self._closing = False
        self._typical_tokens = 64.0  # of a content that is no text; follows what comes
        self._batcher: Batcher[Prepared, RawEncoding] = Batcher(
            self._run,
            name=self.ref.name,
            pads=model.pads,
            budget=batch_tokens,
            admission=self.admission,
            on_batch=on_batch,
        )

    async def encode(
        self, contents: Sequence[Content], output: OutputSpec, truncation: Truncation, deadline: Deadline
    ) -> EncodeReply:
        """See `tieback.ports.EncoderPort.encode`."""
        arrived = time.monotonic()
        if self._closing:
            raise Unavailable("the server is shutting down")
        width = self._check(contents, output)
        with self.admission.admit(self._estimate(contents), items=len(contents)) as ticket:
            self._check_time(deadline, len(contents))
            results: list[Encoding | TiebackError | None] = [
                self._at_once(index, content, output, width) for index, content in enumerate(contents)
            ]
            asked = [index for index, result in enumerate(results) if result is None]
            prepared = await self._prepare(contents, asked, truncation, deadline)
            self._check_time(deadline, len(asked))
            ready: list[int] = []
            items: list[Prepared] = []
            for index, one in zip(asked, prepared, strict=True):
                if isinstance(one, TiebackError):
                    results[index] = one
                else:
                    ready.append(index)
                    items.append(one)
            tokens = sum(item.tokens for item in items)
            ticket.resize(tokens, len(items))
            preparing = time.monotonic() - arrived
            batched = await self._batcher.submit(items, group=output.kinds, deadline=deadline, ticket=ticket)
        self._shape(results, ready, items, batched, output, width)
        return EncodeReply(
            cast("list[Encoding | TiebackError]", results),
            Timing(
                queue=batched.queue,
                prepare=preparing,
                compute=batched.compute,
                total=time.monotonic() - arrived,
            ),
            Cost(batch_size=batched.batch_size, tokens=tokens, padding_tokens=batched.padding_tokens),
        )

    async def close(self) -> None:
        """Stops the worker; what waits fails with Unavailable."""
        self._closing = True
        await self._batcher.close()

    def _run(self, batch: Sequence[Prepared], kinds: Hashable) -> list[RawEncoding]:
        return self.model.run(batch, cast("frozenset[VectorKind]", kinds))

    def _check(self, contents: Sequence[Content], output: OutputSpec) -> int:
        """The width to give, after checking what concerns the request as a whole."""
        name = self.ref.name
        if not contents:
            raise InvalidInput("the batch is empty; send one content at least", field="contents")
        if self._limits.batch_items and len(contents) > self._limits.batch_items:
            raise InvalidInput(
                f"the batch holds {len(contents)} contents and this server takes {self._limits.batch_items} "
                "at most; send it in parts",
                field="contents",
            )
        missing = output.kinds - self.card.kinds
        if missing or not output.kinds:
            offered = ", ".join(sorted(self.card.kinds))
            asked = ", ".join(sorted(missing)) or "nothing"
            raise InvalidInput(
                f"the space {name!r} has no {asked} to give; it offers: {offered}", field="output.kinds"
            )
        width = self.card.width if output.width is None else output.width
        if width not in self._widths:
            offered = ", ".join(str(width) for width in self._widths)
            raise InvalidInput(
                f"the space {name!r} is not offered at width {width}; it is at: {offered}",
                field="output.width",
            )
        if output.dtype is DType.BINARY and width % 8:
            raise InvalidInput(
                f"BINARY packs eight dimensions to a byte and the width is {width}", field="output.dtype"
            )
        return width

    def _estimate(self, contents: Sequence[Content]) -> int:
        """Tokens before they are counted, never more than may wait: the count decides."""
        longest = self.card.max_tokens
        estimate = 0
        for content in contents:
            if isinstance(content.data, str):
                tokens = len(content.data) // BYTES_PER_TOKEN + 1
                estimate += min(tokens, longest) if longest else tokens
            elif not isinstance(content.data, Vector):
                estimate += int(self._typical_tokens)
        limit = self.admission.limit_tokens
        return min(estimate, limit) if limit else estimate

    def _check_time(self, deadline: Deadline, items: int) -> None:
        """Raises DeadlineExceeded where no time is left, and counts what is dropped."""
        if deadline.remaining() <= 0.0:
            self.admission.drop("deadline", items=items)
            deadline.check("encoding")

    def _at_once(
        self, index: int, content: Content, output: OutputSpec, width: int
    ) -> Encoding | TiebackError | None:
        """The answer that needs no model, of a precomputed vector or a wrong modality; None elsewhere."""
        try:
            if isinstance(content.data, Vector):
                if output.kinds != {VectorKind.DENSE}:
                    raise InvalidInput("a precomputed vector gives DENSE and nothing else", field="vector")
                values = accept(content.data, self.ref, self._widths, width)
                dense = self._vectors(values[None], output, width)[0]
                return Encoding(self.ref, content.modality or self.card.modality, dense)
            if content.modality is Modality.POINTS:
                read_points(content, self._limits)  # a limit holds whatever space was asked
            if content.modality not in (None, self.card.modality):
                raise InvalidInput(
                    f"the space {self.ref.name!r} takes {NAMES[self.card.modality]}, "
                    f"not {NAMES[content.modality]}",
                    field=content.modality.value,
                )
        except InvalidInput as error:
            return error.within(f"contents[{index}]")
        return None

    async def _prepare(
        self, contents: Sequence[Content], asked: Sequence[int], truncation: Truncation, deadline: Deadline
    ) -> list[Prepared | TiebackError]:
        """Prepares the contents at those places; off the event loop unless they are a few short texts."""
        if self._is_quick([contents[index] for index in asked]):
            return [self._prepare_one(index, contents[index], truncation) for index in asked]
        abandoned = threading.Event()

        def work() -> list[Prepared | TiebackError]:
            prepared: list[Prepared | TiebackError] = []
            for index in asked:
                if abandoned.is_set() or deadline.remaining() <= 0.0:
                    prepared.append(DeadlineExceeded("the deadline passed before this was prepared"))
                else:
                    prepared.append(self._prepare_one(index, contents[index], truncation))
            return prepared

        try:
            return await asyncio.get_running_loop().run_in_executor(self._preparing, work)
        except asyncio.CancelledError:
            abandoned.set()
            self.admission.drop("cancelled", items=len(asked))
            raise

    def _is_quick(self, contents: Sequence[Content]) -> bool:
        characters = 0
        for content in contents:
            if not isinstance(content.data, str):
                return False
            characters += len(content.data)
        return characters <= INLINE_CHARACTERS

    def _prepare_one(self, index: int, content: Content, truncation: Truncation) -> Prepared | TiebackError:
        try:
            prepared = self.model.prepare(content, truncation=truncation, limits=self._limits)
        except InvalidInput as error:
            return error.within(f"contents[{index}]")
        except TiebackError as error:
            return error
        except Exception:
            logger.exception("%s could not prepare an input", self.ref.name)
            return TiebackError("this input could not be prepared for the model")
        if content.modality is not Modality.TEXT:
            self._typical_tokens += 0.1 * (prepared.tokens - self._typical_tokens)
        return prepared

    def _shape(
        self,
        results: list[Encoding | TiebackError | None],
        places: Sequence[int],
        items: Sequence[Prepared],
        batched: Batched[RawEncoding],
        output: OutputSpec,
        width: int,
    ) -> None:
        """Puts what was computed into its places, in the shape that was asked for."""
        answers = list(zip(places, items, batched.results, strict=True))
        raws = [raw for raw in batched.results if not isinstance(raw, TiebackError)]
        dense = iter(self._dense(raws, output, width))
        for place, item, raw in answers:
            if isinstance(raw, TiebackError):
                results[place] = raw.within(f"contents[{place}]") if isinstance(raw, InvalidInput) else raw
                continue
            tokens = None
            if VectorKind.TOKENS in output.kinds and raw.tokens is not None:
                tokens = TokenVectors(self.ref, cut(raw.tokens, width), raw.spans)
            results[place] = Encoding(
                self.ref,
                self.card.modality,
                dense=next(dense),
                tokens=tokens,
                labels=raw.labels if VectorKind.LABELS in output.kinds else (),
                token_count=item.tokens,
                truncated_tokens=item.truncated,
            )

    def _dense(self, raws: Sequence[RawEncoding], output: OutputSpec, width: int) -> Sequence[Vector | None]:
        if VectorKind.DENSE not in output.kinds or not raws:
            return [None] * len(raws)
        rows = [cast("Array", raw.dense) for raw in raws]
        return self._vectors(rows[0][None] if len(rows) == 1 else np.stack(rows), output, width)

    def _vectors(self, matrix: Array, output: OutputSpec, width: int) -> list[Vector]:
        values, scales = quantise(cut(matrix, width), output.dtype)
        return [
            Vector(self.ref, row, output.dtype, normalized=True, scale=scale)
            for row, scale in zip(values, scales.tolist(), strict=True)
        ]
