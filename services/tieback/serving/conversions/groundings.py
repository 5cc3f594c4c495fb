"""Checks of texts, and what they found."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.method_choice import MethodChoice

from tieback.core.types.grounding import CheckReply, GroundingCheck
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.reports import write_method
from tieback.v1 import grounding_pb2

check_of = reading(GroundingCheck, grounding_pb2.GroundingCheck)
_write_check = writing(GroundingCheck, grounding_pb2.GroundingCheck)


def write_checks(
    checks: Sequence[GroundingCheck], checker: MethodChoice | None
) -> grounding_pb2.CheckGroundingRequest:
    """The message of texts with their passages, and of the method that checks them."""
    return grounding_pb2.CheckGroundingRequest(
        checks=map(_write_check, checks), checker=None if checker is None else write_method(checker)
    )


read_check_response = reading(CheckReply, grounding_pb2.CheckGroundingResponse)
check_response = writing(CheckReply, grounding_pb2.CheckGroundingResponse)
