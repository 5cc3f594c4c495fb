"""Holds a text's claims against passages: citations, verdicts, and how much is supported."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tieback.core.field_path import FieldPath
from tieback.core.types.arrays import Array
from tieback.core.types.generation import Citation, Claim, Evidence, Verdict, VerdictLabel
from tieback.core.types.method_choice import MethodChoice
from tieback.methods.grounding import SUMMARY, Checker, Passage, Summary, Support, checkers

DEFAULT_CHECKER = MethodChoice("lexical_embedding")
MOST_CITATIONS = 3


@dataclass(frozen=True, slots=True)
class ConfiguredChecker:
    """A method of the family grounding with its parameters: `check` finds, `summarise` picks what to cite."""

    name: str
    check: Checker
    summarise: Summary

    @classmethod
    def of(cls, choice: MethodChoice, field: FieldPath) -> ConfiguredChecker:
        """NotFound or InvalidInput, by the field, where the choice is wrong."""
        return cls(
            choice.name,
            checkers.configure(choice.name, choice.parameters, field=field),
            checkers.form(SUMMARY, choice.name, choice.parameters, field=field),
        )


class ClaimCheck:
    """Checks one text's claims against passages. Without passages, all are NOT_CHECKED."""

    def __init__(
        self, sources: Sequence[Evidence], passages: Sequence[Passage], checker: ConfiguredChecker
    ) -> None:
        self._sources = sources
        self._passages = passages
        self._checker = checker
        self._checked = self._supported = 0

    @property
    def supported_share(self) -> float | None:
        """The supported part of the claims that were checked; None before any was."""
        return self._supported / self._checked if self._checked else None

    def takes(self, claim: Claim) -> bool:
        """Whether there is something to check, and to check it by. A question states nothing."""
        return bool(self._passages) and not claim.text.endswith("?")

    async def check(self, claim: Claim, vector: Array | None) -> list[Citation | Verdict]:
        """The claim's citations, best first, then its verdict.

        `vector` `[width]` is the claim's, of unit length; it is needed for a claim that it `takes`.
        """
        checker = self._checker
        if vector is None or not self.takes(claim):
            return [Verdict(claim.id, VerdictLabel.NOT_CHECKED, 0.0, checker.name)]
        finding = await asyncio.to_thread(checker.check, claim.text, vector, self._passages)
        if finding.label is not VerdictLabel.NOT_CHECKED:
            self._checked += 1
            self._supported += finding.label is VerdictLabel.SUPPORTED
        cited = [
            _citation(claim, self._sources[place], finding.passages[place])
            for place in checker.summarise(finding)[:MOST_CITATIONS]
        ]
        return [*cited, Verdict(claim.id, finding.label, min(finding.score, 1.0), checker.name)]


def _citation(claim: Claim, source: Evidence, support: Support) -> Citation:
    return Citation(
        claim.id,
        source.id,
        source.item_id,
        source.section_id,
        support.span,
        support.score,
        source.region,
    )
