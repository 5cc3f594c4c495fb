"""Converts evidence, and how to write and check an answer, to messages of the contract.

`InvalidArgument` names the field before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tieback.v1 import content_pb2, evidence_pb2, generator_pb2
from tieback_contract.answers import AnswerStyle
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import ChatMessage, Evidence, GrammarKind, Grounding, SamplingParameters
from tieback_contract.recognition import Segment

from tieback_client.errors import InvalidArgument
from tieback_client.transport.codec import CODEC, writing

STYLES = CODEC.numbers(AnswerStyle, generator_pb2.AnswerStyle.DESCRIPTOR)

_evidence = writing(Evidence, evidence_pb2.Evidence)
_message = writing(ChatMessage, generator_pb2.ChatMessage)
_sampling = writing(SamplingParameters, generator_pb2.SamplingParameters)
segment = writing(Segment, content_pb2.Segment)
_grounding = writing(Grounding, generator_pb2.Grounding)


def history(messages: Sequence[ChatMessage]) -> list[generator_pb2.ChatMessage]:
    """Earlier messages."""
    return [_message(one, at("history", place)) for place, one in enumerate(messages)]


def evidence(value: str | Evidence, field: FieldPath, number: int) -> evidence_pb2.Evidence:
    """A passage; a plain text is named by its number."""
    one = Evidence(value) if isinstance(value, str) else value
    return _evidence(one if one.id else replace(one, id=str(number)), field)


def sampling(value: SamplingParameters | None) -> generator_pb2.SamplingParameters | None:
    """How to choose tokens."""
    if value is None:
        return None
    grammars: dict[str, Any] = {kind: getattr(value, kind) for kind in GrammarKind}
    named = [kind for kind, text in grammars.items() if text not in (None, "")]
    if len(named) > 1:
        refusal = f"an answer has one grammar; leave out one of {', '.join(named)}"
        raise InvalidArgument.at(at("sampling", "grammar"), refusal)
    sent: dict[str, Any] = {kind: _json(grammars[kind]) if kind in named else None for kind in grammars}
    return _sampling(replace(value, **sent), at("sampling"))


def _json(grammar: str | Mapping[str, object]) -> str:
    return grammar if isinstance(grammar, str) else json.dumps(grammar)


def grounding(value: Grounding | None) -> generator_pb2.Grounding | None:
    """How to check the answer."""
    return None if value is None else _grounding(value, at("grounding"))
