"""Requests to the server that runs a model: what a `Batcher` is for one that runs here.

There is nothing to batch: a request goes out when it comes, in as many parts as the endpoint's limits ask
for, and the server forms batches of what it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence

from tieback.admission import Ticket
from tieback.batching import Batched, BatchReport
from tieback.core.deadline import Deadline
from tieback.models.encoder_model import AsksServer, Prepared, RawEncoding


class ServerRequests:
    """Asks a model for the encodings of each request. For one event loop."""

    def __init__(self, model: AsksServer, *, on_batch: Callable[[BatchReport], None] | None = None) -> None:
        self._model, self._on_batch = model, on_batch

    async def begin(self) -> None:
        """See `AsksServer.begin`."""
        await self._model.begin()

    async def submit(
        self,
        items: Sequence[Prepared],
        *,
        group: Hashable,  # noqa: ARG002 - as of a Batcher: a request is computed by one plan
        deadline: Deadline,
        ticket: Ticket,
        alone: bool = False,
    ) -> Batched[RawEncoding]:
        """See `Batcher.submit`; the errors of `AsksServer.answer`.

        The rate is not measured: it is the network's and the other server's, and would refuse what has time.
        """
        with ticket:
            if not items:
                return Batched([])
            begun, tokens = time.monotonic(), sum(one.tokens for one in items)
            ticket.start(tokens, len(items))
            try:
                results = await self._model.answer(items, deadline, alone=alone)
            finally:
                ticket.finish(tokens, len(items))
            seconds = time.monotonic() - begun
            if self._on_batch is not None:
                self._on_batch(BatchReport(len(items), tokens, 0, seconds, expected=seconds))
            return Batched(results, compute=seconds, batch_size=len(items))

    async def close(self) -> None:
        """Closes the connections."""
        await self._model.close()
