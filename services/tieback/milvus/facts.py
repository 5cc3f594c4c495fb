"""What filters read of a section, as the field `facts` of its row: for each key, its values by type.

    {KEY: {"s": [...], "s0": …, "s1": …, "c": "|…|…|", "n": [...], …, "l": true}}

`s` are strings, `n` numbers, `b` booleans, `t` points in time and `d` their days, each as sortable text
(`sortable.py`), and with 0 and 1 after the letter the least and the greatest. A list passes a comparison
where one of its values does, and one value is less than another if the least one is. `c` holds the strings
with their case folded, for parts of texts. `l` says that the value is a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from tieback_contract.metadata import MetadataValue, Scalar
from tieback_contract.modality import Modality

from tieback.core.types.content import Item
from tieback.index.filters.syntax import BUILT_IN, Field
from tieback.index.metadata import scalars
from tieback.milvus import sortable

STRINGS, NUMBERS, BOOLEANS, INSTANTS, DAYS = "s", "n", "b", "t", "d"
FOLDED, LIST = "c", "l"


def key_of(field: Field) -> str:
    """The key of a field in `facts`."""
    return ("m" if field.metadata else "f") + sortable.of_text(field.name)


def facts_of(item: Item, ordinal: int, modality: Modality) -> dict[str, dict[str, Any]]:
    """The facts of a section of an item whose metadata was checked."""
    section = item.sections[ordinal]
    own = (item.id, section.id, section.title, modality.value, item.title)
    facts = {
        key_of(Field(name)): _values((value,), is_list=False)
        for name, value in zip(BUILT_IN, own, strict=True)
    }
    for name, values, is_list in _metadata(item):
        facts[key_of(Field(name, metadata=True))] = _values(values, is_list=is_list)
    return facts


def types_of(item: Item) -> Iterator[tuple[str, type]]:
    """Each key of the metadata with each type of its values, once."""
    for name, values, _ in _metadata(item):
        for kind in dict.fromkeys(map(type, values)):
            yield name, kind


def _metadata(item: Item) -> Iterator[tuple[str, tuple[Scalar, ...], bool]]:
    for name, value in item.metadata.items():
        values = tuple(scalars(value))
        if values:
            yield name, values, _is_list(value)


def _is_list(value: MetadataValue) -> bool:
    return isinstance(value, tuple | list)


def _values(values: tuple[Scalar, ...], *, is_list: bool) -> dict[str, Any]:
    by_type: dict[str, set[str]] = {}
    folded: list[str] = []
    for value in values:
        for kind, code in _coded(value):
            by_type.setdefault(kind, set()).add(code)
        if isinstance(value, str):
            folded.append(sortable.of_text(value.casefold()))
    found: dict[str, Any] = {}
    for kind, codes in by_type.items():
        found |= {kind: sorted(codes), f"{kind}0": min(codes), f"{kind}1": max(codes)}
    if folded:
        found[FOLDED] = f"|{'|'.join(folded)}|"
    if is_list:
        found[LIST] = True
    return found


def _coded(value: Scalar) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield STRINGS, sortable.of_text(value)
    elif isinstance(value, bool):
        yield BOOLEANS, "1" if value else "0"
    elif isinstance(value, date):
        yield INSTANTS, sortable.of_instant(value)
        yield DAYS, sortable.of_day(value)
    else:
        yield NUMBERS, sortable.of_number(value)
