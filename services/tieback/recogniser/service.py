"""The recogniser service: the loaded recognisers behind `tieback.ports.RecogniserPort`.

A content is admitted by what its header declares, decoded within a budget of bytes, and run on a thread of
its model's, one at a time: what else waits is dropped when its caller goes away or its deadline passes.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import Batcher, BatchReport
from tieback.batching.preparation import Preparation
from tieback.core.all_or_none import all_or_none
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import WRONG_MODALITY, InvalidInput, NotFound, StartupError, TiebackError
from tieback.core.field_path import at
from tieback.core.types.content import Content, Modality
from tieback.core.types.limits import Limits
from tieback.core.types.load import Load
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.recognition import RecognisedText, RecogniseReply
from tieback.core.types.report import Timing
from tieback.methods.recognition_fusion import NO_FUSION, recognition_fusions
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.language_model import LanguageModel
from tieback.models.language_reading import LanguagePartner
from tieback.models.recogniser_model import Fusing, FusingRecogniserModel, RecogniserModel

logger = logging.getLogger(__name__)

WRITTEN: Mapping[Modality, str] = {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds"}
"""What recognisers can be for."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """A model with what waits for it."""

    model: RecogniserModel
    admission: Admission
    batcher: Batcher[Prepared, RecognisedText]


@dataclass(frozen=True, slots=True)
class _Recognised:
    """The outcome of one content, and its seconds."""

    outcome: RecognisedText | TiebackError
    prepare: float = 0.0
    queue: float = 0.0
    compute: float = 0.0


class Recogniser:
    """A `RecogniserPort`. `on_batch` is called with each run and the model's name, on the model's thread.

    `language_model` loads the one that may take part; it is called at the first request that asks for it.

    StartupError where two models have one name.
    """

    def __init__(
        self,
        models: Sequence[RecogniserModel],
        *,
        limits: Limits | None = None,
        on_batch: Callable[[str, BatchReport], None] | None = None,
        language_model: Callable[[], LanguageModel] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._allowance = Allowance()
        self._preparation: Preparation[Prepared | TiebackError] = Preparation(self._limits.decoded_bytes)
        self._partner = None if language_model is None else LanguagePartner(language_model)
        self._queues: dict[str, _Queue] = {}
        for model in models:
            name = model.card.name
            if name in self._queues:
                raise StartupError(f"two recognisers are named {name!r}; rename one of their cards")
            admission = Admission(self._limits.queued_tokens)
            batcher: Batcher[Prepared, RecognisedText] = Batcher(
                functools.partial(_run, model),
                name=name,
                pads=False,
                budget=0,
                max_items=1,
                admission=admission,
                learns=False,  # how long a content takes depends on what is written in it
                on_batch=functools.partial(on_batch, name) if on_batch is not None else None,
            )
            self._queues[name] = _Queue(model, admission, batcher)

    @property
    def loads(self) -> dict[str, Callable[[], Load]]:
        """How busy each model is, by name."""
        return {name: functools.partial(_load, queue) for name, queue in self._queues.items()}

    @property
    def load(self) -> Load:
        """How busy the busiest model is."""
        loads = [queue.admission.load for queue in self._queues.values()]
        return max(loads, key=lambda load: load.queued_tokens, default=Load())

    async def recognise(
        self,
        contents: Sequence[Content],
        *,
        model: str = "",
        fusion: MethodChoice | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> RecogniseReply:
        """A result for each content, in order; a bad one gets an error and the others succeed.

        NotFound, with the choices, for an unknown model or method of fusion; InvalidInput for a method that
        asks a language model where there is none. InvalidInput for an empty or too large batch.
        Overloaded, RateExceeded, DeadlineExceeded, Unavailable.
        """
        begun = time.monotonic()
        self._check(contents)
        if model and model not in self._queues:
            raise NotFound("recogniser", model, self._queues)
        deadline.check("recognising began")
        fusing = await asyncio.to_thread(self._fusing, fusion)
        weights = await asyncio.to_thread(self._weigh, contents, model, fusing is not None)
        asked = {place: one for place, one in enumerate(weights) if not isinstance(one, TiebackError)}
        done: dict[int, _Recognised] = {
            place: _Recognised(one) for place, one in enumerate(weights) if isinstance(one, TiebackError)
        }
        tokens = sum(weight.tokens for _, weight in asked.values())
        if asked:
            with self._preparation.admit([weight.size for _, weight in asked.values()], deadline) as decoding:
                tickets = _admitted(asked, deadline)
                try:
                    self._allowance.take(tokens)
                    found = await all_or_none(
                        self._one(contents[place], queue, weight, tickets[place], decoding, deadline, fusing)
                        for place, (queue, weight) in asked.items()
                    )
                finally:
                    for ticket in tickets.values():
                        ticket.release()
            done |= dict(zip(asked, found, strict=True))
        every = [done[place] for place in range(len(contents))]
        timing = Timing(
            queue=max(one.queue for one in every),
            prepare=max(one.prepare for one in every),
            compute=sum(one.compute for one in every),
            total=time.monotonic() - begun,
        )
        results = [
            one.outcome.within(at("contents", place))
            if isinstance(one.outcome, TiebackError)
            else one.outcome
            for place, one in enumerate(every)
        ]
        return RecogniseReply(results, timing)

    async def warm_up(self) -> None:
        """Runs every model once; call it before the first request."""
        for queue in self._queues.values():
            await asyncio.to_thread(queue.model.warm_up)

    async def close(self) -> None:
        """Stops after what runs; what waits fails with Unavailable."""
        await asyncio.gather(*(queue.batcher.close() for queue in self._queues.values()))
        await self._preparation.close()

    def _check(self, contents: Sequence[Content]) -> None:
        if not contents:
            raise InvalidInput("there is nothing to recognise; send one content at least", field="contents")
        most = self._limits.batch_items
        if most and len(contents) > most:
            raise InvalidInput(
                f"the batch holds {len(contents)} contents and this server takes {most} at most; send it in "
                "parts",
                field="contents",
            )

    def _fusing(self, fusion: MethodChoice | None) -> Fusing | None:
        if fusion is None or fusion.name == NO_FUSION:
            return None
        path = at("fusion")
        method = recognition_fusions.configure(fusion.name, fusion.parameters, field=path)
        if self._partner is None:
            raise InvalidInput(
                f"{fusion.name!r} asks a language model, and this server has none; leave `fusion` out, or "
                "serve one (TIEBACK_GENERATOR_ENABLED)",
                field=path["name"],
            )
        return Fusing(method, self._partner.reader)

    def _weigh(
        self, contents: Sequence[Content], model: str, fuses: bool
    ) -> list[tuple[_Queue, Weight] | TiebackError]:
        """The model of each content, and what its header declares; or why it is refused."""
        found: list[tuple[_Queue, Weight] | TiebackError] = []
        for content in contents:
            try:
                queue = self._queue(content, model)
                if fuses and not isinstance(queue.model, FusingRecogniserModel):
                    raise InvalidInput(
                        f"{queue.model.card.name} recognises without a language model; leave `fusion` out",
                        field=queue.model.card.modality,
                    )
                found.append((queue, queue.model.weigh(content, self._limits)))
            except TiebackError as error:
                found.append(error)
        return found

    def _queue(self, content: Content, model: str) -> _Queue:
        """The named model, or the first of the content's modality. InvalidInput where it is of another."""
        modality = content.modality
        if not isinstance(content.data, bytes) or modality is None or modality not in WRITTEN:
            raise InvalidInput(
                "only pictures and sounds are recognised: send `image` or `audio`",
                field=str(modality or "vector"),
                reason=WRONG_MODALITY,
            )
        if not model:
            for queue in self._queues.values():
                if queue.model.card.modality is modality:
                    return queue
            raise InvalidInput(
                f"this server has no recogniser of {WRITTEN[modality]}; it has: {', '.join(self._queues)}",
                field=modality,
                reason=WRONG_MODALITY,
            )
        queue = self._queues[model]
        own = queue.model.card.modality
        if own is not modality:
            raise InvalidInput(
                f"{model} is for {WRITTEN[own]}; leave `model` empty for the one of {WRITTEN[modality]}",
                field=modality,
                reason=WRONG_MODALITY,
            )
        return queue

    async def _one(
        self,
        content: Content,
        queue: _Queue,
        weight: Weight,
        ticket: Ticket,
        decoding: Ticket,
        deadline: Deadline,
        fusing: Fusing | None,
    ) -> _Recognised:
        begun = time.monotonic()

        def decode() -> tuple[Prepared | TiebackError, int]:
            prepared = self._prepare(queue.model, content)
            return prepared, prepared.size if isinstance(prepared, Prepared) else 0

        prepared, free = await self._preparation.decode(decode, weight.size, decoding, deadline)
        try:
            if isinstance(prepared, TiebackError):
                return _Recognised(prepared, time.monotonic() - begun)
            preparing = time.monotonic() - begun
            done = await queue.batcher.submit(
                [prepared], group=fusing, deadline=deadline, ticket=ticket, alone=True
            )
        finally:
            free()
        (outcome,) = done.results
        return _Recognised(outcome, preparing, done.queue, done.compute)

    def _prepare(self, model: RecogniserModel, content: Content) -> Prepared | TiebackError:
        try:
            return model.prepare(content, self._limits)
        except TiebackError as error:
            return error
        except Exception:
            logger.exception("%s could not prepare an input", model.card.name)
            return TiebackError("this input could not be prepared for the model")


def _run(model: RecogniserModel, batch: Sequence[Prepared], fusing: Hashable) -> list[RecognisedText]:
    """What a model makes of a batch; `fusing` is None where it is alone."""
    if isinstance(fusing, Fusing) and isinstance(model, FusingRecogniserModel):
        return [model.run_with(one, fusing) for one in batch]
    return [model.run(one) for one in batch]


def _admitted(asked: Mapping[int, tuple[_Queue, Weight]], deadline: Deadline) -> dict[int, Ticket]:
    """A place for each in the queue of its model: all, or none and the error."""
    tickets: dict[int, Ticket] = {}
    try:
        for place, (queue, weight) in asked.items():
            tickets[place] = queue.admission.admit(weight.tokens, deadline=deadline)
    except TiebackError:
        for ticket in tickets.values():
            ticket.release()
        raise
    return tickets


def _load(queue: _Queue) -> Load:
    return queue.admission.load
