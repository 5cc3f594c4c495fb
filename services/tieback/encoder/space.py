"""One served space: refuses wrong requests, answers from the encoding cache, computes the rest."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from tieback_contract.encodings import AppliedAdapter, Encoding, EncodingSource
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef, Vector, VectorKind

from tieback.allowance import Allowance
from tieback.batching import BatchReport
from tieback.batching.preparation import Preparation
from tieback.core.alone import Alone
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded, TiebackError, Unavailable
from tieback.core.tenant import TENANT
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeReply, SplitReply
from tieback.core.types.load import OFTEN, Load
from tieback.encoder.cache import Computed
from tieback.encoder.cache.content_key import ContentKeys, size
from tieback.encoder.cache.encodings import CacheOptions, CacheState, EncodingCache, Outcome
from tieback.encoder.request import check_content, check_size, resolve
from tieback.encoder.shaping import accept, shape, vectors
from tieback.encoder.splitting import Splitting
from tieback.encoder.worker import Worker
from tieback.models.encoder_model import EncoderModel, KeepsExperts, NamesTerms

INLINE_BYTES = 128 << 10
"""Contents of so many bytes together are hashed at once: a change of threads would take longer."""


TIME_SHARE = 0.5
"""The share of the time until the deadline that a run should be done in by what was measured: the rest is for
hops, and for what a loaded machine makes slower."""


class EncoderSpace:
    """Encodes contents into one space.

    Where a plan allows it and its deadline is near, a run ends at an earlier layer, which the encoding
    reports.
    """

    def __init__(
        self,
        model: EncoderModel,
        *,
        limits: Limits,
        batch_tokens: int,
        preparation: Preparation[Any],
        cache: CacheOptions,
        allowance: Allowance,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self.card = model.card
        card = model.card
        self._choices, self._refs = card.choices, {"": card.space}
        self.adapters = model.adapters if isinstance(model, KeepsExperts) else None
        self._adapted = {name: card.space_with(name) for name in card.adapters}
        self._widths = model.card.offered_widths
        self._limits = limits
        self._closing = False
        self._worker = Worker(
            model,
            limits=limits,
            batch_tokens=batch_tokens,
            preparation=preparation,
            allowance=allowance,
            on_batch=on_batch,
        )
        self._splitting = Splitting(model, limits, preparation)
        # Cards may share a space and differ in what they put before a text: the cache separates them.
        own = dataclasses.replace(card.space, fingerprint=f"{card.space.fingerprint} {card.fingerprint}")
        self._keys = ContentKeys(own, limits)
        self._vocabulary = model.terms if isinstance(model, NamesTerms) else ()
        self._cache = EncodingCache(cache, model.card.name, near=batch_tokens)

    @property
    def load(self) -> Load:
        """How busy the model is."""
        return dataclasses.replace(self._worker.admission.load, known_share=self._cache.share)

    @property
    def is_pressed(self) -> bool:
        """Whether the model was full just now, and hardly any of what is asked for is cached.

        Where more of it is, a request has to be looked at: its answer may cost nothing.
        """
        return self._worker.admission.is_pressed and self._cache.share < OFTEN

    def refusal(self, deadline: Deadline) -> Overloaded | None:
        """Why no request with that deadline is taken now; None where it has to be looked at."""
        return self._worker.admission.refusal(deadline)

    @property
    def cache_state(self) -> CacheState:
        """How the caches are."""
        return self._cache.state

    async def encode(
        self,
        contents: Sequence[Content],
        plan: EncodePlan,
        cache: CachePolicy,
        deadline: Deadline,
    ) -> EncodeReply:
        """See `tieback.ports.EncoderPort.encode`."""
        arrived = time.monotonic()
        if self._closing:
            raise Unavailable("the server is shutting down")
        check_size(contents, self._limits)
        asked_plan = resolve(plan, self.card, self._widths)
        plan = dataclasses.replace(asked_plan, earliest_layer=None)
        space = self._ref(plan)
        results = [self._at_once(place, content, plan, space) for place, content in enumerate(contents)]
        places = [place for place, result in enumerate(results) if result is None]
        asked = [contents[place] for place in places]
        timing, cost = Timing(), Cost()
        computing = self._in_time(asked_plan, asked, deadline)

        async def compute(chosen: Sequence[int]) -> list[Outcome]:
            chosen_contents = [asked[index] for index in chosen]
            worked = await self._worker.compute(chosen_contents, computing, deadline=deadline)
            timing.prepare += worked.prepare
            timing.queue += worked.queue
            timing.compute += worked.compute
            cost.batch_size = max(cost.batch_size, worked.batch_size)
            cost.tokens += worked.tokens
            cost.padding_tokens += worked.padding_tokens
            return worked.outcomes

        if cache is CachePolicy.BYPASS:
            plans = [computing] * len(asked)
            found = [(one, EncodingSource.COMPUTED) for one in await compute(range(len(asked)))]
        else:
            tenant = TENANT.get()
            keys = await self._keyed(asked, computing, tenant)
            plans = [computing] * len(asked)
            if computing != plan:
                whole = await self._keyed(asked, plan, tenant)
                # What is known of all tokens and layers answers; up to `obtain` nothing else runs, so it
                # still is.
                for index, key in enumerate(whole):
                    if self._cache.holds(key, tenant=tenant):
                        keys[index], plans[index] = key, plan
            timing.prepare = time.monotonic() - arrived
            found, waited = await self._cache.obtain(
                keys,
                self._worker.estimate(asked),
                compute,
                invariant=plan.batch_invariant,
                deadline=deadline,
                tenant=tenant,
            )
            timing.queue += waited
        for _, source in found:
            cost.cached_items += source is EncodingSource.MEMORY or source is EncodingSource.DISK
            cost.shared_items += source is EncodingSource.IN_FLIGHT
        for used in dict.fromkeys(plans):
            computed = [
                (place, one, source)
                for place, (one, source), own in zip(places, found, plans, strict=True)
                if isinstance(one, Computed) and own == used
            ]
            encodings = self._shaped([(one, source) for _, one, source in computed], used)
            for (place, _, _), encoding in zip(computed, encodings, strict=True):
                results[place] = encoding
        for place, (one, _) in zip(places, found, strict=True):
            if not isinstance(one, Computed):
                results[place] = one.within(at("contents", place))
        timing.total = time.monotonic() - arrived
        return EncodeReply(cast("list[Encoding | TiebackError]", results), timing, cost)

    async def split(
        self, texts: Sequence[str], max_tokens: int, overlap: float | None, deadline: Deadline
    ) -> SplitReply:
        """See `tieback.ports.EncoderPort.split`."""
        if self._closing:
            raise Unavailable("the server is shutting down")
        return await self._splitting.split(texts, max_tokens, overlap, deadline)

    async def warm_up(self) -> None:
        """Runs and measures the model."""
        await self._worker.warm_up()

    async def close(self) -> None:
        """Stops the worker; what waits fails with Unavailable."""
        self._closing = True
        await self._worker.close()
        await self._cache.close()

    async def _keyed(self, contents: Sequence[Content], plan: EncodePlan, tenant: str) -> list[bytes]:
        """The keys of contents; many bytes are hashed on a thread."""
        if size(contents) <= INLINE_BYTES:
            return self._keys.of(contents, plan, tenant)
        return await asyncio.to_thread(self._keys.of, contents, plan, tenant)

    def _shaped(
        self, computed: Sequence[tuple[Computed, EncodingSource]], plan: EncodePlan
    ) -> list[Encoding]:
        """What was computed by one plan, as it asks for it."""
        found = shape(computed, self._ref(plan), self.card.modality, plan, self._vocabulary)
        if plan.adapter and self.adapters is not None:
            applied = AppliedAdapter(plan.adapter, self.adapters.hashes[plan.adapter])
            return [dataclasses.replace(one, adapter=applied) for one in found]
        if not (told := self._choices.told(plan)):
            return found
        return [dataclasses.replace(one, **told) for one in found]

    def _ref(self, plan: EncodePlan) -> SpaceRef:
        if plan.adapter:
            return self._adapted[plan.adapter]
        part = self._choices.part(plan)
        if part not in self._refs:
            self._refs[part] = self.card.space_of(part)
        return self._refs[part]

    def _in_time(self, plan: EncodePlan, contents: Sequence[Content], deadline: Deadline) -> EncodePlan:
        """The plan, ended at an earlier layer where it allows that and its deadline is near."""
        if plan.earliest_layer is None:
            return plan
        decided, load = dataclasses.replace(plan, earliest_layer=None), self._worker.admission.load
        if not load.tokens_per_second:
            return decided
        able = TIME_SHARE * deadline.remaining() * load.tokens_per_second - load.queued_tokens
        return self._choices.in_time(plan, self._worker.estimate(contents), able)

    def _at_once(
        self, place: int, content: Content, plan: EncodePlan, space: SpaceRef
    ) -> Encoding | TiebackError | None:
        """The answer that needs no model, of a precomputed vector or a wrong content; None elsewhere."""
        with Alone(at("contents", place)) as item:
            if isinstance(content.data, Vector):
                if plan.kinds != {VectorKind.DENSE}:
                    raise InvalidInput("a precomputed vector gives DENSE and nothing else", field="vector")
                width = plan.width or self.card.width
                values = accept(content.data, space, self._widths, width)
                (dense,) = vectors([values], space, plan.dtype, width)
                return Encoding(space, content.modality or self.card.modality, dense)
            check_content(content, plan, self.card, self._limits)
        return item.error
