"""Checks of texts, and what they found."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.core.field_path import FieldPath
from tieback.core.types.grounding import CheckedText, CheckReply, GroundingCheck
from tieback.core.types.method_choice import MethodChoice
from tieback.serving import failures
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.generations import (
    citation_message,
    claim_message,
    conflict_message,
    read_citation,
    read_claim,
    read_conflict,
    read_evidence,
    read_verdict,
    verdict_message,
    write_evidence,
)
from tieback.serving.conversions.reports import fill_timing, read_timing, write_method
from tieback.serving.conversions.results import add_results
from tieback.serving.conversions.vectors import write_span
from tieback.v1 import grounding_pb2


def check_of(message: grounding_pb2.GroundingCheck, field: FieldPath) -> GroundingCheck:
    """A text with its passages."""
    return GroundingCheck(
        message.text,
        each(message.evidence, read_evidence, field["evidence"]),
        [(span.begin_byte, span.end_byte) for span in message.claims],
        message.question,
    )


def write_checks(
    checks: Sequence[GroundingCheck], checker: MethodChoice | None
) -> grounding_pb2.CheckGroundingRequest:
    """The message of texts with their passages, and of the method that checks them."""
    return grounding_pb2.CheckGroundingRequest(
        checks=[
            grounding_pb2.GroundingCheck(
                text=one.text,
                evidence=map(write_evidence, one.evidence),
                claims=map(write_span, one.claims),
                question=one.question,
            )
            for one in checks
        ],
        checker=None if checker is None else write_method(checker),
    )


def read_check_response(message: grounding_pb2.CheckGroundingResponse) -> CheckReply:
    """What was found of each text."""
    return CheckReply(
        [
            failures.from_status(result.error)
            if result.WhichOneof("outcome") == "error"
            else _read_checked(result.checked)
            for result in message.results
        ],
        read_timing(message.timing),
    )


def check_response(reply: CheckReply) -> grounding_pb2.CheckGroundingResponse:
    """One result for each check."""
    message = grounding_pb2.CheckGroundingResponse()
    add_results(message, reply.results, lambda result, one: result.checked.CopyFrom(_checked(one)))
    fill_timing(message.timing, reply.timing)
    return message


def _read_checked(message: grounding_pb2.CheckedText) -> CheckedText:
    return CheckedText(
        [read_claim(one) for one in message.claims],
        [read_citation(one) for one in message.citations],
        [read_verdict(one) for one in message.verdicts],
        message.supported_share if message.HasField("supported_share") else None,
        [read_conflict(one) for one in message.conflicts],
    )


def _checked(checked: CheckedText) -> grounding_pb2.CheckedText:
    return grounding_pb2.CheckedText(
        claims=map(claim_message, checked.claims),
        citations=map(citation_message, checked.citations),
        conflicts=map(conflict_message, checked.conflicts),
        verdicts=map(verdict_message, checked.verdicts),
        supported_share=checked.supported_share,
    )
