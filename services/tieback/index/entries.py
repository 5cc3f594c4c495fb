"""A living item, made of its rows when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.core.types.content import Item
from tieback.index.records import Original


@dataclass(frozen=True, slots=True)
class Entry:
    """A living item; `positions` are those of its sections, in order."""

    version: int
    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    positions: Array
    bytes: int
    originals: Mapping[int, Original]
