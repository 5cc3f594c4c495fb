"""The kinds of calls of a soak, and who makes them."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import time
import wave
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Picture
from tieback.methods.reranking import rerankings
from tieback_client import (
    AsyncClient,
    Audio,
    Image,
    InvalidArgument,
    Item,
    Modality,
    NotFound,
    Points,
    SamplingParameters,
    Section,
    Space,
    TiebackError,
)

from benchmarks.corpus import Corpus

IDS = 120
"""Items of a tenant at most: what is ingested replaces what had its id."""

JOINT_SPACE = "joint"
ANSWERED, GIVEN_UP = "answered", "given up"
LONGEST_WAIT = 0.05  # seconds, of a call that is given up
SECONDS = 120.0  # of any other
TOO_MANY_KEYS = 8


@dataclass(frozen=True)
class Ended:
    """End of a call of a kind, when it began since the soak did, how long it took."""

    kind: str
    what: str
    expected: bool
    at: float
    took: float


@dataclass(frozen=True)
class Kind:
    """One kind of call: how often it comes, of all weights, and how it may end."""

    name: str
    weight: float
    act: Callable[[Caller], Awaitable[None]]
    ends: frozenset[str] = frozenset({ANSWERED})
    given_up: bool = False
    writes: bool = False


@dataclass
class Caller:
    """A tenant's calls."""

    client: AsyncClient
    collection: str
    texts: Corpus
    chance: random.Random
    spaces: list[Space]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    async def make(cls, client: AsyncClient, tenant: str, texts: Corpus, chance: random.Random) -> Caller:
        """With the spaces that the server has, and a collection of the joint space."""
        spaces = [space for space in await client.spaces() if space.ref.name != JOINT_SPACE]
        collection = f"soak-{tenant}"
        await client.create_collection(collection, JOINT_SPACE)
        return cls(client, collection, texts, chance, spaces)

    async def ask(self, kind: Kind, begun: float) -> Ended:
        """Makes one call."""
        at = time.monotonic()
        limit = self.chance.uniform(0.001, LONGEST_WAIT) if kind.given_up else None
        try:
            async with asyncio.timeout(limit):
                await kind.act(self)
            what = ANSWERED
        except TimeoutError:
            what = GIVEN_UP
        except TiebackError as error:
            what = type(error).__name__
            if what not in kind.ends:
                return Ended(
                    kind.name, f"{what}: {str(error)[:200]}", False, at - begun, time.monotonic() - at
                )
        expected = what in kind.ends or (kind.given_up and what == GIVEN_UP)
        return Ended(kind.name, what, expected, at - begun, time.monotonic() - at)

    def text(self) -> str:
        """A text that was not sent before; one in five is long."""
        long = self.chance.random() < 0.2
        chosen = self.chance.choice(self.texts.long if long else self.texts.short)
        return f"{next(self.numbers)} {self.collection} {chosen}"

    def image(self) -> Image:
        """A photo, or a picture of one colour."""
        if self.texts.photos and self.chance.random() < 0.3:
            # What stands behind a picture's end makes it another for caches alone.
            return Image(self.chance.choice(self.texts.photos) + str(next(self.numbers)).encode())
        file = io.BytesIO()
        colour = tuple(self.chance.randrange(256) for _ in range(3))
        Picture.new("RGB", (self.chance.randint(32, 640), 240), colour).save(file, "PNG")
        return Image(file.getvalue())

    def audio(self) -> Audio:
        """A tone of one to three seconds."""
        rate = 16_000
        times = np.arange(int(rate * self.chance.uniform(1.0, 3.0))) / rate
        samples = (8000 * np.sin(2 * np.pi * self.chance.uniform(100, 2000) * times)).astype("<i2")
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes(samples.tobytes())
        return Audio(file.getvalue())

    def points(self) -> Points:
        """A cloud of 500 to 2,000 points."""
        rng = np.random.default_rng(self.chance.randrange(1 << 30))
        return Points(rng.normal(size=(self.chance.randint(500, 2000), 3)).astype(np.float32))

    def item(self, *contents: Any) -> Item:
        """An item under one of the tenant's ids, with metadata of which some keys were never there."""
        number = next(self.numbers)
        new = {f"key_{number}_{place}": place for place in range(self.chance.randint(0, TOO_MANY_KEYS))}
        name = f"item-{self.chance.randrange(IDS)}"
        sections = [Section(content, id=str(place)) for place, content in enumerate(contents)]
        return Item(name, sections, title=name, metadata={"year": 1900 + number % 100, **new})


