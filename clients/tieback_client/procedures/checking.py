"""Checks of claims against passages, given or found in a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tieback.v1 import grounding_pb2, vector_pb2
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import Evidence
from tieback_contract.hits import RetrievedHit
from tieback_contract.modality import Modality

from tieback_client import reading_events
from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.messages import reading, writing, writing_generation
from tieback_client.procedures.answering import retrieve
from tieback_client.reports import CallInfo
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import unary
from tieback_client.values.events import Check, Checked, Checks, MethodLike, supported_share

LIMIT = 4
"""Passages of a collection for each claim."""


def check(
    text: str,
    evidence: Sequence[str | Evidence] = (),
    *,
    collection: str = "",
    limit: int | None = None,
    filter: str = "",
    claims: Sequence[tuple[int, int]] = (),
    question: str = "",
    checker: MethodLike | None = None,
    timeout: float | None = None,
) -> Procedure[Checked]:
    """Checks what a text states, whoever wrote it: each claim with a verdict and citations.

    The passages are `evidence`, or for each claim those `limit` (4 by default) that are nearest to it in
    `collection`, of which `filter` may leave out some. The claims are the sentences, or `claims`: bytes of
    the text's UTF-8. With the `question` that the text answers, verdicts say whether each claim can be an
    answer to it. `checker` is a method of the family "grounding". With a collection, it is one call to
    find the claims, one for each claim, and one to check them; `timeout` is that of each.
    """
    if bool(evidence) == bool(collection):
        raise InvalidArgument.at("evidence", "give the passages, or the collection to find them in")
    for name, given in (("limit", limit is not None), ("filter", bool(filter))):
        if given and not collection:
            raise InvalidArgument.at(name, "it chooses passages of a collection: name one, or leave it out")
    if not collection:
        asked = [Check(text, evidence, claims, question)]
        checks = yield from check_all(asked, checker=checker, timeout=timeout)
        return checks[0]
    found = (yield from check_all([Check(text, (), claims)], checker=checker, timeout=timeout))[0]
    passages: dict[tuple[str, str], Evidence] = {}
    asked = []
    for claim in found.claims:
        result = yield from retrieve(
            collection,
            claim.text,
            limit=LIMIT if limit is None else limit,
            filter=filter,
            reranker="none",
            timeout=timeout,
        )
        own = []
        for hit in result.hits:
            one = _passage(hit, str(len(passages) + 1))
            if one.text.strip():
                own.append(passages.setdefault((one.item_id, one.section_id), one))
        asked.append(Check(text, own, [claim.span], question))
    checks = yield from check_all(asked, checker=checker, timeout=timeout)
    return _merged(text, list(passages.values()), checks)


def check_all(
    checks: Sequence[Check], *, checker: MethodLike | None = None, timeout: float | None = None
) -> Procedure[Checks]:
    """Checks many texts, each by its own passages, in one call.

    A text that fails does not fail the others: see `Checks.outcomes`.
    """
    if not checks:
        raise InvalidArgument.at("checks", "there is nothing to check")
    evidence = [
        [Evidence(passage) if isinstance(passage, str) else passage for passage in one.evidence]
        for one in checks
    ]
    named = [
        [replace(passage, id=passage.id or str(number)) for number, passage in enumerate(own, 1)]
        for own in evidence
    ]
    request = grounding_pb2.CheckGroundingRequest(
        checks=[
            _check(one, own, at("checks", place))
            for place, (one, own) in enumerate(zip(checks, named, strict=True))
        ],
        checker=writing.method(checker, at("checker")),
    )
    reply = yield UnaryCall(RPCS["CheckGrounding"], request, timeout)
    outcomes: list[Checked | TiebackError] = []
    for one, own, result in zip(checks, named, reply.message.results, strict=True):
        if result.WhichOneof("outcome") == "checked":
            outcomes.append(_checked(result.checked, one.text, own, reply.message.timing, reply.info))
        else:
            outcomes.append(reading.error(result.error, reply.info))
    return Checks(outcomes, reading.timing(reply.message.timing), reply.info)


def _check(one: Check, evidence: Sequence[Evidence], field: FieldPath) -> grounding_pb2.GroundingCheck:
    return grounding_pb2.GroundingCheck(
        text=writing.text(one.text, field["text"]),
        evidence=[
            writing_generation.evidence(passage, field["evidence"][place], place + 1)
            for place, passage in enumerate(evidence)
        ],
        claims=[_span(span, field["claims"][place]) for place, span in enumerate(one.claims)],
        question=writing.text(one.question, field["question"]),
    )


def _span(span: tuple[int, int], field: FieldPath) -> vector_pb2.TextSpan:
    begin, end = span
    if not 0 <= begin < end < 2**32:
        raise InvalidArgument.at(field, f"a claim is the bytes from its first to before its end, not {span}")
    return vector_pb2.TextSpan(begin_byte=begin, end_byte=end)


def _checked(
    message: grounding_pb2.CheckedText,
    text: str,
    evidence: Sequence[Evidence],
    timing: object,
    info: CallInfo,
) -> Checked:
    return Checked(
        text,
        [reading_events.claim(one) for one in message.claims],
        [reading_events.citation(one) for one in message.citations],
        {one.claim_id: reading_events.verdict(one) for one in message.verdicts},
        [one for said in message.conflicts if (one := reading_events.conflict(said)) is not None],
        evidence,
        message.supported_share if message.HasField("supported_share") else None,
        reading.timing(timing),
        info,
    )


def _passage(found: RetrievedHit, name: str) -> Evidence:
    hit = found.hit
    return Evidence(
        hit.text,
        name,
        hit.item_title,
        hit.item_id,
        hit.section_id,
        hit.uri,
        hit.modality or Modality.TEXT,
        hit.score,
        hit.region,
        hit.segments,
    )


def _merged(text: str, evidence: Sequence[Evidence], checks: Checks) -> Checked:
    """The claims of all, each of which was checked alone."""
    whole = Checked(text, evidence=evidence, timing=checks.timing, call=checks.call)
    for number, one in enumerate(checks, 1):
        whole.claims += [replace(claim, id=number) for claim in one.claims]
        whole.citations += [replace(citation, claim_id=number) for citation in one.citations]
        whole.conflicts += [replace(conflict, claim_id=number) for conflict in one.conflicts]
        for verdict in one.verdicts.values():
            nearest = verdict.nearest and replace(verdict.nearest, claim_id=number)
            whole.verdicts[number] = replace(verdict, claim_id=number, nearest=nearest)
    whole.supported_share = supported_share(whole.verdicts.values())
    return whole


class CheckingMethods:
    """The methods of both clients."""

    check = unary(check)
    check_all = unary(check_all)
