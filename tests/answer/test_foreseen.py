"""An answer that would be refused once passages were found is refused before."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator

import pytest
from answer.conftest import Platform
from support.acting import acting_for
from support.queries import words
from support.requests import answered, retrieval
from tieback.answer.foreseen import ForeseenRefusals
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import Overloaded, RateExceeded
from tieback.core.tenant import Principal
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.generation import GenerateRequest
from tieback_contract.answers import GenerationEvent
from tieback_contract.modality import Modality

GREEDY, QUIET = Principal("greedy"), Principal("quiet")


class Full:
    """A generator with no room, or with some again."""

    def __init__(self) -> None:
        self.asked = 0

    async def generate(
        self, request: GenerateRequest, call: Call = NO_CALL
    ) -> AsyncGenerator[GenerationEvent, None]:
        self.asked += 1
        raise Overloaded("too much waits", retry_after=4.0)
        yield


def test_a_refusal_holds_for_a_while_for_the_tenant_and_for_calls_with_as_little_time() -> None:
    now = [100.0]
    foreseen = ForeseenRefusals(lambda: now[0])
    with acting_for(GREEDY):
        foreseen.note(Overloaded("too much waits", retry_after=4.0), 1.0)

        with pytest.raises(Overloaded, match="too much waits") as refused:
            foreseen.check(Deadline.after(1.0))
        foreseen.check(Deadline.after(2.0))  # which may be written
    assert refused.value.retry_after == 4.0
    with acting_for(QUIET):
        foreseen.check(Deadline.after(1.0))
    with acting_for(GREEDY):
        now[0] += 1.9
        with pytest.raises(Overloaded):
            foreseen.check(Deadline.after(1.0))
        now[0] += 0.2
        foreseen.check(Deadline.after(1.0))


def test_a_tenants_own_limit_is_no_sign_of_an_overload() -> None:
    foreseen = ForeseenRefusals()

    foreseen.note(RateExceeded("too many tokens", retry_after=4.0), 1.0)

    foreseen.check(NO_DEADLINE)


async def test_the_second_of_two_answers_is_refused_without_a_search(platform: Platform) -> None:
    item = Item("pages", [Section("a", Content(Modality.TEXT, "coffee is hot"))])
    await platform.ingest("library", [item])
    full = Full()
    platform.answerer._generator = full
    asked = retrieval("library", [words("what is hot")])

    for _ in range(2):
        with pytest.raises(Overloaded):
            async for _ in answered(platform.answerer, asked):
                pass
    found = await platform.answerer.retrieve(dataclasses.replace(asked))

    assert full.asked == 1
    assert found.hits
