"""A classifier of texts that another server runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.limits import Limits

from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.endpoint_options import ClassifierEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured, InvalidInput, StartupError, TiebackError
from tieback.core.together import all_or_none
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.models.content import read_text
from tieback.models.endpoints.json_endpoint import JsonEndpoint
from tieback.models.endpoints.refusals import OF_THE_TEXT, refused_text
from tieback.models.endpoints.requests import parts_of
from tieback.models.endpoints.text_length import TextLengths
from tieback.models.text.text_classifier import SECOND
from tieback.models.text.token_pairs import kept_of_first, too_long_together
from tieback.models.text.tokenization import EMPTY

HINT = "try again"


@dataclass(frozen=True, slots=True)
class SentTexts:
    """A text, or two, as they are sent, with about how many tokens; `cut` were cut off."""

    texts: tuple[str, ...]
    tokens: int
    cut: int
    cuts: bool

    @property
    def bytes(self) -> int:
        """Of the texts."""
        return sum(len(one.encode()) for one in self.texts)


class EndpointClassifier:
    """Asks one endpoint, over connections that are kept. For one event loop, but to prepare."""

    def __init__(self, card: ClassifierCard) -> None:
        if card.problem == "tokens":
            raise StartupError(
                f"{card.name}: no API of an endpoint labels parts of texts; run the model here"
            )
        self.card = card
        self._options = options = card.options_for(ClassifierEndpoint)
        self._endpoint = JsonEndpoint(card.name, options, correct="base_url, model or labels", hint=HINT)
        self._lengths = TextLengths(options)
        self._room = max(2, card.max_tokens - self._lengths.special)
        self._free = asyncio.Semaphore(options.parallel)

    @property
    def gives_logits(self) -> bool:
        """True if what it answers are logits."""
        return self._options.gives_logits

    def prepare(self, content: Content, limits: Limits, truncation: Truncation) -> SentTexts:
        """Reads a text. Without the model's tokenizer here, it is the endpoint that refuses a long one."""
        text, cuts = _read(content, limits), truncation is Truncation.END
        kept, tokens, cut = self._lengths.fitted(text, self._room, cuts=cuts)
        return SentTexts((kept,), tokens, cut, cuts)

    def prepare_pair(
        self, first: Content, second: Content, limits: Limits, truncation: Truncation
    ) -> SentTexts:
        """The same of two texts, of which the longer is cut; errors of the second are about `SECOND`."""
        if not self._options.reads_pairs:
            raise InvalidInput(
                f"{self.card.name} reads one text: its endpoint has no pairs; send one", field=SECOND
            )
        cuts = truncation is Truncation.END
        texts = [_read(first, limits)]
        try:
            texts.append(_read(second, limits))
        except InvalidInput as error:
            raise error.about(at(SECOND)) from None
        counts = [len(self._lengths.starts(one)) for one in texts]
        room = self._room
        if sum(counts) <= room or not (cuts or self._lengths.is_exact):
            return SentTexts((texts[0], texts[1]), sum(counts), 0, cuts)
        if not cuts:
            raise too_long_together(counts[0], counts[1], room).moved(at("first"), at("text"))
        kept = kept_of_first(counts[0], counts[1], room)
        parts = [
            self._lengths.cut(one, most)[0] for one, most in zip(texts, (kept, room - kept), strict=True)
        ]
        return SentTexts((parts[0], parts[1]), room, sum(counts) - room, cuts)

    async def answer(self, batch: Sequence[SentTexts], deadline: Deadline) -> list[Array | TiebackError]:
        """The logits or scores `[labels]` of each, in order, or why the endpoint refuses that one.

        EndpointMisconfigured where its labels are not those of the card; the errors of `JsonEndpoint.ask`.
        """
        results: dict[int, Array | TiebackError] = {}
        parts = iter(list(parts_of(self._options, [(one.tokens, one.bytes) for one in batch])))

        async def work() -> None:
            for places in parts:
                async with self._free:
                    found = await self._labelled([batch[place] for place in places], deadline)
                results.update(zip(places, found, strict=True))

        await all_or_none(work() for _ in range(max(1, self._options.parallel // 2)))
        return [results[place] for place in range(len(batch))]

    async def probe(self) -> str:
        """The reason that it cannot be asked now, in one sentence; or empty."""
        return await self._endpoint.probe(self._options.alive)

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    async def _labelled(self, sent: Sequence[SentTexts], deadline: Deadline) -> list[Array | TiebackError]:
        """The results of one request. Where it is refused, of its halves: one text may be to blame."""
        path, body = self._options.request([one.texts for one in sent], cuts=sent[0].cuts)
        try:
            return list(
                await self._endpoint.ask(path, body, deadline, lambda told: self._rows(told, len(sent)))
            )
        except EndpointMisconfigured as refusal:
            if refusal.status not in OF_THE_TEXT:
                raise
            if len(sent) == 1:
                return [refused_text(self.card.name, refusal)]
            half = len(sent) // 2
            return [
                one for part in (sent[:half], sent[half:]) for one in await self._labelled(part, deadline)
            ]

    def _rows(self, answer: object, count: int) -> list[Array]:
        labels = self.card.labels
        try:
            rows = self._options.scores(answer, labels)
        except KeyError as error:
            raise EndpointMisconfigured(
                f"the endpoint of {self.card.name} answers with other labels than its card, which names: "
                f"{', '.join(labels)}"
            ) from error
        if len(rows) != count or not all(math.isfinite(one) for row in rows for one in row):
            raise ValueError("no scores of each text")
        return [np.array(row, np.float32) for row in rows]


def _read(content: Content, limits: Limits) -> str:
    text = read_text(content, limits)
    if not text.strip():
        raise InvalidInput(EMPTY, field="text")
    return text
