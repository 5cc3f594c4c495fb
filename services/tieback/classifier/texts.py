"""Classifiers of texts: models of the user's own, in batches with the texts of other requests."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.heads import Classification
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Stage, Timing

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import Batcher, BatchReport
from tieback.classifier.scores import labels_of, scores_of, spans_of
from tieback.core.alone import made_alone, result_of
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.core.types.heads import ClassifyReply, ClassifyRequest
from tieback.core.types.load import Load
from tieback.models.endpoints.classifier import EndpointClassifier, SentTexts
from tieback.models.text.text_classifier import SECOND, PreparedText, TextClassifierModel
from tieback.models.text.tokenization import TokenizedText

Prepared: TypeAlias = PreparedText | SentTexts

CHARACTERS_PER_TOKEN = 4
"""By which work is estimated before it is tokenised."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """A model with what waits for it; one by endpoint has no batches here."""

    model: TextClassifierModel | EndpointClassifier
    admission: Admission
    batcher: Batcher[PreparedText, Array] | None

    async def run(
        self, prepared: list[Any], deadline: Deadline, ticket: Ticket
    ) -> tuple[Sequence[Array | TiebackError], float, float]:
        """The results of the model, in order, and the seconds of waiting and of computing."""
        if self.batcher is not None:
            batched = await self.batcher.submit(prepared, deadline=deadline, ticket=ticket)
            return batched.results, batched.queue, batched.compute
        model, begun = cast("EndpointClassifier", self.model), time.monotonic()
        tokens = sum(one.tokens for one in prepared)
        ticket.start(tokens, len(prepared))
        try:
            found = await model.answer(prepared, deadline)
        finally:
            ticket.finish(tokens, len(prepared))
        return found, 0.0, time.monotonic() - begun

    async def close(self) -> None:
        """Stops after what runs; what waits fails with Unavailable."""
        if self.batcher is not None:
            await self.batcher.close()
        elif isinstance(self.model, EndpointClassifier):
            await self.model.close()


class TextClassifiers:
    """A `TextClassifierPort`. `on_batch` is called with each batch and the model's name, on its thread."""

    def __init__(
        self,
        models: Sequence[TextClassifierModel | EndpointClassifier],
        *,
        limits: Limits,
        batch_tokens: int,
        on_batch: Callable[[str, BatchReport], None] | None = None,
    ) -> None:
        self._limits, self._allowance = limits, Allowance()
        self._queues: dict[str, _Queue] = {}
        for model in models:
            name, admission = model.card.name, Admission(limits.queued_tokens)
            if isinstance(model, EndpointClassifier):
                self._queues[name] = _Queue(model, admission, None)
                continue
            batcher: Batcher[PreparedText, Array] = Batcher(
                functools.partial(_run, model),
                name=name,
                pads=True,
                budget=batch_tokens,
                admission=admission,
                on_batch=functools.partial(on_batch, name) if on_batch is not None else None,
            )
            self._queues[name] = _Queue(model, admission, batcher)

    @property
    def loads(self) -> dict[str, Callable[[], Load]]:
        """Load of each model, by name."""
        return {name: functools.partial(_load, queue) for name, queue in self._queues.items()}

    @property
    def load(self) -> Load:
        """Load of the busiest model."""
        loads = [queue.admission.load for queue in self._queues.values()]
        return max(loads, key=lambda load: load.queued_tokens, default=Load())

    async def classify(self, request: ClassifyRequest, call: Call) -> ClassifyReply:
        """The labels of each text, in order; a bad one gets an error and the others succeed.

        NotFound, with the choices, for the model. InvalidInput for an empty or too large batch, or where none
        of several models is named. RateExceeded, Overloaded, DeadlineExceeded.
        """
        begun = time.monotonic()
        queue, contents, deadline = self._named(request.model), request.contents, call.deadline
        self._check(contents)
        _check_kind(queue.model, request)
        seconds = request.second_texts or [""] * len(contents)
        deadline.check("classifying")
        truncation = Truncation.END if request.truncate else Truncation.REFUSE
        model, errors = queue.model, dict[int, TiebackError]()
        estimate = sum(
            _estimate(one, second, model.card.max_tokens)
            for one, second in zip(contents, seconds, strict=True)
        )
        with queue.admission.admit(estimate, items=len(contents), deadline=deadline) as ticket:
            self._allowance.take(estimate)

            def prepare(place: int) -> Prepared:
                content, second = contents[place], seconds[place]
                if not second:
                    return model.prepare(content, self._limits, truncation)
                other = Content(Modality.TEXT, second)
                return model.prepare_pair(content, other, self._limits, truncation)

            places = {place: place for place in range(len(contents))}
            prepared = await asyncio.to_thread(made_alone, prepare, places, errors)
            tokens = sum(one.tokens for one in prepared.values())
            self._allowance.correct(tokens - estimate)
            ticket.resize(tokens, len(prepared))
            preparing = time.monotonic() - begun
            results, waiting, computing = await queue.run(list(prepared.values()), deadline, ticket)
        rows: dict[int, Array] = made_alone(result_of, dict(zip(prepared, results, strict=True)), errors)
        total = time.monotonic() - begun
        timing = Timing(waiting, preparing, computing, total)
        timing.stages = [
            Stage("tokenise", 0.0, preparing),
            Stage(f"classify:{model.card.name}", preparing, total - preparing),
        ]
        labelled = [
            _placed(errors[place], place)
            if place in errors
            else _classification(model, request, place, prepared[place], rows[place])
            for place in range(len(contents))
        ]
        return ClassifyReply(labelled, model.card.problem, timing)

    async def warm_up(self) -> None:
        """Measures what batches cost."""
        for queue in self._queues.values():
            if queue.batcher is not None and isinstance(model := queue.model, TextClassifierModel):
                await queue.batcher.calibrate([model.sample(size) for size in model.sizes])

    async def close(self) -> None:
        """Stops after the batches that run; what waits fails with Unavailable."""
        await asyncio.gather(*(queue.close() for queue in self._queues.values()))

    def _named(self, name: str) -> _Queue:
        if not name and len(self._queues) == 1:
            return next(iter(self._queues.values()))
        if not name:
            raise InvalidInput(f"name the classifier, one of: {', '.join(self._queues)}", field="model")
        if name not in self._queues:
            raise NotFound("classifier", name, self._queues)
        return self._queues[name]

    def _check(self, contents: Sequence[Content]) -> None:
        if not contents:
            raise InvalidInput("there is nothing to classify: give one text at least", field="contents")
        most = self._limits.batch_items
        if most and len(contents) > most:
            raise InvalidInput(f"{len(contents)} contents; the limit is {most} a request", field="contents")


