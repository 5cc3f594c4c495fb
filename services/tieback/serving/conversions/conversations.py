"""Messages before a question, and what is asked of the model in general."""

from __future__ import annotations

from tieback_contract.conversation import ChatMessage
from tieback_contract.field_path import at

from tieback.core.types.conversation import Conversation
from tieback.serving.conversions.codec import reading
from tieback.serving.conversions.frames import each
from tieback.v1 import answer_pb2, generator_pb2

_read_message = reading(ChatMessage, generator_pb2.ChatMessage)


def conversation_of(message: generator_pb2.GenerateRequest | answer_pb2.AnswerRequest) -> Conversation:
    """The conversation of a request."""
    return Conversation(each(message.history, _read_message, at("history")), message.system)
