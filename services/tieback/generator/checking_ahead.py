"""Checks a claim as soon as it may be over, while the model writes the token that tells whether it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tieback_contract.claims import CheckEvent, Claim

from tieback.core.deadline import Deadline
from tieback.grounding import ClaimCheck, PassageReader, answering, as_stated
from tieback.methods.grounding import Finding, Statement


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
