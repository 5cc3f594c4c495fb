"""Checkers as requests choose them: methods with their parameters and states, and the user's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import cast

from tieback_contract.arrays import Array, Span
from tieback_contract.claims import Citation, Verdict, VerdictLabel
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

import tieback
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    NotFound,
    TiebackError,
    Unavailable,
)
from tieback.core.state import State
from tieback.core.types.generation import CheckGroundingRequest, GroundingCheck
from tieback.grounding.card_checker import threshold_of
from tieback.methods.grounding import (
    READS,
    SUMMARY,
    Finding,
    Passage,
    Reads,
    Statement,
    Summary,
    Support,
    checkers,
    is_learned,
    reads_words,
)
from tieback.ports import GroundingPort

LEARNED, WITHOUT_STATE = "claim_reading", "lexical_embedding"
"""The default checkers: where the server has a state of it, and where it has none."""

LABELS = "labels"
"""The checker that is asked first where passages have labels: the others read statements."""

Likelihoods = Callable[[str, str], Array]
"""Evidence and claim to the mean log-probabilities of the claim behind the evidence, and alone `[2]`."""

Asks = Callable[[Sequence[Statement], Sequence[Passage], str, Deadline], Awaitable[list[Finding]]]
"""Claims, passages and the question to what a checker in another place finds of each claim."""

ASKS_A_MODEL, WEIGHT_OF_LIKELIHOOD = "likelihood", "heard.weight"
"""The parameter by which a checker asks a language model, and what its state has of it."""


@dataclass(frozen=True, slots=True)
class ConfiguredChecker:
    """A method of the family grounding with its parameters and its state.

    `check` finds, `summarise` picks what to cite. One that `reads_words` knows those of English.
    """

    name: str
    check: Callable[[Statement, Sequence[Passage]], Finding]
    summarise: Summary
    reads_words: bool
    revision: str
    """The revision of what it has learned; of one that learns nothing, this release."""
    reads: Reads | None = None
    """Picks the windows that it reads of a claim, where words alone decide it; None where it reads all."""
    asks: Asks | None = None
    """Finds in place of `check`, where the checker is the user's own."""


@dataclass(frozen=True, slots=True)
class OwnChecker:
    """A checker of the user's own: what is asked, and the revision of its model."""

    port: GroundingPort
    revision: str


class Checkers:
    """The checkers that a server has: all that learn nothing, the learned ones by their `states`, and the
    user's `own` by the names of their cards. `default` names one; empty for that of the package.

    `likelihoods` are those of a language model in the same process; None where there is none, or another one
    than the states were learned with. `reads` is the network that reads a claim and sentences together.
    `revisions` are those of the states.
    """

    def __init__(
        self,
        states: Mapping[str, State] | None = None,
        likelihoods: Likelihoods | None = None,
        revisions: Mapping[str, str] | None = None,
        own: Mapping[str, OwnChecker] | None = None,
        default: str = "",
        reads: Callable[[str, str], Array] | None = None,
    ) -> None:
        self._revisions = dict(revisions or {})
        self._states = dict(states or {})
        self._likelihoods = likelihoods
        self._own = dict(own or {})
        self._reads = reads
        self.default = MethodChoice(default or (LEARNED if LEARNED in self._states else WITHOUT_STATE))

    def configured(self, choice: MethodChoice | None, field: FieldPath) -> ConfiguredChecker:
        """NotFound or InvalidInput, by the field, where the choice is wrong; None for the default."""
        name, parameters = (choice.name, choice.parameters) if choice else (self.default.name, {})
        if name in self._own:
            return self._of_own(MethodChoice(name, parameters), field)
        if name not in checkers.names():
            raise NotFound("checker", name, [*checkers.names(), *self._own])
        method = checkers.configure(name, parameters, field=field)
        state = self._states.get(name)
        if state is None and is_learned(name):
            raise InvalidInput(
                f"{name} has learned nothing of the text space that is served; use {WITHOUT_STATE}",
                field=field,
            )

        likelihoods = self._likelihoods
        if cast("partial[Finding]", method).keywords.get(ASKS_A_MODEL):
            _check_asks(state or {}, likelihoods, field["parameters"][ASKS_A_MODEL])

        def check(claim: Statement, passages: Sequence[Passage]) -> Finding:
            if likelihoods is not None:
                claim = replace(claim, likelihoods_behind=partial(_asked, likelihoods, claim.text))
            if self._reads is not None:
                claim = replace(claim, read=self._reads)
            return method(claim, passages, state or {})

        summarise = checkers.form(SUMMARY, name, parameters, field=field)
        reads = checkers.form(READS, name, parameters) if checkers.has(READS, name) else None
        knows_words = reads_words(name)
        return ConfiguredChecker(
            name,
            check,
            summarise,
            knows_words,
            self._revisions.get(name, tieback.__version__),
            reads,
        )

    def _of_own(self, choice: MethodChoice, field: FieldPath) -> ConfiguredChecker:
        """A checker of the user's own, which needs no vectors of ours."""
        own = self._own[choice.name]
        return ConfiguredChecker(
            choice.name,
            _nothing,
            summary,
            reads_words=False,
            revision=own.revision,
            reads=_no_windows,
            asks=AskedChecker(own.port, choice, field),
        )


