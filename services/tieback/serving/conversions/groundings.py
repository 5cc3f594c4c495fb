"""Checks of texts, and what they found."""

from __future__ import annotations

from tieback.core.types.grounding import CheckReply, GroundingCheck
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import grounding_pb2

read_check = reading(GroundingCheck, grounding_pb2.GroundingCheck)
write_check = writing(GroundingCheck, grounding_pb2.GroundingCheck)
read_check_response = reading(CheckReply, grounding_pb2.CheckGroundingResponse)
check_response = writing(CheckReply, grounding_pb2.CheckGroundingResponse)
