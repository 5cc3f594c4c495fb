"""Holds an answer's claims against its evidence: citations, verdicts, and whether enough is supported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tieback.core.deadline import Deadline
from tieback.core.field_path import FieldPath
from tieback.core.types.generation import Citation, Claim, Evidence, Verdict, VerdictLabel
from tieback.core.types.method_choice import MethodChoice
from tieback.generator.evidence import EvidenceReader, ReadEvidence
from tieback.methods.grounding import SUMMARY, Checker, Summary, Support, checkers

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
    """Checks one answer's claims. Without evidence, or where it `is_off`, all are NOT_CHECKED."""

    def __init__(
        self,
        reader: EvidenceReader,
        evidence: ReadEvidence | None,
        checker: ConfiguredChecker,
        *,
        is_off: bool = False,
    ) -> None:
        self._reader = reader
        self._evidence = None if is_off else evidence
        self._checker = checker
        self._checked = self._supported = 0

    @property
    def supported_share(self) -> float | None:
        """The supported part of the claims that were checked; None before any was."""
        return self._supported / self._checked if self._checked else None

    async def check(self, claim: Claim, deadline: Deadline) -> list[Citation | Verdict]:
        """The claim's citations, best first, then its verdict."""
        checker = self._checker
        if self._evidence is None or claim.text.endswith("?"):
            return [Verdict(claim.id, VerdictLabel.NOT_CHECKED, 0.0, checker.name)]
        vector = (await self._reader.vectors([claim.text], deadline))[0]
        finding = await asyncio.to_thread(checker.check, claim.text, vector, self._evidence.passages)
        if finding.label is not VerdictLabel.NOT_CHECKED:
            self._checked += 1
            self._supported += finding.label is VerdictLabel.SUPPORTED
        cited = [
            _citation(claim, self._evidence.sources[place], finding.passages[place])
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
