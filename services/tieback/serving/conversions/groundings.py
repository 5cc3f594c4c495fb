"""Checks of texts, and what they found."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.field_path import FieldPath
from tieback_contract.method_choice import MethodChoice

from tieback.core.types.grounding import CheckReply, GroundingCheck
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.generations import (
    read_evidence,
    write_evidence,
)
from tieback.serving.conversions.reports import write_method
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


read_check_response = reading(CheckReply, grounding_pb2.CheckGroundingResponse)
check_response = writing(CheckReply, grounding_pb2.CheckGroundingResponse)