def _run(model: TextClassifierModel, batch: Sequence[PreparedText], _: object) -> list[Array]:
    return model.run(batch)


def _load(queue: _Queue) -> Load:
    return queue.admission.load


def _estimate(content: Content, second: str, most: int) -> int:
    size = len(content.data) if isinstance(content.data, str) else 0
    return min((size + len(second)) // CHARACTERS_PER_TOKEN + 1, most)


def _check_kind(model: TextClassifierModel | EndpointClassifier, request: ClassifyRequest) -> None:
    """InvalidInput for what classifiers of tokens do not have, or the model's endpoint."""
    card = model.card
    if request.raw_scores and isinstance(model, EndpointClassifier) and not model.gives_logits:
        raise InvalidInput(
            f"the endpoint of {card.name} gives scores and no logits: leave raw_scores out",
            field="raw_scores",
        )
    if card.problem != "tokens":
        return
    given = {"top": request.top, "second_texts": any(request.second_texts), "raw_scores": request.raw_scores}
    for field in (name for name, value in given.items() if value):
        raise InvalidInput(
            f"{card.name} labels the parts of one text, each with its probability: leave {field} out",
            field=field,
        )


def _classification(
    model: TextClassifierModel | EndpointClassifier,
    request: ClassifyRequest,
    place: int,
    prepared: Prepared,
    logits: Array,
) -> Classification:
    """Labels, or labelled parts, of a content by its logits, or by the scores that an endpoint gives."""
    card = model.card
    if card.problem == "tokens":
        read, text = (
            cast("TokenizedText", cast("PreparedText", prepared).text),
            str(request.contents[place].data),
        )
        scores = scores_of(logits, card.problem)[read.words]
        return Classification(
            truncated_tokens=prepared.cut, spans=spans_of(card.labels, scores, read.characters, text)
        )
    as_they_are = isinstance(model, EndpointClassifier) and not model.gives_logits
    scores = scores_of(logits, card.problem, raw=request.raw_scores or as_they_are)
    return Classification(labels_of(card.labels, scores, card.problem, request.top), prepared.cut)


def _placed(error: TiebackError, place: int) -> TiebackError:
    """The error of an input, about the request's field."""
    placed = error.within(at("contents", place))
    return placed.moved(at("contents", place, SECOND), at("second_texts", place))
