"""Checks that the path of an error leads to a field of the message that it is told of."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import Descriptor
from tieback_contract.field_path import FieldPath, Key, Step

# Values of JSON and of metadata: what is in them has names and places, and no fields.
_LOOSE = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "tieback.v1.MetadataValue"})


def leads(kind: Descriptor, path: FieldPath) -> bool:
    """Tell whether the messages of a kind have a place that is called so."""
    return _leads(kind, path.steps)


def _leads(kind: Descriptor, steps: Sequence[Step]) -> bool:
    if not steps or kind.full_name in _LOOSE:
        return True
    name, *rest = steps
    field = kind.fields_by_name.get(name) if isinstance(name, str) else None
    if field is None:
        return False
    inner = field.message_type
    if rest and field.is_repeated:
        step, *rest = rest
        is_map = inner is not None and inner.GetOptions().map_entry
        if inner is not None and is_map and isinstance(step, Key):
            inner = inner.fields_by_name["value"].message_type
        elif not isinstance(step, int):  # an entry of a map has a place too, before it is read
            return False
    return not rest or (inner is not None and _leads(inner, rest))
