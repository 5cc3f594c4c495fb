"""What is shown of an answer that is written: text as it comes, or sentences that were repaired.

With a repair, a sentence is shown once its verdict is known, so that text is only ever appended. The model
goes on from what it wrote, whatever is shown of it: what was repaired, put back, gives the answer without
repair, token for token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from tieback_contract.answers import GenerationEvent, TextDelta, TokenScores
from tieback_contract.claims import CheckEvent, Claim, Repaired, VerdictLabel

from tieback.core.deadline import Deadline
from tieback.generator.writing.slots import Written
from tieback.grounding import ClaimCheck, PassageReader, answering, as_stated
from tieback.methods.grounding import Finding, Statement

TO_REPAIR = (VerdictLabel.UNSUPPORTED, VerdictLabel.CONTRADICTED)

Rewrites = Callable[[Statement], AsyncGenerator[str, None]]
"""Other sentences in place of one that is not supported, the most promising first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the passages say of a text; None where it is not checked."""

    statement: Statement | None = None
    finding: Finding | None = None


class CheckingAhead:
    """Finds what the passages say of an answer's claims, one after another."""

    def __init__(self, check: ClaimCheck, reader: PassageReader, question: str, deadline: Deadline) -> None:
        self._check = check
        self._reader = reader
        self._question = question
        self._deadline = deadline
        self._expected = ""
        self._task: asyncio.Task[Found] | None = None

    def expect(self, text: str) -> None:
        """Begins with what may be the next claim; nothing where that is empty."""
        if text and (text != self._expected or self._task is None):
            self.drop()
            self._expected, self._task = text, asyncio.create_task(self._find(text))

    async def found(self, text: str) -> Found:
        """What is found of a claim, begun already where it was expected."""
        if self._expected != text:
            self.drop()
        task, self._task = self._task, None
        return await (task or self._find(text))

    async def concluded(self, claim: Claim, found: Found) -> AsyncIterator[CheckEvent]:
        """The claim's citations, best first, its verdict, which counts from now on, and then conflicts."""
        concluded = self._check.conclude(claim, found.finding)
        for one in answering(self._question, claim, concluded):
            yield one
        for conflict in await self._check.conflicts(claim, concluded):
            yield conflict

    def drop(self) -> None:
        """Gives up what was begun."""
        task, self._task = self._task, None
        if task is not None and not task.cancel() and not task.cancelled():
            task.exception()  # of a check that nobody asked for

    async def _find(self, text: str) -> Found:
        if not self._check.takes(text):
            return Found()
        [statement] = await self._reader.statements([as_stated(text)], self._deadline)
        return Found(statement, await self._check.find(statement))


async def as_written(
    pieces: AsyncIterator[Written], checking: CheckingAhead
) -> AsyncGenerator[GenerationEvent, None]:
    """Text as it comes, each claim after the text that completes it, then its citations and verdict."""
    async for piece in pieces:
        if piece.scores is not None:
            yield TokenScores([piece.scores])
        if piece.text:
            yield TextDelta(piece.text)
        for claim in piece.claims:
            yield claim
            async for event in checking.concluded(claim, await checking.found(claim.text)):
                yield event
        checking.expect(piece.pending)


async def no_rewrites(_: Statement) -> AsyncGenerator[str, None]:
    """None, so that what is not supported is left out."""
    return
    yield


class Repairs:
    """Shows an answer's sentences, and in place of what is not supported another one, or nothing."""

    def __init__(self, checking: CheckingAhead, rewrites: Rewrites) -> None:
        self._checking = checking
        self._rewrites = rewrites
        self._size = 0
        self._claims = 0
        self.repaired = 0

    @property
    def left_nothing(self) -> bool:
        """Whether something was written, and none of it is shown."""
        return self.repaired > 0 and not self._size

    async def events(self, pieces: AsyncIterator[Written]) -> AsyncGenerator[GenerationEvent, None]:
        """The answer's events. White space after its last sentence is not shown."""
        held, begin = b"", 0
        async for piece in pieces:
            held += piece.text.encode()
            for claim in piece.claims:
                size = claim.span[1] - begin
                text, held, begin = held[:size].decode(), held[size:], claim.span[1]
                async with aclosing(self._sentence(text, claim.text)) as events:
                    async for event in events:
                        yield event
            self._checking.expect(piece.pending)

    async def _sentence(self, text: str, claim: str) -> AsyncGenerator[GenerationEvent, None]:
        """`text` is the claim with the white space before it."""
        found = await self._checking.found(claim)
        if found.statement is None or found.finding is None or found.finding.label not in TO_REPAIR:
            for event in await self._shown(text, claim, found):
                yield event
            return
        self.repaired += 1
        verdict = (found.finding.label, found.finding.score)
        async with aclosing(self._rewrites(found.statement)) as others:
            async for other in others:
                better = await self._checking.found(other)
                if better.finding is not None and better.finding.label is VerdictLabel.SUPPORTED:
                    begin = self._size
                    shown = await self._shown(text.removesuffix(claim) + other, other, better)
                    yield Repaired((begin, self._size), text, *verdict)
                    for event in shown:
                        yield event
                    return
        yield Repaired((self._size, self._size), text, *verdict)

    async def _shown(self, text: str, claim: str, found: Found) -> list[GenerationEvent]:
        if not self._size:
            text = text.lstrip()
        end = self._size + len(text.encode())
        self._claims += 1
        stated = Claim(self._claims, (end - len(claim.encode()), end), claim)
        self._size = end
        return [TextDelta(text), stated, *[one async for one in self._checking.concluded(stated, found)]]
