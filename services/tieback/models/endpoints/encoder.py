"""An encoder that another server runs.

The identity of a space holds for it as for one whose weights are here: before its vectors are given on, the
`canary` says that they are of the same model as those that were stored before.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits

from tieback.catalog.card import EncoderCard
from tieback.catalog.endpoint_options import EncoderEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    ChangedEndpoint,
    EndpointMisconfigured,
    InvalidInput,
    StartupError,
    TiebackError,
)
from tieback.core.together import all_or_none
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.content import read_text
from tieback.models.encoder_model import Prepared, RawEncoding, unit_rows
from tieback.models.endpoints.canary import SMALLEST_COSINE, TEXTS, Canary
from tieback.models.endpoints.json_endpoint import JsonEndpoint
from tieback.models.endpoints.refusals import OF_THE_TEXT, refused_text
from tieback.models.endpoints.requests import parts_of
from tieback.models.endpoints.text_length import TextLengths
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel
from tieback.models.text.tokenization import EMPTY

log = logging.getLogger(__name__)

HINT = "try again; a search by words works meanwhile"
ANSWER_BYTES = 24
"""Of a number in an answer at most, with what is around it."""

RIDES_FROM = 8
"""A request of so many texts takes a text of the canary along: it costs an eighth of it at most."""

BEGIN_SECONDS = 10.0
"""The time for the first look at the canary, when the server starts."""

AGAIN_SECONDS = 2.0
"""After a canary that differs, the time until the endpoint is asked again."""


def canary_of(card: EncoderCard, folder: Path) -> Canary:
    """The canary of a card, in its folder of the model store."""
    return Canary(folder / f"canary-{card.fingerprint}.safetensors")


@dataclass(frozen=True, slots=True)
class Sent:
    """A text as it is sent; where it `cuts`, the server may cut it."""

    text: str
    cuts: bool


class EndpointEncoder:
    """Asks one endpoint, over connections that are kept. For one event loop, but `prepare` and `starts`."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, _: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = options = card.options_for(EncoderEndpoint)
        largest = (options.batch + len(TEXTS)) * (card.width * ANSWER_BYTES + 1024)
        self._endpoint = JsonEndpoint(
            card.name, options, correct="base_url, model or batch", hint=HINT, largest=largest
        )
        self._lengths = TextLengths(options)
        before = len(self._lengths.starts(options.prefix)) if options.prefix else 0
        most = card.max_tokens
        self._room = None if most is None else max(1, most - before - self._lengths.special)
        self.canary = canary_of(card, served.folder)
        self.cosine = math.nan
        """The smallest cosine to the canary, as it was when it was last looked at."""
        self._differs = ""
        self._looked_at, self._stretch = -math.inf, (-1, -1)
        self._looking = asyncio.Lock()
        self._free = asyncio.Semaphore(options.parallel)

    @property
    def sizes(self) -> Sequence[int]:
        """None: what it costs elsewhere is not measured here."""
        return ()

    def sample(self, tokens: int) -> Prepared:
        """A text of about so many tokens."""
        return Prepared(tokens, Sent("a " * tokens, cuts=True))

    @property
    def window(self) -> int | None:
        """Tokens of a text that are read at most; None for no limit."""
        return self._room

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`: about, without its tokenizer."""
        return self._lengths.starts(text)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Reads a text. Without the model's tokenizer here, it is the endpoint that refuses a long one."""
        if isinstance(content.data, TokenNumbers):
            raise InvalidInput(
                f"{self.card.name} is asked for texts, and tokens cannot be sent to it; send the text",
                field="token_ids",
            )
        text = read_text(content, limits)
        if not text.strip():
            raise InvalidInput(EMPTY, field="text")
        cuts = plan.truncation is Truncation.END
        room = len(text) if self._room is None else self._room
        kept, tokens, cut = self._lengths.fitted(text, room, cuts=cuts)
        return Prepared(tokens, Sent(self._options.prefix + kept, cuts), cut, size=len(kept) * 4)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:  # noqa: ARG002 - none is run
        """Not of a model that is asked over the network; see `answer`."""
        raise StartupError(f"{self.card.name} is an endpoint, and is not run here")

    def warm_up(self) -> None:
        """Nothing: see `begin`."""

    async def begin(self) -> None:
        """Looks at the canary. What is wrong is logged: the server goes on without the endpoint."""
        try:
            await self._look(Deadline.after(BEGIN_SECONDS))
        except TiebackError as error:
            log.warning("%s", error.message)

    async def answer(
        self, batch: Sequence[Prepared], deadline: Deadline, *, alone: bool
    ) -> list[RawEncoding | TiebackError]:
        """One encoding for each, in order, or why the endpoint refuses that one.

        ChangedEndpoint where another model answers than before; EndpointMisconfigured, EndpointUnavailable,
        Overloaded, DeadlineExceeded.
        """
        results: dict[int, RawEncoding | TiebackError] = {}
        most = 1 if alone else max(1, self._options.batch - 1)  # and a text of the canary
        sizes = [(one.tokens, len(one.payload.text.encode())) for one in batch]
        parts = iter(list(parts_of(self._options, sizes, most)))

        async def work() -> None:
            for places in parts:
                async with self._free:
                    sent = [batch[place].payload for place in places]
                    results.update(zip(places, await self._encoded(sent, deadline), strict=True))

        # Others find a place in between: one request never has all of them waiting.
        await all_or_none(work() for _ in range(max(1, self._options.parallel // 2)))
        return [results[place] for place in range(len(batch))]

    async def probe(self) -> str:
        """The reason that it cannot be asked now, in one sentence; or empty. Keeps no canary."""
        try:
            await self._look(Deadline.after(BEGIN_SECONDS), keeps=False)
        except TiebackError as error:
            return error.message
        return ""

    async def fresh_canary(self, deadline: Deadline) -> Array:
        """The vectors of the canary's texts, as they are now `[texts, width]`."""
        most = self._options.batch
        parts = [TEXTS[begin : begin + most] for begin in range(0, len(TEXTS), most)]
        return np.stack([row for part in parts for row in await self._asked(part, deadline, cuts=False)])

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    async def _encoded(self, sent: Sequence[Sent], deadline: Deadline) -> list[RawEncoding | TiebackError]:
        """The encodings of one request. Where it is refused, of its halves: one text may be to blame."""
        try:
            rows = await self._checked([one.text for one in sent], deadline, cuts=sent[0].cuts)
        except EndpointMisconfigured as refusal:
            if refusal.status not in OF_THE_TEXT or (len(sent) == 1 and math.isnan(self.cosine)):
                raise
            if len(sent) == 1:
                return [refused_text(self.card.name, refusal)]
            half = len(sent) // 2
            return [one for part in (sent[:half], sent[half:]) for one in await self._encoded(part, deadline)]
        return [RawEncoding(row) for row in rows]

    async def _checked(self, texts: Sequence[str], deadline: Deadline, *, cuts: bool) -> list[Array]:
        """The vectors of texts, of the model that the canary is of: nothing else is given on."""
        age = time.monotonic() - self._looked_at
        if self._differs or self.canary.kept is None or math.isnan(self.cosine):
            await self._look(deadline)
            is_due = False
        else:
            is_due = len(texts) >= RIDES_FROM or age >= self._options.canary_seconds
        rides = is_due and len(texts) < self._options.batch
        before = self._endpoint.stretch
        canary = [self._options.prefix + TEXTS[0]] if rides else []
        rows = await self._asked([*texts, *canary], deadline, cuts=cuts, prefixed=True)
        if rides:
            self.cosine = self.canary.cosine(rows[-1:])
            if self.cosine >= SMALLEST_COSINE:
                self._looked_at, self._stretch = time.monotonic(), self._endpoint.stretch
                return rows[:-1]
            await self._look(deadline, again=True)  # which says more where it differs there too
            raise self._endpoint.away("gives vectors of two models; maybe one is being replaced")
        if is_due or not self._stretch == before == self._endpoint.stretch:
            # Another server may have answered: a restarted one is connected with anew.
            await self._look(deadline, again=True)
        if len(rows[0]) != self.card.width:
            await self._look(deadline, again=True)
            raise self._endpoint.away("sent what is no answer")
        return rows

    async def _look(self, deadline: Deadline, *, keeps: bool = True, again: bool = False) -> None:
        """Compares the canary with the one that is kept; keeps it at the first use.

        ChangedEndpoint where they differ; EndpointMisconfigured where vectors have another width.
        """
        arrived = time.monotonic()
        async with self._looking:
            recent = arrived - AGAIN_SECONDS if self._differs and not again else arrived
            if self._looked_at > recent:  # by somebody else meanwhile
                if self._differs:
                    raise self._changed()
                return
            rows = await self.fresh_canary(deadline)
            width = rows.shape[1]
            if self.canary.kept is None:
                if width != self.card.width:
                    error = EndpointMisconfigured(
                        f"the endpoint of {self.card.name} gives vectors of {width} dimensions and its card "
                        f"says {self.card.width}; correct width, model or dimensions of the card"
                    )
                    error.hint = HINT
                    raise error
                if not keeps:
                    return
                try:
                    self.canary.keep(rows)
                except OSError as error:
                    log.error("the canary of %s is kept in this process alone: %s", self.card.name, error)
                log.info("the canary of %s is kept: its space is the model that answers now", self.card.name)
            self.cosine = self.canary.cosine(rows)
            self._looked_at, self._stretch = time.monotonic(), self._endpoint.stretch
            was, self._differs = self._differs, self._difference(width)
            if self._differs:
                if self._differs != was:
                    log.error("%s", self._changed().message)
                raise self._changed()
            if was:
                log.warning("the endpoint of %s gives the vectors of before again", self.card.name)

    def _difference(self, width: int) -> str:
        if self.cosine >= SMALLEST_COSINE:
            return ""
        if width != self.card.width:
            return f"vectors of {width} dimensions in place of {self.card.width}"
        return (
            f"other vectors than before (cosine {self.cosine:.4f} to its canary, at least {SMALLEST_COSINE})"
        )

    def _changed(self) -> ChangedEndpoint:
        name = self.card.name
        return ChangedEndpoint(
            f"the endpoint of {name} gives {self._differs}: another model answers there. Nothing is written "
            "and no vector is searched, searches by words work. Have the model of before served again; or, "
            "if the change is meant, write another version into the card's options, restart, and run tieback "
            f"reindex for each collection in {name}; or, if its vectors are as good as the same to you: "
            f"tieback models canary {name} --accept",
            space=self.card.space.name,
            hint=f"tieback models canary {name}",
        )

    async def _asked(
        self, texts: Sequence[str], deadline: Deadline, *, cuts: bool, prefixed: bool = False
    ) -> list[Array]:
        """Vectors of length 1 of texts; the prompt is put before them, unless they are `prefixed`."""
        before = "" if prefixed else self._options.prefix
        path, body = self._options.request([before + text for text in texts], cuts=cuts)

        def read(answer: object) -> list[Array]:
            rows = [np.asarray(one, np.float32) for one in self._options.vectors(answer)]
            widths = {one.shape for one in rows}
            if len(rows) != len(texts) or len(widths) != 1 or len(rows[0].shape) != 1:
                raise ValueError("another number of vectors, or of different widths")
            if not np.isfinite(np.stack(rows)).all():
                raise ValueError("no numbers")
            return [unit_rows(row) for row in rows]

        return await self._endpoint.ask(path, body, deadline, read)
