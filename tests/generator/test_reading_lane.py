"""Answers in an overload: some are given in time, the others are refused before anything is read for them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from generator.test_question_reading import STATE
from support import bag_of_words
from tieback.admission import Admission
from tieback.batching.lane import Lane
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded, TiebackError
from tieback.core.types.generation import CheckGroundingRequest, GenerateRequest, GroundingCheck
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.generator.evidence.answerability import Judges
from tieback.grounding import ClaimChecker
from tieback.grounding.reading_lane import claim_size
from tieback_contract.generation import Evidence

SENTENCES, SECONDS, THREADS = 8, 0.02, 2
"""Sentences of an answer's evidence, and what each takes: 0.16 s an answer."""

EVIDENCE = [Evidence(f"The bridge {n} was built in 18{10 + n}.", str(n)) for n in range(SENTENCES)]


class Reader:
    """A network that takes a while; counts what it reads, and how much at once."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, question: str, text: str) -> float:
        with self._lock:
            self.read[question] += 1
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(SECONDS)
        with self._lock:
            self.now -= 1
        return 3.0


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    made = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield made
    await made.close()


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    made = Lane("reading", Admission(workers=THREADS), threads=THREADS, rate=700.0)
    yield made
    await made.close()


async def test_in_an_overload_answers_are_refused_before_they_are_read_and_the_others_are_in_time(
    encoder: Encoder, lane: Lane
) -> None:
    reader = Reader()
    judges = Judges({"question_reading": STATE}, reader)
    generator = Generator(GeneratorParts([], encoder, space="bag-of-words", judges=judges, lane=lane))

    async def answered(number: int) -> str:
        await asyncio.sleep(number * 0.02)  # four times as many as can be read
        request = GenerateRequest(f"When was bridge {number} built?", EVIDENCE)
        try:
            async for _ in generator.generate(request, Call(Deadline.after(1.0))):
                pass
        except TiebackError as error:
            return type(error).__name__
        return "answered"

    ends = await asyncio.gather(*(answered(number) for number in range(60)))

    counts = Counter(ends)
    assert reader.most <= THREADS, counts
    assert reader.read.total() > 2 * SENTENCES, counts
    assert counts["answered"] >= 10
    assert counts["Overloaded"] >= 20
    assert counts["DeadlineExceeded"] <= 3
    # Nothing was read for those that were refused.
    assert len(reader.read) <= 60 - counts["Overloaded"]
    await generator.close()


async def test_a_check_is_refused_while_more_waits_to_be_read_than_its_time_allows(
    encoder: Encoder, lane: Lane
) -> None:
    checker = ClaimChecker(encoder, space="bag-of-words", lane=lane)
    request = CheckGroundingRequest([GroundingCheck("The bridge was built in 1810.", EVIDENCE)])

    with (
        lane.place(100 * claim_size(EVIDENCE), Deadline.after(0.4)),
        pytest.raises(Overloaded, match="tokens are waiting"),
    ):
        await checker.check_grounding(request, Call(Deadline.after(0.5)))
    reply = await checker.check_grounding(request, Call(Deadline.after(5.0)))

    assert len(reply.results) == 1
