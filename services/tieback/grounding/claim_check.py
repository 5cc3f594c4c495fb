"""Holds a text's claims against passages: citations, verdicts, and how much is supported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tieback.core.errors import InvalidInput
from tieback.core.field_path import FieldPath
from tieback.core.state import State
from tieback.core.types.generation import Citation, Claim, Evidence, Verdict, VerdictLabel
from tieback.core.types.method_choice import MethodChoice
from tieback.methods.grounding import (
    SUMMARY,
    Finding,
    Passage,
    Statement,
    Summary,
    Support,
    checkers,
    is_learned,
)

LEARNED, WITHOUT_STATE = "token_alignment", "lexical_embedding"
"""The default checker, and the one of a server without what that has learned."""
MOST_CITATIONS = 3


@dataclass(frozen=True, slots=True)
class ConfiguredChecker:
    """A method of the family grounding with its parameters and its state.

    `check` finds, `summarise` picks what to cite. One that is `learned` reads the vectors of tokens.
    """

    name: str
    check: Callable[[Statement, Sequence[Passage]], Finding]
    summarise: Summary
    is_learned: bool


class Checkers:
    """The checkers that a server has: all that learn nothing, and the learned ones by their `states`."""

    def __init__(self, states: Mapping[str, State] | None = None) -> None:
        self._states = dict(states or {})
        self.default = MethodChoice(LEARNED if LEARNED in self._states else WITHOUT_STATE)

    def configured(self, choice: MethodChoice | None, field: FieldPath) -> ConfiguredChecker:
        """NotFound or InvalidInput, by the field, where the choice is wrong; None for the default."""
        name, parameters = (choice.name, choice.parameters) if choice else (self.default.name, {})
        method = checkers.configure(name, parameters, field=field)
        state = self._states.get(name)
        if state is None and is_learned(name):
            raise InvalidInput(
                f"{name} has learned nothing of the text space that is served; use {WITHOUT_STATE}",
                field=field,
            )

        def check(claim: Statement, passages: Sequence[Passage]) -> Finding:
            return method(claim, passages, state or {})

        summarise = checkers.form(SUMMARY, name, parameters, field=field)
        return ConfiguredChecker(name, check, summarise, is_learned(name))


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

    async def check(self, claim: Claim, statement: Statement | None) -> list[Citation | Verdict]:
        """The claim's citations, best first, then its verdict.

        `statement` has the claim's vectors; it is needed for a claim that it `takes`.
        """
        checker = self._checker
        if statement is None or not self.takes(claim):
            return [Verdict(claim.id, VerdictLabel.NOT_CHECKED, 0.0, checker.name)]
        finding = await asyncio.to_thread(checker.check, statement, self._passages)
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
