"""Collections between two spaces: vectors of items there, mixtures of answers."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath
from tieback_contract.hits import Mixture

from tieback.core.types.reindexing import FollowingVectors, ReindexedPiece
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.indexed_sections import read_indexed_section, write_indexed_section
from tieback.serving.conversions.vectors import write_span
from tieback.v1 import answer_pb2, index_pb2


def read_following(message: index_pb2.FollowingVectors, field: FieldPath) -> FollowingVectors:
    """An item's vectors in the space that its collection is being moved to."""
    return FollowingVectors(
        each(message.sections, read_indexed_section, field["sections"]),
        [
            ReindexedPiece(
                one.section,
                one.id,
                (one.span.begin_byte, one.span.end_byte) if one.HasField("span") else None,
            )
            for one in message.pieces
        ],
    )


def write_following(following: FollowingVectors) -> index_pb2.FollowingVectors:
    """The message of such vectors."""
    return index_pb2.FollowingVectors(
        sections=[write_indexed_section(one) for one in following.sections],
        pieces=[
            index_pb2.FollowingPiece(
                section=one.section, id=one.id, span=None if one.span is None else write_span(one.span)
            )
            for one in following.pieces
        ],
    )


read_mixture, write_mixture = reading(Mixture, answer_pb2.Mixture), writing(Mixture, answer_pb2.Mixture)
