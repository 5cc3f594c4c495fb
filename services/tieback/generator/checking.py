"""Holds an answer's claims against its evidence: citations, verdicts, and whether enough is supported."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tieback.core.deadline import Deadline
from tieback.core.types.generation import Citation, Claim, Verdict, VerdictLabel
from tieback.generator.evidence import EvidenceReader, ReadEvidence
from tieback.methods.grounding import Checker, Support

MOST_CITATIONS = 3

CITED_SUPPORT = 0.5
"""Support from which a passage is cited beside the best one."""


class ClaimCheck:
    """Checks one answer's claims. Without evidence or checker all are NOT_CHECKED."""

    def __init__(
        self, reader: EvidenceReader, evidence: ReadEvidence | None, name: str, checker: Checker | None
    ) -> None:
        self._reader = reader
        self._evidence = evidence
        self._name = name
        self._checker = checker
        self._checked = self._supported = 0

    @property
    def supported_share(self) -> float | None:
        """The supported part of the claims that were checked; None before any was."""
        return self._supported / self._checked if self._checked else None

    async def check(self, claim: Claim, deadline: Deadline) -> list[Citation | Verdict]:
        """The claim's citations, best first, then its verdict."""
        if self._checker is None or self._evidence is None or claim.text.endswith("?"):
            return [Verdict(claim.id, VerdictLabel.NOT_CHECKED, 0.0, self._name)]
        vector = (await self._reader.vectors([claim.text], deadline))[0]
        passages = self._evidence.passages
        finding = await asyncio.to_thread(self._checker, claim.text, vector, passages)
        if finding.label is not VerdictLabel.NOT_CHECKED:
            self._checked += 1
            self._supported += finding.label is VerdictLabel.SUPPORTED
        verdict = Verdict(claim.id, finding.label, min(finding.score, 1.0), self._name)
        return [*self._citations(claim, finding.label, finding.passages), verdict]

    def _citations(self, claim: Claim, label: VerdictLabel, supports: Sequence[Support]) -> list[Citation]:
        """The passages that a supported claim rests on, or that say otherwise of a contradicted one."""
        if self._evidence is None or label not in (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED):
            return []
        contradicted = label is VerdictLabel.CONTRADICTED
        cited = [
            Citation(
                claim.id,
                source.id,
                source.item_id,
                source.section_id,
                support.span,
                support.score,
                source.region,
            )
            for source, support in zip(self._evidence.sources, supports, strict=True)
            if (support.contradicts if contradicted else support.score >= CITED_SUPPORT)
        ]
        return sorted(cited, key=lambda citation: -citation.support)[:MOST_CITATIONS]
