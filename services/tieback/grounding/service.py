"""The grounding service: checks texts that somebody else wrote, behind `tieback.ports.GroundingPort`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Claim, Conflict, Verdict
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.reports import Timing

from tieback.batching.lane import Lane, LanePlace
from tieback.core.alone import Alone
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, CheckReply, GroundingCheck
from tieback.grounding.claim_check import ClaimCheck, ClaimFinder
from tieback.grounding.configured_checker import Checkers, ConfiguredChecker
from tieback.grounding.passages import EncodedPassages, PassageReader, check_evidence, check_text
from tieback.grounding.question_fit import answering, as_stated
from tieback.grounding.reading_lane import claim_size, reading_lane
from tieback.methods.grounding import Finding, Statement
from tieback.ports import EncoderPort

MOST_CLAIMS = 512
"""Claims of one text: each is encoded, at some milliseconds."""


class ClaimChecker:
    """A `GroundingPort`. `encoder` and its text `space` give the vectors by which claims are checked, on the
    `lane`, by default one of its own.
    """

    def __init__(
        self,
        encoder: EncoderPort,
        *,
        space: str,
        checkers: Checkers | None = None,
        limits: Limits | None = None,
        lane: Lane | None = None,
    ) -> None:
        self._reader = PassageReader(encoder, space)
        self._checkers = checkers or Checkers()
        self._limits = limits or Limits()
        self._lane = lane or reading_lane(self._limits)

    async def check_grounding(self, request: CheckGroundingRequest, call: Call) -> CheckReply:
        """The claims of each text with citations and verdicts, in order; a bad check gets an error.

        NotFound or InvalidInput for the checker. Overloaded and DeadlineExceeded are of the whole call.
        """
        begin = time.monotonic()
        checks, deadline = request.checks, call.deadline
        if not checks:
            raise InvalidInput("there is nothing to check; send at least one text", field="checks")
        if self._limits.batch_items and len(checks) > self._limits.batch_items:
            raise InvalidInput(
                f"there are {len(checks)} checks and at most {self._limits.batch_items} are taken in a call",
                field="checks",
            )
        configured = self._checkers.configured(request.checker, at("checker"))
        timing = Timing()
        results: list[CheckedClaims | TiebackError] = []
        for number, one in enumerate(checks):
            deadline.check("all texts were checked")
            with Alone(at("checks", number)) as item:
                results.append(await self._checked(one, configured, timing, deadline))
            if item.error is not None:
                results.append(item.error)
        timing.total = time.monotonic() - begin
        return CheckReply(results, timing)

    async def _checked(
        self, one: GroundingCheck, checker: ConfiguredChecker, timing: Timing, deadline: Deadline
    ) -> CheckedClaims:
        check_text(one.text, self._limits, at("text"))
        check_text(one.question, self._limits, at("question"))
        check_evidence(one.evidence, self._limits)
        claims = await asyncio.to_thread(_claims, one)
        if checker.asks is not None or not one.evidence:
            return await self._concluded(one, claims, checker, timing, deadline, None)
        with self._lane.place(claim_size(one.evidence) * len(claims), deadline) as place:
            return await self._concluded(one, claims, checker, timing, deadline, place)

    async def _concluded(
        self,
        one: GroundingCheck,
        claims: Sequence[Claim],
        checker: ConfiguredChecker,
        timing: Timing,
        deadline: Deadline,
        place: LanePlace | None,
    ) -> CheckedClaims:
        begin = time.monotonic()
        check, read = await self._read(one, claims, checker, deadline, place)
        encoded = time.monotonic()
        timing.prepare += encoded - begin
        citations: list[Citation] = []
        verdicts: list[Verdict] = []
        conflicts: list[Conflict] = []
        for claim, statement, finding in zip(claims, read, await _ahead(check, claims, read), strict=True):
            deadline.check("all claims were checked")
            for found in answering(one.question, claim, await check.check(claim, statement, finding)):
                match found:
                    case Citation():
                        citations.append(found)
                    case Verdict():
                        verdicts.append(found)
                    case Conflict():
                        conflicts.append(found)
        timing.compute += time.monotonic() - encoded
        return CheckedClaims(claims, citations, verdicts, check.supported_share, conflicts)

    async def _read(
        self,
        one: GroundingCheck,
        claims: Sequence[Claim],
        checker: ConfiguredChecker,
        deadline: Deadline,
        place: LanePlace | None,
    ) -> tuple[ClaimCheck, Sequence[Statement | None]]:
        """What checks the claims, with the vectors of the sentences that it reads, and the claims' own."""
        if not one.evidence:
            return ClaimCheck((), (), checker, one.question), [None] * len(claims)
        texts = [as_stated(claim.text) for claim in claims]
        cut = await self._reader.cut(one.evidence, deadline)
        read = await self._reader.statements(texts, deadline)
        encoded = EncodedPassages(cut, len(read[0].vector))

        async def encode(chosen: Sequence[int]) -> None:
            if chosen:
                wanted = [cut.texts[place] for place in chosen]
                found = await self._reader.statements(wanted, deadline)
                encoded.add(dict(zip(chosen, found, strict=True)))

        has_segments = any(source.segments for source in one.evidence)
        if has_segments:  # labels are taken out of a copy of the passage
            await encode(range(len(cut.texts)))
        check = ClaimCheck(one.evidence, encoded.passages, checker, one.question, deadline, place)
        if not has_segments:
            await encode(await asyncio.to_thread(check.read_of, read, cut.places))
        return check, read


async def _ahead(
    check: ClaimCheck, claims: Sequence[Claim], read: Sequence[Statement | None]
) -> list[Finding | None]:
    """Findings of all claims together, by a checker that reads them so; else None for each."""
    if not check.reads_together:
        return [None] * len(claims)
    taken = {
        claim.id: statement
        for claim, statement in zip(claims, read, strict=True)
        if statement is not None and check.takes(claim.text)
    }
    found = dict(zip(taken, await check.find_all(list(taken.values())), strict=True))
    return [found.get(claim.id) for claim in claims]


def _claims(one: GroundingCheck) -> list[Claim]:
    """The claims that are given, or the sentences. InvalidInput where there are none, or too many."""
    if one.claims:
        if len(one.claims) > MOST_CLAIMS:
            raise InvalidInput(
                f"there are {len(one.claims)} claims and at most {MOST_CLAIMS} are checked", field="claims"
            )
        encoded = one.text.encode()
        return [
            Claim(place + 1, span, _quoted(encoded, span, place)) for place, span in enumerate(one.claims)
        ]
    finder = ClaimFinder()
    found = [*finder.add(one.text), *finder.end()]
    if not found:
        raise InvalidInput("the text is empty; send what is to be checked", field="text")
    if len(found) > MOST_CLAIMS:
        raise InvalidInput(
            f"the text has {len(found)} sentences and at most {MOST_CLAIMS} are checked; send it in parts",
            field="text",
            reason="TEXT_TOO_LARGE",
        )
    return found


def _quoted(text: bytes, span: Span, place: int) -> str:
    begin, end = span
    field = at("claims", place)
    if not 0 <= begin < end <= len(text):
        raise InvalidInput(
            f"the claim is the bytes {begin} to {end}, and the text has {len(text)} bytes", field=field
        )
    try:
        quoted = text[begin:end].decode()
    except UnicodeDecodeError:
        raise InvalidInput("the claim begins or ends within a character", field=field) from None
    if not quoted.strip():
        raise InvalidInput("the claim is empty", field=field)
    return quoted
