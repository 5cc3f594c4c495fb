"""Holds a text's claims against passages: citations, verdicts, and how much is supported."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from tieback_contract.claims import (
    CheckEvent,
    Citation,
    Claim,
    Conflict,
    NotCheckedReason,
    Verdict,
    VerdictLabel,
)
from tieback_contract.generation import Evidence

from tieback.batching.lane import LanePlace
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.text.sentences import decided_until, ends, may_end, sentences, trimmed
from tieback.grounding.configured_checker import LABELS, ConfiguredChecker, labels_checker
from tieback.grounding.conflicts import Conflicts
from tieback.grounding.disagreement import Explanations, citation_of
from tieback.grounding.languages import is_foreign
from tieback.grounding.reading_lane import claim_size
from tieback.methods.grounding import (
    Finding,
    Passage,
    Place,
    Statement,
    Support,
)

MOST_CITATIONS = 3
LONGEST_CLAIM = 1000
"""Characters of a claim; text encoders cut what is longer, and the verdict would be of its beginning."""

NOTHING = np.zeros(0, np.float32)
"""In place of a vector that nobody reads."""


class ClaimFinder:
    """Takes an answer's text piece by piece and gives each sentence as soon as it is over.

    Spans are bytes of the answer's UTF-8 text so far; ids count from 1. Only the sentence that is not over is
    kept, which has a greatest length, and only its end is looked at again: a piece costs the same however
    long the answer is.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._decided = 0
        self._bytes_before = 0
        self._found = 0

    def add(self, text: str) -> list[Claim]:
        """The claims that this text completes."""
        self._rest += text
        return self._claims([0, *ends(self._rest, self._decided)])

    @property
    def pending(self) -> str:
        """The statement that is over if what follows does not go on with it; empty where none may be.

        "It is 3." may go on with "5", so a stop alone ends nothing.
        """
        text = self._rest.rstrip()
        return text if may_end(text) else ""

    def end(self) -> list[Claim]:
        """What is left, complete or not."""
        return self._claims([0, *(end for _, end in sentences(self._rest))])

    def _claims(self, cuts: list[int]) -> list[Claim]:
        claims = []
        for begin, end in itertools.pairwise(cuts):
            span = trimmed(self._rest, begin, end)
            if span is not None:
                self._found += 1
                text = self._rest[span[0] : span[1]]
                first = self._bytes_before + len(self._rest[begin : span[0]].encode())
                claims.append(Claim(self._found, (first, first + len(text.encode())), text))
            self._bytes_before += len(self._rest[begin:end].encode())
        rest = self._rest[cuts[-1] :]
        self._rest = rest.lstrip()
        self._bytes_before += len(rest[: len(rest) - len(self._rest)].encode())
        self._decided = decided_until(self._rest)
        return claims


