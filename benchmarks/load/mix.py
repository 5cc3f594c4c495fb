"""The kinds of calls of a load and their shares, and a client of the pipeline as their target."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from tieback_client import (
    AnswerStyle,
    AsyncClient,
    DeadlineExceeded,
    Item,
    Overloaded,
    Retry,
    SamplingParameters,
)

from benchmarks.corpus import Corpus
from benchmarks.data_folder import DataError
from benchmarks.load.target import Late, Rejected, Request

DEFAULT_MIX = "retrieve 60, answer 10, check 10, ingest 20"
DOCS, WRITTEN = "load-docs", "load-written"
"""The collection that is searched, and the one that items are written to."""
ITEMS = 500
"""Items that are written at most: what is ingested replaces what had its id."""
ANSWER_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A call: its number, its kind, who makes it, and the texts that it has."""

    number: int
    kind: str
    tenant: int
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call: how long its caller waits, how many short and long texts it takes, and the call."""

    seconds: float
    short: int
    long: int
    ask: Callable[[AsyncClient, Asked, str, float], Awaitable[object]]


async def _retrieve(client: AsyncClient, asked: Asked, _: str, seconds: float) -> object:
    return await client.retrieve(DOCS, asked.texts[0], limit=5, timeout=seconds)


async def _answer(client: AsyncClient, asked: Asked, _: str, seconds: float) -> object:
    return await client.answer(DOCS, asked.texts[0], timeout=seconds).collect()


async def _generate(client: AsyncClient, asked: Asked, _: str, seconds: float) -> object:
    sampling = SamplingParameters(max_tokens=ANSWER_TOKENS)
    written = client.generate(
        asked.texts[0], asked.texts[1:], style=AnswerStyle.WRITE, sampling=sampling, timeout=seconds
    )
    return await written.collect()


async def _check(client: AsyncClient, asked: Asked, _: str, seconds: float) -> object:
    return await client.check(asked.texts[0], asked.texts[1:], timeout=seconds)


async def _encode(client: AsyncClient, asked: Asked, space: str, seconds: float) -> object:
    found = await client.encode(asked.texts, space=space, truncate=True, timeout=seconds)
    for error in found.errors.values():
        raise error
    return found


async def _ingest(client: AsyncClient, asked: Asked, space: str, seconds: float) -> object:
    item = Item(f"item-{asked.number % ITEMS}", list(asked.texts))
    report = await client.ingest(WRITTEN, [item], space=space, timeout=seconds).collect()
    for error in report.errors.values():
        raise error
    return report


KINDS: Mapping[str, Kind] = {
    "retrieve": Kind(1.0, 1, 0, _retrieve),
    "answer": Kind(2.0, 1, 0, _answer),
    "generate": Kind(10.0, 1, 1, _generate),
    "check": Kind(2.0, 1, 2, _check),
    "encode": Kind(1.0, 1, 0, _encode),
    "ingest": Kind(5.0, 0, 1, _ingest),
}
LONGEST = max(kind.seconds for kind in KINDS.values())

Mix = Mapping[str, float]
"""Shares of the kinds."""


def parsed(written: str) -> Mix:
    """A mix such as "retrieve 60, answer 10". DataError for another form or kind."""
    mix: dict[str, float] = {}
    for part in written.split(","):
        name, _, share = part.strip().partition(" ")
        if name not in KINDS or name in mix:
            raise DataError(f"{part.strip()!r} is no kind with its share; kinds: {', '.join(KINDS)}")
        try:
            mix[name] = float(share)
        except ValueError:
            raise DataError(f"{part.strip()!r} has no share, for instance {name} 60") from None
    if not any(mix.values()) or min(mix.values()) < 0:
        raise DataError("a mix has shares of 0 and more, and not only 0")
    return mix


@dataclass
class Work:
    """Draws calls of a mix, none with the same texts as another, so that no cache answers them."""

    mix: Mix
    corpus: Corpus
    questions: Sequence[str]
    seed: int = 0
    _drawn: int = 0

    def draw(self, count: int, tenants: Sequence[int] = (0,)) -> list[Request]:
        """So many calls, by the tenants in turn."""
        chance = random.Random(f"{self.seed} {self._drawn}")
        names, shares = list(self.mix), list(self.mix.values())
        kinds = chance.choices(names, shares, k=count)
        return [(self._asked(kind, tenants[n % len(tenants)], chance),) for n, kind in enumerate(kinds)]

    def _asked(self, kind: str, tenant: int, chance: random.Random) -> Asked:
        self._drawn += 1
        short = self.questions if kind in ("retrieve", "answer", "generate") else self.corpus.short
        needs = KINDS[kind]
        texts = [f"{chance.choice(short)} ({self._drawn})" for _ in range(needs.short)]
        texts += [f"{chance.choice(self.corpus.long)} ({self._drawn})" for _ in range(needs.long)]
        return Asked(self._drawn, kind, tenant, texts)


@dataclass
class PipelineTarget:
    """The pipeline as users call it: by `AsyncClient`, one for each tenant's token, `copies` of each.

    Several copies stand for processes of their own: each has its own budget of retries. Without `retry` a
    refusal is told at once. `patience` are seconds that a caller waits, if not those of the kind.
    """

    address: str
    space: str
    tokens: Sequence[str | None] = (None,)
    retry: Retry | None = None
    copies: int = 1
    patience: float | None = None
    _clients: list[list[AsyncClient]] = field(default_factory=list, init=False, repr=False)

    async def open(self) -> None:
        """Connects."""
        self._clients = [[self._client(token) for _ in range(self.copies)] for token in self.tokens]

    async def close(self) -> None:
        """Hangs up."""
        for several in self._clients:
            for client in several:
                await client.close()

    @property
    def retries(self) -> int:
        """Calls that its clients sent again."""
        return sum(client.retries for several in self._clients for client in several)

    async def encode(self, request: Sequence[Any]) -> Any:
        """Makes the call of a request."""
        (asked,) = request
        kind, several = KINDS[asked.kind], self._clients[asked.tenant]
        client = several[asked.number % len(several)]
        try:
            return await kind.ask(client, asked, self.space, self.patience or kind.seconds)
        except Overloaded as error:
            raise Rejected(error.message, retry_after=error.retry_delay) from None
        except DeadlineExceeded as error:
            raise Late(error.message) from None

    def _client(self, token: str | None) -> AsyncClient:
        if self.copies == 1:
            return AsyncClient(self.address, token=token, retry=self.retry)
        # Channels with equal arguments would share one connection; a client that is given one has a budget.
        channel = grpc.aio.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
        return AsyncClient(self.address, token=token, retry=self.retry, channel=channel)
