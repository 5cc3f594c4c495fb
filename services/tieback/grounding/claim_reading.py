"""Readers of claims with evidence for a card: a model of this process, in batches, or an endpoint."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.reports import Timing

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.batching import Batcher, BatchReport
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.runtimes.claim_endpoint import ClaimEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.tenant import TENANT
from tieback.core.types.load import Load
from tieback.models.language.claim_endpoint import ClaimEndpointModel
from tieback.models.text.claim_classifier import ClaimClassifierModel, PreparedClaim, ReadClaim

CHARACTERS_PER_TOKEN = 4
"""By which work is estimated before it is tokenised."""

FEWEST_CHARACTERS = 3
"""Of a token of an endpoint's, so that what it is sent fits."""

KEPT = 8192
"""Outcomes that are kept; each is three numbers."""


class ClaimReader(Protocol):
    """Gives the probabilities of outcomes of claims; for one event loop."""

    card: CheckerCard

    @property
    def load(self) -> Load:
        """Its load."""
        ...

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin."""
        ...

    def room(self, claim: str, question: str) -> int:
        """Tokens of evidence that are read beside the claim."""
        ...

    async def read(self, claims: Sequence[ReadClaim], deadline: Deadline, timing: Timing) -> list[Array]:
        """The probabilities `[outcomes]` of each, in order. The errors are those of the whole."""
        ...

    async def warm_up(self) -> None:
        """Measures what it costs, where that is done."""
        ...

    async def close(self) -> None:
        """Stops; what waits fails with Unavailable."""
        ...


class BatchedReader:
    """A `ClaimReader` with a model of this process: claims of all requests are computed together."""

    def __init__(
        self,
        model: ClaimClassifierModel,
        *,
        limits: Limits,
        batch_tokens: int,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.card = model.card
        self._model = model
        self._allowance = Allowance()
        self._admission = Admission(limits.queued_tokens)
        self._batcher: Batcher[PreparedClaim, Array] = Batcher(
            lambda claims, _: model.run(claims),
            name=model.card.name,
            pads=True,
            budget=batch_tokens,
            admission=self._admission,
            on_batch=on_batch,
        )

    @property
    def load(self) -> Load:
        """See `ClaimReader`."""
        return self._admission.load

    def starts(self, text: str) -> Array:
        """See `ClaimReader`."""
        return self._model.starts(text)

    def room(self, claim: str, question: str) -> int:
        """See `ClaimReader`."""
        return self._model.room(claim, question)

    async def read(self, claims: Sequence[ReadClaim], deadline: Deadline, timing: Timing) -> list[Array]:
        """See `ClaimReader`. RateExceeded, Overloaded, DeadlineExceeded."""
        begun = time.monotonic()
        estimate = sum(estimated(one, self.card) for one in claims)
        with self._admission.admit(estimate, items=len(claims), deadline=deadline) as ticket:
            self._allowance.take(estimate)
            prepared = await asyncio.to_thread(lambda: [self._model.prepare(one) for one in claims])
            tokens = sum(one.tokens for one in prepared)
            self._allowance.correct(tokens - estimate)
            ticket.resize(tokens, len(prepared))
            timing.prepare += time.monotonic() - begun
            batched = await self._batcher.submit(prepared, deadline=deadline, ticket=ticket)
        timing.queue += batched.queue
        timing.compute += batched.compute
        found: list[Array] = []
        for result in batched.results:
            if isinstance(result, TiebackError):
                raise result
            found.append(result)
        return found

    async def warm_up(self) -> None:
        """Measures what batches cost."""
        await self._batcher.calibrate([self._model.sample(size) for size in self._model.sizes])

    async def close(self) -> None:
        """See `ClaimReader`."""
        await self._batcher.close()


class EndpointReader:
    """A `ClaimReader` that asks another server, whose tokens are counted by characters."""

    def __init__(self, model: ClaimEndpointModel, *, limits: Limits) -> None:
        self.card = model.card
        self._model = model
        self._most = model.card.options_for(ClaimEndpoint).batch
        self._allowance = Allowance()
        self._admission = Admission(limits.queued_tokens)

    @property
    def load(self) -> Load:
        """See `ClaimReader`."""
        return self._admission.load

    def starts(self, text: str) -> Array:
        """See `ClaimReader`."""
        return np.arange(0, len(text), FEWEST_CHARACTERS)

    def room(self, claim: str, question: str) -> int:
        """See `ClaimReader`."""
        beside = sum(map(len, (*self.card.inputs_for(question), claim, question)))
        return self.card.max_tokens - beside // FEWEST_CHARACTERS - 1

    async def read(self, claims: Sequence[ReadClaim], deadline: Deadline, timing: Timing) -> list[Array]:
        """See `ClaimReader`. RateExceeded, Overloaded, DeadlineExceeded, and those of the endpoint."""
        estimate = sum(estimated(one, self.card) for one in claims)
        begun = time.monotonic()
        found: list[Array] = []
        with self._admission.admit(estimate, items=len(claims), deadline=deadline):
            self._allowance.take(estimate)
            for begin in range(0, len(claims), self._most):
                found += await self._model.predict(claims[begin : begin + self._most], deadline)
        timing.compute += time.monotonic() - begun
        return found

    async def warm_up(self) -> None:
        """Nothing: it may be away for now."""

    async def close(self) -> None:
        """See `ClaimReader`."""
        await self._model.close()


def estimated(read: ReadClaim, card: CheckerCard) -> int:
    """Number of tokens that a claim and its evidence may have."""
    characters = len(read.evidence) + len(read.claim) + len(read.question)
    return min(characters // CHARACTERS_PER_TOKEN + 1, card.max_tokens)


class RecentOutcomes:
    """Outcomes of what was read of late, those least recently used dropped first. For one event loop.

    Each tenant finds only its own, so that the time of an answer says nothing of others' texts.
    """

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Array] = OrderedDict()

    def find(self, read: ReadClaim) -> Array | None:
        """The outcome, if it is still there."""
        key = _key(read)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, read: ReadClaim, outcome: Array) -> None:
        """Keeps an outcome in place of the oldest."""
        self._kept[_key(read)] = outcome
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _key(read: ReadClaim) -> bytes:
    parts = (TENANT.get(), read.evidence, read.claim, read.question)
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()
