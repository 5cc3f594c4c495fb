"""Converts evidence, and how to write and check an answer, to messages of the contract.

`InvalidArgument` names the field before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tieback.v1 import content_pb2, evidence_pb2, generator_pb2, vector_pb2
from tieback_contract.answers import AnswerStyle, Repair
from tieback_contract.field_path import FieldPath, at
from tieback_contract.recognition import Segment, SegmentKind

from tieback_client.conversation import ChatMessage, ChatRole
from tieback_client.errors import InvalidArgument
from tieback_client.events import Evidence, Grounding, SamplingParameters
from tieback_client.texts import text
from tieback_client.writing import MODALITIES, box, locator, method

STYLES = {
    AnswerStyle.AUTO: generator_pb2.ANSWER_STYLE_AUTO,
    AnswerStyle.QUOTE: generator_pb2.ANSWER_STYLE_QUOTE,
    AnswerStyle.WRITE: generator_pb2.ANSWER_STYLE_WRITE,
}

_SEGMENTS = {
    SegmentKind.WORDS: content_pb2.SEGMENT_KIND_WORDS,
    SegmentKind.LABEL: content_pb2.SEGMENT_KIND_LABEL,
}

REPAIRS = {
    Repair.NONE: generator_pb2.REPAIR_NONE,
    Repair.DROP: generator_pb2.REPAIR_DROP,
    Repair.REWRITE: generator_pb2.REPAIR_REWRITE,
}


ROLES = {
    ChatRole.USER: generator_pb2.CHAT_ROLE_USER,
    ChatRole.ASSISTANT: generator_pb2.CHAT_ROLE_ASSISTANT,
}


def history(messages: Sequence[ChatMessage]) -> list[generator_pb2.ChatMessage]:
    """Earlier messages."""
    return [
        generator_pb2.ChatMessage(role=ROLES[one.role], text=text(one.text, at("history", place, "text")))
        for place, one in enumerate(messages)
    ]


def evidence(value: str | Evidence, field: FieldPath, number: int) -> evidence_pb2.Evidence:
    """A passage; a plain text is named by its number."""
    one = Evidence(value) if isinstance(value, str) else value
    return evidence_pb2.Evidence(
        id=one.id or str(number),
        text=text(one.text, field["text"]),
        title=text(one.title, field["title"]),
        item_id=one.item_id,
        section_id=one.section_id,
        uri=one.uri,
        modality=MODALITIES[one.modality],
        score=one.score,
        region=None if one.region is None else box(one.region),
        segments=[segment(part, field["segments"][place]) for place, part in enumerate(one.segments)],
    )


def segment(value: Segment, field: FieldPath) -> content_pb2.Segment:
    """A part of a text with its place."""
    begin, end = value.span
    if not 0 <= begin < end < 2**32:
        raise InvalidArgument.at(field["span"], f"a segment has bytes of its text, not {value.span}")
    return content_pb2.Segment(
        span=vector_pb2.TextSpan(begin_byte=begin, end_byte=end),
        place=locator(value.place, field["place"]),
        score=value.score,
        kind=_SEGMENTS[value.kind],
    )


def sampling(value: SamplingParameters | None) -> generator_pb2.SamplingParameters | None:
    """How to choose tokens."""
    if value is None:
        return None
    return generator_pb2.SamplingParameters(
        max_tokens=value.max_tokens,
        temperature=value.temperature,
        top_p=value.top_p,
        top_k=value.top_k,
        seed=value.seed,
        stop=[text(one, at("sampling", "stop", i)) for i, one in enumerate(value.stop)],
        strategy=method(value.strategy, at("sampling", "strategy")),
        min_p=value.min_p,
        repetition_penalty=value.repetition_penalty,
        log_probabilities=value.log_probabilities,
        grammar=_grammar(value),
        prompt_lookup=value.prompt_lookup,
        twin=value.twin,
    )


def _grammar(value: SamplingParameters) -> generator_pb2.Grammar | None:
    field = at("sampling", "grammar")
    schema = value.json_schema
    given = {
        "json_schema": schema if schema is None or isinstance(schema, str) else json.dumps(schema),
        "regex": value.regex,
        "lark": value.lark,
    }
    named = {name: one for name, one in given.items() if one}
    if not named:
        return None
    if len(named) > 1:
        raise InvalidArgument.at(field, f"an answer has one grammar; leave out one of {', '.join(named)}")
    [(name, one)] = named.items()
    return generator_pb2.Grammar(**{name: text(one, field[name])})


def grounding(value: Grounding | None) -> generator_pb2.Grounding | None:
    """How to check the answer."""
    if value is None:
        return None
    return generator_pb2.Grounding(
        checker=method(value.checker, at("grounding", "checker")),
        abstain_below=value.abstain_below,
        disabled=value.disabled,
        answerability=method(value.answerability, at("grounding", "answerability")),
        decision=method(value.decision, at("grounding", "decision")),
        repair=REPAIRS[value.repair],
        context=text(value.context, at("grounding", "context")),
        evidence_tokens=value.evidence_tokens,
        demonstrations=[
            text(one, at("grounding", "demonstrations", place))
            for place, one in enumerate(value.demonstrations)
        ],
    )