class ClaimCheck:
    """Checks one text's claims against passages that have a text, in a language that checkers know.

    `question` is what the text answers. Claims are read with the passages at their `place` in a lane, if
    there is one.
    """

    def __init__(
        self,
        sources: Sequence[Evidence],
        passages: Sequence[Passage],
        checker: ConfiguredChecker,
        question: str = "",
        deadline: Deadline = NO_DEADLINE,
        place: LanePlace | None = None,
    ) -> None:
        self._checker, self._place = checker, place
        self._question, self._deadline = question, deadline
        self._by_labels = labels_checker()
        self._decided = self._supported = 0
        self._nothing: NotCheckedReason | None = None
        # Where nothing is to be checked, no passage was read of any source.
        stated = [one.without_labels() for one in passages]
        every = list(zip(sources, passages, stated, range(len(sources)), strict=False))
        written = [one for one in every if one[1].text.strip()]
        known = [one for one in written if one[1].labels or not self._is_foreign(one[2].text)]
        if not known:
            self._nothing = (
                NotCheckedReason.LANGUAGE
                if written
                else NotCheckedReason.NO_TEXT
                if passages
                else NotCheckedReason.NO_PASSAGES
            )
        self._reads_all = len(known) == len(written)
        self._sources = [one[0] for one in known]
        self._passages = [one[1] for one in known]
        self._stated = [one[2] for one in known]
        self._numbers = [one[3] for one in known]
        self._explanations = Explanations(self._sources, self._stated)
        self._conflicts = Conflicts(self._sources, self._stated, question)

    @property
    def supported_share(self) -> float | None:
        """The supported part of the claims with a verdict; None before any has one."""
        return self._supported / self._decided if self._decided else None

    @property
    def reads_together(self) -> bool:
        """Tell whether claims are best found several at a time."""
        return self._checker.asks is not None or self._place is not None

    def takes(self, text: str) -> bool:
        """Whether there is something to check, and to check it by."""
        return self._withheld(text) is None

    def read_of(self, statements: Sequence[Statement], places: Sequence[Place]) -> list[int]:
        """Which of all windows of the passages, by their `places`, the checker reads for these claims.

        All of them, unless it chooses by words. No passage may have labels.
        """
        reads = self._checker.reads
        if reads is None:
            return list(range(len(places)))
        wanted = {
            (number, window)
            for one in statements
            for number, chosen in zip(self._numbers, reads(one, self._stated), strict=True)
            for window in chosen
        }
        return [place for place, one in enumerate(places) if one in wanted]

    async def find(self, statement: Statement) -> Finding:
        """What the checker finds of a claim that it takes; it counts for nothing yet."""
        [found] = await self.find_all([statement])
        return found

    async def find_all(self, statements: Sequence[Statement]) -> list[Finding]:
        """The same of several claims, which a checker of the user's own reads together."""
        if self._checker.asks is None:
            return await self._read(statements)
        stated = [one for one in self._stated if one.text.strip()]
        told = await self._checker.asks(statements, stated, self._question, self._deadline)
        return [
            await asyncio.to_thread(self._found, one, found)
            for one, found in zip(statements, told, strict=True)
        ]

    async def _read(self, statements: Sequence[Statement]) -> list[Finding]:
        if self._place is None:
            return [await asyncio.to_thread(self._found, one) for one in statements]
        size = claim_size(self._sources)
        works = [partial(self._found, one) for one in statements]
        return await self._place.run_each(works, [size] * len(works), self._deadline)

    def _found(self, statement: Statement, told: Finding | None = None) -> Finding:
        """By labels, where they decide; else by what is stated, as a checker elsewhere has `told` of it."""
        stating = [place for place, one in enumerate(self._stated) if one.text.strip()]
        if len(stating) == len(self._stated) and not self._has_labels:
            return told or self._checker.check(statement, self._stated)
        seen = replace(self._by_labels.check(statement, self._passages), checker=LABELS)
        if seen.label in (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED) or not stating:
            return seen
        found = told or self._checker.check(statement, [self._stated[place] for place in stating])
        supports = dict(zip(stating, found.passages, strict=True))
        nothing = Support(0.0, None)
        every = [supports.get(place, nothing) for place in range(len(self._stated))]
        return replace(found, passages=every)

    @property
    def _has_labels(self) -> bool:
        return any(one.labels for one in self._passages)

    async def check(
        self, claim: Claim, statement: Statement | None, found: Finding | None = None
    ) -> list[CheckEvent]:
        """The claim's citations, best first, then its verdict, then what other passages say instead.

        `statement` has the claim's vectors; it is needed for a claim that it `takes` and that is not `found`.
        """
        finding = found
        if finding is None and statement is not None and self.takes(claim.text):
            finding = await self.find(statement)
        concluded = self.conclude(claim, finding)
        return [*concluded, *await self.conflicts(claim, concluded)]

    def conclude(self, claim: Claim, finding: Finding | None) -> list[Citation | Verdict]:
        """Its citations and its verdict, by what was found of it, None for nothing; it counts from now on."""
        checker = self._checker
        if finding is not None and finding.checker == LABELS:
            checker = self._by_labels
        if finding is None:
            withheld = self._withheld(claim.text) or NotCheckedReason.NO_PASSAGES
            return [
                Verdict(
                    claim.id,
                    VerdictLabel.NOT_CHECKED,
                    0.0,
                    checker.name,
                    withheld,
                    checker_revision=checker.revision,
                )
            ]
        if finding.label is VerdictLabel.UNSUPPORTED and not self._reads_all:
            # Of passages that were left out nobody knows whether they support it.
            finding = Finding(VerdictLabel.NOT_CHECKED, 0.0, finding.passages, NotCheckedReason.LANGUAGE)
        if finding.label not in (VerdictLabel.NOT_CHECKED, VerdictLabel.LOW_CONFIDENCE):
            self._decided += 1
            self._supported += finding.label is VerdictLabel.SUPPORTED
        cited = [
            citation_of(claim, self._sources[place], finding.passages[place])
            for place in checker.summarise(finding)[:MOST_CITATIONS]
        ]
        score = min(finding.score, 1.0)
        verdict = Verdict(
            claim.id, finding.label, score, checker.name, finding.reason, checker_revision=checker.revision
        )
        # Of passages that were left out nobody knows what they have, and labels are not compared by words.
        compares = self._reads_all and finding.checker != LABELS
        return [*cited, self._explanations.explained(verdict, claim, finding, cited, compares=compares)]

    async def conflicts(self, claim: Claim, concluded: Sequence[CheckEvent]) -> list[Conflict]:
        """What other passages say instead of what a claim rests on. It may take longer than the verdict, so
        that does not wait for it.
        """
        cited = [one for one in concluded if isinstance(one, Citation)]
        return await asyncio.to_thread(self._conflicts.of, claim.id, cited) if cited else []

    def _withheld(self, text: str) -> NotCheckedReason | None:
        """Why a claim is not checked; None where it is. A question states nothing."""
        if self._nothing is not None:
            return self._nothing
        if text.endswith("?"):
            return NotCheckedReason.STATES_NOTHING
        if self._checker.reads_words and len(text) > LONGEST_CLAIM:
            return NotCheckedReason.TOO_LONG
        is_known = not self._is_foreign(text) or self._is_labelled(text)
        return None if is_known else NotCheckedReason.LANGUAGE

    def _is_labelled(self, text: str) -> bool:
        """Whether a label has that name: alone, that of a breed can look foreign."""
        if not self._has_labels:
            return False
        found = self._by_labels.check(Statement(text, NOTHING), self._passages)
        return found.label is not VerdictLabel.NOT_CHECKED

    def _is_foreign(self, text: str) -> bool:
        """Whether it is of a language that the checker does not know."""
        return self._checker.reads_words and is_foreign(text)
