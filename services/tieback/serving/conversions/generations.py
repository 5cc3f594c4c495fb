"""Evidence, grounding and the events of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from tieback_contract.answers import AnswerStyle, Decision, GenerationEvent, Repair
from tieback_contract.field_path import FieldPath
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.core.types.generation import Evidence, Grounding
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.contents import read_modality, write_modality
from tieback.serving.conversions.frames import Numbers, finite, optional
from tieback.serving.conversions.recognition import segment_messages, segments_of
from tieback.serving.conversions.reports import (
    read_method,
    write_method,
)
from tieback.serving.conversions.vectors import read_box, write_box
from tieback.v1 import evidence_pb2, generator_pb2

_REPAIRS = Numbers(generator_pb2.Repair, Repair, "repair", unspecified=Repair.NONE)
_STYLES = Numbers(generator_pb2.AnswerStyle, AnswerStyle, "style", unspecified=AnswerStyle.AUTO)


_EVENTS: tuple[type, ...] = get_args(GenerationEvent)
read_event: Callable[[generator_pb2.GenerateResponse], GenerationEvent]
read_event = CODEC.choice_reader(_EVENTS, generator_pb2.GenerateResponse.DESCRIPTOR)
write_event: Callable[[GenerationEvent], generator_pb2.GenerateResponse]
write_event = CODEC.choice_writer(_EVENTS, generator_pb2.GenerateResponse)
read_decision, write_decision = (
    reading(Decision, generator_pb2.Decision),
    writing(Decision, generator_pb2.Decision),
)


def read_evidence(message: evidence_pb2.Evidence, field: FieldPath) -> Evidence:
    """A passage; it has an id and a text."""
    if not message.id:
        raise InvalidInput("a passage has an id", field=field["id"])
    modality = read_modality(message.modality, field["modality"]) if message.modality else Modality.TEXT
    return Evidence(
        id=message.id,
        text=message.text,
        title=message.title,
        item_id=message.item_id,
        section_id=message.section_id,
        uri=message.uri,
        modality=modality,
        score=finite(message.score, field["score"]),
        region=optional(message, "region", read_box, field),
        segments=segments_of(message.segments, message.text, field["segments"]),
    )


def write_evidence(evidence: Evidence) -> evidence_pb2.Evidence:
    """The message of a passage."""
    return evidence_pb2.Evidence(
        id=evidence.id,
        text=evidence.text,
        title=evidence.title,
        item_id=evidence.item_id,
        section_id=evidence.section_id,
        uri=evidence.uri,
        modality=write_modality(evidence.modality),
        score=evidence.score,
        region=None if evidence.region is None else write_box(evidence.region),
        segments=segment_messages(evidence.segments),
    )


def read_grounding(message: generator_pb2.Grounding, field: FieldPath) -> Grounding:
    """How to check the answer."""
    return Grounding(
        checker=optional(message, "checker", read_method, field),
        abstain_below=optional(message, "abstain_below", finite, field),
        disabled=message.disabled,
        answerability=optional(message, "answerability", read_method, field),
        decision=optional(message, "decision", read_method, field),
        repair=_REPAIRS.read(message.repair, field["repair"]),
        context=message.context,
        evidence_tokens=message.evidence_tokens,
        demonstrations=tuple(message.demonstrations),
    )


def write_grounding(grounding: Grounding) -> generator_pb2.Grounding:
    """The message of how to check the answer."""
    return generator_pb2.Grounding(
        checker=None if grounding.checker is None else write_method(grounding.checker),
        abstain_below=grounding.abstain_below,
        disabled=grounding.disabled,
        answerability=None if grounding.answerability is None else write_method(grounding.answerability),
        decision=None if grounding.decision is None else write_method(grounding.decision),
        repair=_REPAIRS.write(grounding.repair),
        context=grounding.context,
        evidence_tokens=grounding.evidence_tokens,
        demonstrations=grounding.demonstrations,
    )


def read_style(number: generator_pb2.AnswerStyle, field: FieldPath) -> AnswerStyle:
    """How an answer is made; AUTO where nothing is said."""
    return _STYLES.read(number, field)


def write_style(style: AnswerStyle) -> generator_pb2.AnswerStyle:
    """The number of a style."""
    return _STYLES.write(style)
