"""Vectors of the hits, where they are wanted and as far as there is room: of their parts, and as wholes."""

from __future__ import annotations

import dataclasses

import numpy as np
from tieback_contract.hits import Hit
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import MultiVector, SpaceRef, Vector

from tieback.index.query.comparison import vectors_of
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step

# Bytes of the multi-vectors of one reply: those of regions, and those of tokens in half precision.
_MULTI_VECTOR_BYTES = 8 << 20
_TOKEN_VECTOR_BYTES = 16 << 20
_FLOAT_BYTES, _HALF_BYTES = 4, 2


def _read(state: Searching) -> None:
    query, tokens = state.query, state.memory.tokens
    if query.request.multi_vectors:
        state.hits = _with_regions(state, query.space)
    if tokens is not None and query.request.token_vectors:
        most = _TOKEN_VECTOR_BYTES // (_HALF_BYTES * tokens.coding.kept.width)
        state.hits = [
            hit if multi is None else dataclasses.replace(hit, multi_vector=multi)
            for hit, multi in zip(state.hits, tokens.take(state.positions, most), strict=True)
        ]
    if query.request.vectors and state.hits:
        state.hits = _with_wholes(state, query.space)


def _are_wanted(state: Searching) -> bool:
    asked = state.query.request
    return asked.token_vectors or asked.multi_vectors or asked.vectors


STEP = Step(_read, _are_wanted)


def _with_regions(state: Searching, space: SpaceRef) -> list[Hit]:
    room, found = _MULTI_VECTOR_BYTES, []
    for hit, position in zip(state.hits, state.positions, strict=True):
        several = state.memory.regions.all_of(position)
        if several is not None and (room := room - several[0].nbytes) >= 0:
            values, boxes = several
            multi = MultiVector(values, space, Locators(LocatorKind.BOX, boxes))
            hit = dataclasses.replace(hit, multi_vector=multi)
        found.append(hit)
    return found


def _with_wholes(state: Searching, space: SpaceRef) -> list[Hit]:
    most = _MULTI_VECTOR_BYTES // (_FLOAT_BYTES * state.memory.width)
    values = vectors_of(state.memory, np.array(state.positions[:most]), ())
    near = zip(state.hits[:most], values, strict=True)
    # Vectors of a joint space are not of length 1.
    wholes = [(hit, Vector(one, space, normalized=False)) for hit, one in near]
    return [dataclasses.replace(hit, vector=one) for hit, one in wholes] + state.hits[most:]