async def _encode(caller: Caller) -> None:
    space = caller.chance.choice(caller.spaces)
    made: Mapping[Modality, Callable[[], Any]] = {
        Modality.TEXT: caller.text,
        Modality.IMAGE: caller.image,
        Modality.AUDIO: caller.audio,
        Modality.POINTS: caller.points,
    }
    make = made[caller.chance.choice(space.modalities)]
    contents = [make() for _ in range(caller.chance.choice((1, 1, 2, 8)))]
    found = await caller.client.encode(
        contents, space=space.ref.name, kinds=space.kinds, truncate=True, timeout=SECONDS
    )
    for error in found.errors.values():
        raise error


async def _ingest(caller: Caller, items: list[Item]) -> None:
    report = await caller.client.ingest(caller.collection, items, timeout=SECONDS).collect()
    for error in report.errors.values():
        raise error


async def _texts(caller: Caller) -> None:
    await _ingest(
        caller, [caller.item(caller.text(), caller.text()) for _ in range(caller.chance.randint(1, 4))]
    )


async def _pictures(caller: Caller) -> None:
    await _ingest(caller, [caller.item(caller.image())])


async def _sounds(caller: Caller) -> None:
    await _ingest(caller, [caller.item(caller.audio(), caller.text())])


async def _delete(caller: Caller) -> None:
    names = [f"item-{caller.chance.randrange(IDS)}" for _ in range(3)]
    await caller.client.delete(caller.collection, names, timeout=SECONDS)


async def _retrieve(caller: Caller) -> None:
    await caller.client.retrieve(caller.collection, caller.text(), limit=10, timeout=SECONDS)


async def _hybrid(caller: Caller) -> None:
    await caller.client.retrieve(
        caller.collection,
        caller.text(),
        hybrid=True,
        balance_modalities=caller.chance.random() < 0.5,
        filter="year >= 1950",
        timeout=SECONDS,
    )


async def _by_picture(caller: Caller) -> None:
    await caller.client.retrieve(caller.collection, caller.image(), limit=5, timeout=SECONDS)


async def _rerank(caller: Caller) -> None:
    method = caller.chance.choice(rerankings.names())
    await caller.client.retrieve(
        caller.collection,
        caller.text(),
        limit=5,
        candidates=10,
        reranker=method,
        explain=True,
        timeout=SECONDS,
    )


async def _answer(caller: Caller) -> None:
    sampling = SamplingParameters(max_tokens=8)
    await caller.client.answer(
        caller.collection, caller.text(), evidence_limit=2, sampling=sampling, timeout=SECONDS
    ).collect()


async def _list(caller: Caller) -> None:
    async for _ in caller.client.items(caller.collection, filter="year >= 1920"):
        pass


async def _any(caller: Caller) -> None:
    await caller.chance.choice((_encode, _texts, _pictures, _retrieve, _rerank, _list))(caller)


async def _unreadable(caller: Caller) -> None:
    await _ingest(caller, [caller.item(Image(b"this is no picture")), caller.item(caller.text())])


async def _refused(caller: Caller) -> None:
    await caller.client.retrieve(caller.collection, caller.text(), filter="year >=", timeout=SECONDS)


async def _absent(caller: Caller) -> None:
    await caller.client.get(caller.collection, f"no-such-{next(caller.numbers)}", timeout=SECONDS)


REFUSED = frozenset({InvalidArgument.__name__})
KINDS = (
    Kind("encode", 30, _encode),
    Kind("ingest texts", 14, _texts),
    Kind("ingest a picture", 4, _pictures),
    Kind("ingest a sound", 2, _sounds),
    Kind("delete", 5, _delete),
    Kind("retrieve", 14, _retrieve),
    Kind("retrieve, hybrid", 6, _hybrid),
    Kind("retrieve by a picture", 2, _by_picture),
    Kind("retrieve, reranked", 6, _rerank),
    Kind("answer", 2, _answer, writes=True),
    Kind("list", 4, _list),
    Kind("given up", 6, _any, given_up=True),
    Kind("answer, given up", 1, _answer, given_up=True, writes=True),
    Kind("unreadable item", 2, _unreadable, REFUSED),
    Kind("bad filter", 1, _refused, REFUSED),
    Kind("absent item", 1, _absent, frozenset({NotFound.__name__})),
)
