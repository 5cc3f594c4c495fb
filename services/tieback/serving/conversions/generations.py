"""Evidence, grounding and the events of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from tieback_contract.answers import AnswerStyle, GenerationEvent
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import ChatMessage, Evidence, Grounding, SamplingParameters

from tieback.core.errors import InvalidInput
from tieback.core.types.generation import Conversation
from tieback.serving.conversions.codec import CODEC, check_order, finite_fields, reading
from tieback.serving.conversions.frames import Numbers, each, finite
from tieback.v1 import answer_pb2, evidence_pb2, generator_pb2

_STYLES = Numbers(generator_pb2.AnswerStyle, AnswerStyle, "style", unspecified=AnswerStyle.AUTO)


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
read_grounding = reading(Grounding, generator_pb2.Grounding)
read_sampling = reading(SamplingParameters, generator_pb2.SamplingParameters)


def read_style(number: generator_pb2.AnswerStyle, field: FieldPath) -> AnswerStyle:
    """How an answer is made; AUTO where nothing is said."""
    return _STYLES.read(number, field)


def write_style(style: AnswerStyle) -> generator_pb2.AnswerStyle:
    """The number of a style."""
    return _STYLES.write(style)


_read_message = reading(ChatMessage, generator_pb2.ChatMessage)


def conversation_of(message: generator_pb2.GenerateRequest | answer_pb2.AnswerRequest) -> Conversation:
    """The conversation of a request."""
    return Conversation(each(message.history, _read_message, at("history")), message.system)
