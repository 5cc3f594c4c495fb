"""Messages before a question, and what is asked of the model in general."""

from __future__ import annotations

from typing import Any

from tieback_contract.field_path import FieldPath, at

from tieback.core.types.conversation import Conversation, Speaker, Turn
from tieback.serving.conversions.frames import Numbers, each
from tieback.v1 import answer_pb2, generator_pb2

_ROLES = Numbers(
    generator_pb2.ChatRole, Speaker, "role", refusal="a message is of the role USER or ASSISTANT"
)


def conversation_of(message: generator_pb2.GenerateRequest | answer_pb2.AnswerRequest) -> Conversation:
    """The conversation of a request."""
    return Conversation(each(message.history, _read_turn, at("history")), message.system)


def conversation_fields(conversation: Conversation) -> dict[str, Any]:
    """The fields of a request that are its conversation."""
    history = [
        generator_pb2.ChatMessage(role=_ROLES.write(turn.speaker), text=turn.text)
        for turn in conversation.history
    ]
    return {"history": history, "system": conversation.system}


def _read_turn(message: generator_pb2.ChatMessage, field: FieldPath) -> Turn:
    return Turn(_ROLES.read(message.role, field["role"]), message.text)
