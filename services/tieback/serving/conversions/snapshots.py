"""Snapshots of collections."""

from __future__ import annotations

from tieback_contract.field_path import at

from tieback.core.types.snapshot import Snapshot
from tieback.serving.conversions.times import seconds, timestamp
from tieback.serving.conversions.vectors import read_space, write_space
from tieback.v1 import index_pb2


def read_snapshot(message: index_pb2.Snapshot) -> Snapshot:
    """A snapshot as it is listed."""
    return Snapshot(
        name=message.name,
        collection=message.collection,
        space=read_space(message.space),
        width=message.width,
        item_count=message.item_count,
        section_count=message.section_count,
        vector_count=message.vector_count,
        bytes=message.byte_count,
        created=seconds(message.create_time, at("create_time")),
        version=message.version,
        damage=message.damage,
    )


def write_snapshot(snapshot: Snapshot) -> index_pb2.Snapshot:
    """The message of a snapshot."""
    return index_pb2.Snapshot(
        name=snapshot.name,
        collection=snapshot.collection,
        space=write_space(snapshot.space) if snapshot.space.name else None,
        width=snapshot.width,
        item_count=snapshot.item_count,
        section_count=snapshot.section_count,
        vector_count=snapshot.vector_count,
        byte_count=snapshot.bytes,
        create_time=timestamp(snapshot.created) if snapshot.created else None,
        version=snapshot.version,
        damage=snapshot.damage,
    )
