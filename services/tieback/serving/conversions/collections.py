"""Collections and their sources."""

from __future__ import annotations

from tieback_contract.collections import Source
from tieback_contract.field_path import at
from tieback_contract.query import NO_OPTIONS

from tieback.core.types.collection import Collection
from tieback.core.types.fusion import Routing
from tieback.core.types.moving import StartedMove
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.frames import each, optional
from tieback.serving.conversions.query_options import read_query_options, write_query_options
from tieback.serving.conversions.reports import read_method, write_method
from tieback.serving.conversions.routings import read_routing, write_routing
from tieback.serving.conversions.times import seconds, timestamp
from tieback.serving.conversions.token_vectors import read_token_vectors, write_token_vectors
from tieback.serving.conversions.vectors import read_space, write_space
from tieback.v1 import index_pb2


def read_collection(message: index_pb2.Collection) -> Collection:
    """A collection as it stands."""
    return Collection(
        message.name,
        read_space(message.space),
        message.width,
        message.item_count,
        message.section_count,
        seconds(message.create_time, at("create_time")),
        read_routing(message.routing, at("routing")),
        message.vector_count,
        each(message.sources, read_collection_source, at("sources")),
        message.damage,
        message.stale,
        read_method(message.codec, at("codec")),
        message.resident_bytes,
        message.codec_trained_on,
        optional(message, "token_vectors", read_token_vectors),
        message.token_vectors.stored_bytes,
        read_query_options(message.plan, at("plan")),
        optional(message, "moving", _read_moving),
    )


_read_moving, _write_moving = reading(StartedMove, index_pb2.Moving), writing(StartedMove, index_pb2.Moving)
read_collection_source, write_collection_source = (
    reading(Source, index_pb2.Source),
    writing(Source, index_pb2.Source),
)


def write_collection(collection: Collection) -> index_pb2.Collection:
    """The message of a collection."""
    return index_pb2.Collection(
        name=collection.name,
        space=write_space(collection.space),
        width=collection.width,
        item_count=collection.item_count,
        section_count=collection.section_count,
        create_time=timestamp(collection.created),
        routing=None if collection.routing == Routing() else write_routing(collection.routing),
        vector_count=collection.vector_count,
        sources=[write_collection_source(source) for source in collection.sources],
        damage=collection.damage,
        stale=collection.stale,
        codec=write_method(collection.codec),
        resident_bytes=collection.resident_bytes,
        codec_trained_on=collection.codec_trained_on,
        token_vectors=write_token_vectors(collection.token_vectors, collection.token_bytes),
        plan=None if collection.plan == NO_OPTIONS else write_query_options(collection.plan),
        moving=None if collection.moving is None else _write_moving(collection.moving),
    )


def _fill_collection(message: index_pb2.Collection, collection: Collection) -> None:
    message.CopyFrom(write_collection(collection))


CODEC.converter(Collection, read_collection, _fill_collection)
