"""Demonstrations, and what is told of kept ones."""

from __future__ import annotations

from tieback_contract.demonstrations import Demonstration

from tieback.core.types.demonstrations import StoredDemonstration
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.times import timestamp
from tieback.v1 import demonstration_pb2

demonstration_of = reading(Demonstration, demonstration_pb2.Demonstration)
_message_of = writing(Demonstration, demonstration_pb2.Demonstration)


def stored_message(stored: StoredDemonstration) -> demonstration_pb2.StoredDemonstration:
    """What is kept."""
    return demonstration_pb2.StoredDemonstration(
        demonstration=_message_of(stored.demonstration),
        tokens=stored.tokens,
        passage_tokens=stored.passage_tokens,
        create_time=timestamp(stored.created),
    )
