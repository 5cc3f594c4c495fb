"""Collections and their sources."""

from __future__ import annotations

from tieback_contract.collections import Source

from tieback.core.types.collection import StoredCollection
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.routings import read_routing as read_routing
from tieback.v1 import index_pb2

read_collection = reading(StoredCollection, index_pb2.Collection)
write_collection = writing(StoredCollection, index_pb2.Collection)
read_collection_source, write_collection_source = (
    reading(Source, index_pb2.Source),
    writing(Source, index_pb2.Source),
)
