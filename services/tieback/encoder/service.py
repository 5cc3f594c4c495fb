"""The encoder service: a set of spaces behind `tieback.ports.EncoderPort`.

In one process it holds all spaces; as a deployment of its own, one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.limits import Limits

from tieback.allowance import Allowance
from tieback.batching import BatchReport
from tieback.batching.preparation import Preparation
from tieback.catalog.card import EncoderCard
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import (
    MIXED,
    ROUTED,
    EncodePlan,
    EncodeReply,
    EncodeRequest,
    SplitReply,
    SplitTextsRequest,
    unknown_space,
)
from tieback.core.types.load import Load
from tieback.encoder.adapting import encode_each, encode_routed, routing_adapters
from tieback.encoder.cache.encodings import CacheOptions, CacheState
from tieback.encoder.conditional import ConditionalSpaces, ConditionalVectors, computed_plan, projected
from tieback.encoder.space import EncoderSpace
from tieback.models.adapters import AdapterState
from tieback.models.encoder_model import EncoderModel

BATCH_TOKENS = 512
"""Tokens of a batch on a processor: some thirty short texts, or one or two long ones."""

DEFAULT_CACHE = CacheOptions()


class Encoder:
    """Encodes contents into the spaces of the models it is given.

    `batch_tokens` bounds the tokens of a batch, padding included; `cache` is what each space keeps.
    By `conditions` vectors are projected where a plan names one.
    `on_batch` is called with each batch and the name of its space, on its worker thread. StartupError
    where two models have one name, and where the cache's folder cannot be made.
    """

    def __init__(
        self,
        models: Sequence[EncoderModel],
        *,
        limits: Limits | None = None,
        batch_tokens: int = BATCH_TOKENS,
        cache: CacheOptions = DEFAULT_CACHE,
        conditions: Sequence[ConditionalVectors] = (),
        on_batch: Callable[[str, BatchReport], None] | None = None,
    ) -> None:
        self._conditions = ConditionalSpaces(conditions)
        names = [model.card.name for model in models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise StartupError(f"two encoders are named {twice[0]!r}; rename one of their cards")
        limits = limits if limits is not None else Limits()
        allowance = Allowance()  # of a tenant for all spaces together
        self._preparation: Preparation[Any] = Preparation(limits.decoded_bytes)

        def space(name: str, model: EncoderModel, kept: CacheOptions) -> EncoderSpace:
            return EncoderSpace(
                model,
                limits=limits,
                batch_tokens=batch_tokens,
                preparation=self._preparation,
                cache=kept,
                allowance=allowance,
                on_batch=functools.partial(on_batch, name) if on_batch is not None else None,
            )

        self._spaces = {model.card.name: space(model.card.name, model, cache) for model in models}
        self._retired: dict[str, EncoderSpace] = {}
        # The folder on disk goes by the card's name, which the served revision may have.
        self._new_retired = functools.partial(space, kept=dataclasses.replace(cache, disk=None))

    @property
    def cards(self) -> list[EncoderCard]:
        """The cards of the spaces that are served, by name."""
        return [self._spaces[name].card for name in sorted(self._spaces)]

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        """One result per content, in order; a bad content gets an error and the others succeed.

        NotFound, with the choices, for an unknown space. InvalidInput for an empty or too large batch, a
        width, kind, condition or adapter that is not offered. Overloaded where too much waits.
        DeadlineExceeded.
        """

        async def encode(some: Sequence[Content], plan: EncodePlan) -> EncodeReply:
            return await self._encoded(dataclasses.replace(request, contents=some, plan=plan), call)

        if not request.adapters:
            return await self._encoded(request, call)
        places = range(len(request.contents))
        numbers = places if len(request.adapters) > 1 else [0] * len(places)
        fields = [at("adapters", number) for number in numbers]
        plans = [dataclasses.replace(request.plan, adapter=request.adapters[number]) for number in numbers]
        return await encode_each(encode, request.contents, plans, fields)

    async def _encoded(self, request: EncodeRequest, call: Call) -> EncodeReply:
        """The contents by the adapter of the plan, if it names one."""
        found, plan, contents = self._space(request.space), request.plan, request.contents
        cache, deadline = request.cache, call.deadline
        if plan.adapter in (ROUTED, MIXED) and not plan.mixture:

            async def encode(some: Sequence[Content], one: EncodePlan) -> EncodeReply:
                return await found.encode(some, one, cache, deadline)

            return await encode_routed(encode, routing_adapters(found.card, found.adapters), contents, plan)
        if not plan.condition:
            return await found.encode(contents, plan, cache, deadline)
        learned = self._conditions.find(request.space, plan)
        reply = await found.encode(contents, computed_plan(learned, plan), cache, deadline)
        return projected(learned, plan, reply)

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        """Where to cut texts so that the space reads every piece to its end; a bad text gets an error.

        NotFound as in `encode`. InvalidInput for a space that takes no text, no or too many texts, more
        tokens than the space reads. Overloaded where too much waits. DeadlineExceeded.
        """
        space = self._space(request.space)
        return await space.split(request.texts, request.max_tokens, request.overlap, call.deadline)

    def load(self, space: str) -> Load:
        """How busy a space is; NotFound as in `encode`."""
        return self._space(space).load

    @property
    def preparing(self) -> Mapping[str, Load]:
        """How busy tokenising and decoding are for all spaces, in bytes in place of tokens."""
        return self._preparation.loads

    @property
    def decoded_bytes(self) -> int:
        """Bytes of decoded contents that are held now."""
        return self._preparation.budget.taken

    def is_pressed(self, space: str) -> bool:
        """Whether a space was full just now, and hardly any of what it is asked for is cached."""
        found = self._spaces.get(space)
        return found is not None and found.is_pressed

    def refusal(self, space: str, deadline: Deadline) -> Overloaded | None:
        """Why no request with that deadline is taken now, counted; None where it has to be looked at.

        NotFound as in `encode`.
        """
        return self._space(space).refusal(deadline)

    def adapter_state(self, space: str) -> AdapterState:
        """How many adapters of a space are in memory, and their bytes. NotFound as in `encode`."""
        adapters = self._space(space).adapters
        return AdapterState() if adapters is None else adapters.state

    def cache_state(self, space: str) -> CacheState:
        """What a space has cached and how often it helped; NotFound as in `encode`."""
        return self._space(space).cache_state

    async def add_retired(self, name: str, model: EncoderModel) -> None:
        """Encodes by a model that is not served too, under a name that is in no list and no message."""
        space = self._new_retired(name, model)
        await space.warm_up()
        self._retired[name] = space

    async def remove_retired(self, name: str) -> None:
        """Lets such a model go; what waits for it fails with Unavailable."""
        if (space := self._retired.pop(name, None)) is not None:
            await space.close()

    async def warm_up(self) -> None:
        """Runs and measures every model, one after the other; call it before the first request."""
        for space in self._spaces.values():
            await space.warm_up()

    async def close(self) -> None:
        """Stops all workers after the batches that run; what waits fails with Unavailable."""
        every = (*self._spaces.values(), *self._retired.values())
        await asyncio.gather(*(space.close() for space in every))
        await self._preparation.close()

    def _space(self, name: str) -> EncoderSpace:
        found = self._spaces.get(name) or self._retired.get(name)
        if found is None:
            raise unknown_space(name, self._spaces)
        return found