def _check_asks(state: State, likelihoods: Likelihoods | None, field: FieldPath) -> None:
    """InvalidInput where no language model can be asked, or the checker has learned of none."""
    if not len(state.get(WEIGHT_OF_LIKELIHOOD, ())):
        raise InvalidInput(
            "the checker has learned of no language model, so it asks none; leave likelihood out, or train "
            "it with asked above 0",
            field=field,
        )
    if likelihoods is None:
        raise InvalidInput(
            "likelihood asks a language model in the process of the checker, and there is none that the "
            "checker was calibrated with; leave it out",
            field=field,
        )


def _asked(likelihoods: Likelihoods, claim: str, evidence: str) -> Array:
    return likelihoods(evidence, claim)


def _nothing(_: Statement, passages: Sequence[Passage]) -> Finding:
    """A finding before another place was asked."""
    return Finding(VerdictLabel.NOT_CHECKED, 0.0, [Support(0.0, None) for _ in passages])


def _no_windows(claim: Statement, passages: Sequence[Passage]) -> list[list[int]]:  # noqa: ARG001 - whatever it is
    """No vectors of sentences are read."""
    return [[] for _ in passages]


@cache
def labels_checker() -> ConfiguredChecker:
    """The checker of claims that something is in a picture or a sound."""
    return Checkers().configured(MethodChoice(LABELS), at("checker"))


class AskedChecker:
    """Asks a port for all claims of a text at a time. InvalidInput, by the field, for a wrong parameter."""

    def __init__(self, port: GroundingPort, choice: MethodChoice, field: FieldPath) -> None:
        threshold_of(choice, field)
        self._port = port
        self._choice = choice

    async def __call__(
        self, claims: Sequence[Statement], passages: Sequence[Passage], question: str, deadline: Deadline
    ) -> list[Finding]:
        """Findings of the claims, in order."""
        if not claims:
            return []
        spans: list[Span] = []
        begin = 0
        for claim in claims:
            end = begin + len(claim.text.encode())
            spans.append((begin, end))
            begin = end + 1
        evidence = [Evidence(one.text, str(place), one.title) for place, one in enumerate(passages)]
        asked = GroundingCheck("\n".join(one.text for one in claims), evidence, spans, question)
        try:
            request = CheckGroundingRequest([asked], self._choice)
            [checked] = (await self._port.check_grounding(request, Call(deadline))).results
        except (EndpointUnavailable, EndpointMisconfigured) as error:
            # Of an endpoint that writes these errors mean that quotes may take the place of its answer.
            raise Unavailable(f"{error.message}; claims cannot be checked by it now") from None
        if isinstance(checked, TiebackError):
            raise checked
        cited: dict[int, list[Citation]] = {}
        for citation in checked.citations:
            cited.setdefault(citation.claim_id, []).append(citation)
        return [_finding(one, cited.get(one.claim_id, ()), len(passages)) for one in checked.verdicts]


def _finding(verdict: Verdict, citations: Sequence[Citation], passages: int) -> Finding:
    """Passages that are cited support or contradict the claim; of the others nothing is known."""
    found = [Support(0.0, None)] * passages
    for citation in reversed(citations):  # the surest of a passage stays
        found[int(citation.evidence_id)] = Support(
            citation.support, citation.span, contradicts=verdict.label is VerdictLabel.CONTRADICTED
        )
    return Finding(verdict.label, verdict.score, found, verdict.reason)


def summary(finding: Finding) -> list[int]:
    """The passages that are cited, the surest first."""
    cited = [(place, one) for place, one in enumerate(finding.passages) if one.span is not None]
    cited.sort(key=lambda one: one[1].score if one[1].contradicts else -one[1].score)
    return [place for place, _ in cited]
