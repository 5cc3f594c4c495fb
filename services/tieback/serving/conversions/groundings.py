"""Checks of texts, and what they found."""

from __future__ import annotations

from tieback.core.errors import TiebackError
from tieback.core.field_path import FieldPath, at
from tieback.core.types.grounding import CheckedText, CheckReply, GroundingCheck
from tieback.serving import failures
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.generations import (
    citation_message,
    claim_message,
    conflict_message,
    read_evidence,
    verdict_message,
)
from tieback.serving.conversions.reports import fill_timing
from tieback.v1 import grounding_pb2


def checks_of(message: grounding_pb2.CheckGroundingRequest) -> list[GroundingCheck]:
    """The texts with their passages."""
    return each(message.checks, _check, at("checks"))


def check_response(reply: CheckReply) -> grounding_pb2.CheckGroundingResponse:
    """One result for each check."""
    message = grounding_pb2.CheckGroundingResponse()
    for result in reply.results:
        if isinstance(result, TiebackError):
            message.results.add(error=failures.to_status(result))
        else:
            message.results.add(checked=_checked(result))
    fill_timing(message.timing, reply.timing)
    return message


def _check(message: grounding_pb2.GroundingCheck, field: FieldPath) -> GroundingCheck:
    return GroundingCheck(
        message.text,
        each(message.evidence, read_evidence, field["evidence"]),
        [(span.begin_byte, span.end_byte) for span in message.claims],
        message.question,
    )


def _checked(checked: CheckedText) -> grounding_pb2.CheckedText:
    return grounding_pb2.CheckedText(
        claims=map(claim_message, checked.claims),
        citations=map(citation_message, checked.citations),
        conflicts=map(conflict_message, checked.conflicts),
        verdicts=map(verdict_message, checked.verdicts),
        supported_share=checked.supported_share,
    )
