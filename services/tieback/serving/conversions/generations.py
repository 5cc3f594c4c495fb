"""Evidence, grounding and the events of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from tieback_contract.answers import GenerationEvent
from tieback_contract.field_path import at
from tieback_contract.generation import Evidence, Grounding, SamplingParameters

from tieback.core.errors import InvalidInput
from tieback.serving.conversions.codec import CODEC, check_order, finite_fields, reading
from tieback.serving.conversions.frames import finite
from tieback.v1 import evidence_pb2, generator_pb2

_EVENTS: tuple[type, ...] = get_args(GenerationEvent)
read_event: Callable[[generator_pb2.GenerateResponse], GenerationEvent]
read_event = CODEC.choice_reader(_EVENTS, generator_pb2.GenerateResponse.DESCRIPTOR)
write_event: Callable[[GenerationEvent], generator_pb2.GenerateResponse]
write_event = CODEC.choice_writer(_EVENTS, generator_pb2.GenerateResponse)


def _check_evidence(evidence: Evidence) -> None:
    if not evidence.id:
        raise InvalidInput("a passage has an id", field=at("id"))
    finite(evidence.score, at("score"))
    check_order(evidence.segments, evidence.text, at("segments"))


CODEC.check(Evidence, _check_evidence)
CODEC.check(Grounding, finite_fields("abstain_below"))
CODEC.check(SamplingParameters, finite_fields("temperature", "top_p", "min_p", "repetition_penalty"))
read_evidence = reading(Evidence, evidence_pb2.Evidence)
