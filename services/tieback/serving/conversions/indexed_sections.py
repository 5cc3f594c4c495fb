"""What search knows of sections."""

from __future__ import annotations

from tieback.core.types.collection import IndexedSection
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import index_pb2

read_indexed_section = reading(IndexedSection, index_pb2.IndexedSection)
write_indexed_section = writing(IndexedSection, index_pb2.IndexedSection)
