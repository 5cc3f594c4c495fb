"""A checker in another place, asked as any text is checked: its verdicts as the findings of a method."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Verdict, VerdictLabel
from tieback_contract.field_path import FieldPath
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured, EndpointUnavailable, TiebackError, Unavailable
from tieback.core.types.grounding import CheckGroundingRequest, GroundingCheck
from tieback.grounding.card_checker import threshold_of
from tieback.methods.grounding import Finding, Passage, Statement, Support
from tieback.ports import GroundingPort


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
