"""The recogniser service: the loaded recognisers behind `tieback.ports.RecogniserPort`.

A content is admitted by what its header declares, decoded within a budget of bytes, and run on a thread of
its model's, one at a time: what else waits is dropped when its caller goes away or its deadline passes.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Timing

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import NOT_LEARNING, Batcher, BatchReport
from tieback.batching.preparation import Preparation
from tieback.core.alone import UNPREPARED, Alone
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import WRONG_MODALITY, InvalidInput, NotFound, StartupError, TiebackError
from tieback.core.recognised import together
from tieback.core.together import all_or_none
from tieback.core.types.content import Content, RecogniseReply, RecogniseRequest
from tieback.core.types.load import Load
from tieback.methods.recognition_fusion import NO_FUSION, recognition_fusions
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.language.model import LanguageModel
from tieback.models.recognition_search import Fusing, FusingRecogniserModel, RecogniserModel
from tieback.recogniser.partners import Partners

WRITTEN: Mapping[Modality, str] = {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds"}
"""What recognisers can be for."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """A model with what waits for it."""

    model: RecogniserModel
    admission: Admission
    batcher: Batcher[Prepared, RecognisedText]


@dataclass(frozen=True, slots=True)
class _Job:
    """A model that reads a content of the request, by its place there."""

    place: int
    queue: _Queue
    weight: Weight


@dataclass(frozen=True, slots=True)
class _Recognised:
    """The outcome of one content by one model, and its seconds."""

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
        self._partners = None if language_model is None else Partners(language_model)
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
                learning=NOT_LEARNING,  # how long a content takes depends on what is written in it
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

    async def recognise(self, request: RecogniseRequest, call: Call) -> RecogniseReply:
        """A result for each content, in order; a bad one gets an error and the others succeed.

        Where no `model` is named, all of a content's modality read it, and their texts follow each other.
        NotFound, with the choices, for an unknown model or method of fusion; InvalidInput for a method that
        asks a language model where there is none. InvalidInput for an empty or too large batch.
        Overloaded, RateExceeded, DeadlineExceeded, Unavailable.
        """
        begun = time.monotonic()
        contents, model, deadline = request.contents, request.model, call.deadline
        self._check(contents)
        if model and model not in self._queues:
            raise NotFound("recogniser", model, self._queues)
        deadline.check("recognising began")
        fusing = await asyncio.to_thread(self._fusing, request.fusion)
        jobs, refused = await asyncio.to_thread(self._jobs, contents, model, fusing is not None)
        done: list[list[_Recognised]] = [[] for _ in contents]
        for place, error in refused.items():
            done[place].append(_Recognised(error))
        if jobs:
            with self._preparation.admit([job.weight.size for job in jobs], deadline) as decoding:
                tickets = _admitted(jobs, deadline)
                try:
                    self._allowance.take(sum(job.weight.tokens for job in jobs))
                    found = await all_or_none(
                        self._one(contents[job.place], job, ticket, decoding, deadline, fusing)
                        for job, ticket in zip(jobs, tickets, strict=True)
                    )
                finally:
                    for ticket in tickets:
                        ticket.release()
            for job, one in zip(jobs, found, strict=True):
                done[job.place].append(one)
        every = [one for own in done for one in own]
        timing = Timing(
            queue=max(one.queue for one in every),
            prepare=max(one.prepare for one in every),
            compute=sum(one.compute for one in every),
            total=time.monotonic() - begun,
        )
        results = [_outcome(own, place) for place, own in enumerate(done)]
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
        if self._partners is None:
            raise InvalidInput(
                f"{fusion.name!r} asks a language model, and this server has none; leave `fusion` out, or "
                "serve one (TIEBACK_GENERATOR)",
                field=path["name"],
            )
        return Fusing(method, functools.partial(self._partners.reader, fusion.name))

    def _jobs(
        self, contents: Sequence[Content], model: str, fuses: bool
    ) -> tuple[list[_Job], dict[int, TiebackError]]:
        """The models of each content, and what its header declares to them; or why it is refused."""
        jobs: list[_Job] = []
        refused: dict[int, TiebackError] = {}
        for place, content in enumerate(contents):
            with Alone(failed=UNPREPARED, keeps=True) as item:
                queues = self._queues_for(content, model)
                if fuses and not any(isinstance(one.model, FusingRecogniserModel) for one in queues):
                    card = queues[0].model.card
                    raise InvalidInput(
                        f"{card.name} recognises without a language model; leave `fusion` out",
                        field=card.modality,
                    )
                jobs += [_Job(place, one, one.model.weigh(content, self._limits)) for one in queues]
            if item.error is not None:
                refused[place] = item.error
        return jobs, refused

    def _queues_for(self, content: Content, model: str) -> list[_Queue]:
        """The named model, or all of the content's modality. InvalidInput where it is of another."""
        modality = content.modality
        if not isinstance(content.data, bytes) or modality is None or modality not in WRITTEN:
            raise InvalidInput(
                "only pictures and sounds are recognised: send `image` or `audio`",
                field=str(modality or "vector"),
                reason=WRONG_MODALITY,
            )
        if not model:
            queues = [one for one in self._queues.values() if one.model.card.modality is modality]
            if queues:
                return queues
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
        return [queue]

    async def _one(
        self,
        content: Content,
        job: _Job,
        ticket: Ticket,
        decoding: Ticket,
        deadline: Deadline,
        fusing: Fusing | None,
    ) -> _Recognised:
        begun = time.monotonic()
        queue = job.queue

        def decode() -> tuple[Prepared | TiebackError, int]:
            prepared = self._prepare(queue.model, content)
            return prepared, prepared.size if isinstance(prepared, Prepared) else 0

        prepared, free = await self._preparation.decode(decode, job.weight.size, decoding, deadline)
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
        with Alone(failed=UNPREPARED, keeps=True) as item:
            prepared = model.prepare(content, self._limits)
        return prepared if item.error is None else item.error


def _run(model: RecogniserModel, batch: Sequence[Prepared], fusing: Hashable) -> list[RecognisedText]:
    """What a model makes of a batch; `fusing` is None where it is alone."""
    if isinstance(fusing, Fusing) and isinstance(model, FusingRecogniserModel):
        return [model.run_with(one, fusing) for one in batch]
    return [model.run(one) for one in batch]


def _outcome(found: Sequence[_Recognised], place: int) -> RecognisedText | TiebackError:
    """What all models found in a content; the error of the first that failed."""
    texts: list[RecognisedText] = []
    for one in found:
        if isinstance(one.outcome, TiebackError):
            return one.outcome.within(at("contents", place))
        texts.append(one.outcome)
    return texts[0] if len(texts) == 1 else together(texts)


def _admitted(jobs: Sequence[_Job], deadline: Deadline) -> list[Ticket]:
    """A place for each in the queue of its model: all, or none and the error."""
    tickets: list[Ticket] = []
    try:
        for job in jobs:
            ticket = job.queue.admission.admit(job.weight.tokens, deadline=deadline)
            tickets.append(ticket)
    except TiebackError:
        for ticket in tickets:
            ticket.release()
        raise
    return tickets


def _load(queue: _Queue) -> Load:
    return queue.admission.load
