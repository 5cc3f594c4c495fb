"""Demonstrations, and what is told of kept ones."""

from __future__ import annotations

from tieback.core.types.demonstrations import Demonstration, StoredDemonstration
from tieback.serving.conversions.times import timestamp
from tieback.v1 import demonstration_pb2


def demonstration_of(message: demonstration_pb2.Demonstration) -> Demonstration:
    """What is to be kept."""
    return Demonstration(message.id, message.passage, message.question, message.answer)


def stored_message(stored: StoredDemonstration) -> demonstration_pb2.StoredDemonstration:
    """What is kept."""
    one = stored.demonstration
    return demonstration_pb2.StoredDemonstration(
        demonstration=demonstration_pb2.Demonstration(
            id=one.id, passage=one.passage, question=one.question, answer=one.answer
        ),
        tokens=stored.tokens,
        passage_tokens=stored.passage_tokens,
        create_time=timestamp(stored.created),
    )
