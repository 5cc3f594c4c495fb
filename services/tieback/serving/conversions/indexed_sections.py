"""What search knows of sections."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath

from tieback.core.types.collection import IndexedSection
from tieback.serving.conversions.contents import read_modality, write_modality
from tieback.serving.conversions.frames import optional
from tieback.serving.conversions.vectors import (
    read_multi_vector,
    read_vector,
    write_multi_vector,
    write_vector,
)
from tieback.v1 import index_pb2


def read_indexed_section(message: index_pb2.IndexedSection, field: FieldPath) -> IndexedSection:
    """What search knows of a section."""
    return IndexedSection(
        read_vector(message.vector, field["vector"]),
        message.text,
        read_modality(message.modality, field["modality"]),
        optional(message, "regions", read_multi_vector, field),
        optional(message, "tokens", read_multi_vector, field),
    )


def write_indexed_section(section: IndexedSection) -> index_pb2.IndexedSection:
    """The message of what search knows of a section."""
    return index_pb2.IndexedSection(
        vector=write_vector(section.vector),
        text=section.text,
        modality=write_modality(section.modality),
        regions=None if section.regions is None else write_multi_vector(section.regions),
        tokens=None if section.tokens is None else write_multi_vector(section.tokens),
    )
