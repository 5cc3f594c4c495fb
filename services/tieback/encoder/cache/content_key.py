"""Cache keys by content: equal keys have equal results.

A key is the SHA-256 of everything that the result of the model depends on: the content, the space (its
revision names the weights, its fingerprint their use), the limits (they decide what is refused), and what
`EncodePlan.result` keeps of the plan. The tenant is part of it if tenants are separated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import chain

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.vectors import SpaceRef

from tieback.core.types.content import CategoricalFeatures, Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan

MOST_BEGUN = 256
"""Plans whose part of the key is kept: a ratio is a number that callers choose."""


class ContentKeys:
    """The keys of one space's contents."""

    def __init__(self, space: SpaceRef, limits: Limits) -> None:
        decides = (
            *(limits.text_bytes, limits.image_pixels, limits.audio_seconds, limits.points),
            *(limits.entries, limits.name_bytes),
        )
        names = (space.name, space.revision, space.fingerprint, *decides)
        self._space = json.dumps(names)
        self._begun: dict[EncodePlan, hashlib._Hash] = {}

    def of(self, contents: Sequence[Content], plan: EncodePlan, tenant: str = "") -> list[bytes]:
        """The key of each content for that tenant, 32 bytes. None of them is a precomputed vector."""
        result = plan.result
        begun = self._begun.get(result)
        if begun is None:
            if len(self._begun) == MOST_BEGUN:
                self._begun.clear()
            begun = self._begun[result] = hashlib.sha256(f"{self._space} {result}\0".encode())
        if tenant:
            begun = begun.copy()
            begun.update(f"tenant {tenant}\0".encode())
        keys = []
        for content in contents:
            digest = begun.copy()
            # What the data is stands before it, so that no text has the key of a picture or of token numbers.
            data = content.data
            if isinstance(data, str):
                digest.update(b"text\0" + data.encode("utf-8", "surrogatepass"))
            elif isinstance(data, bytes):
                digest.update(b"bytes\0")
                digest.update(data)
            elif isinstance(data, TokenNumbers):
                digest.update(b"tokens " + _described(data.ids))
                digest.update(np.ascontiguousarray(data.ids).data)
            elif isinstance(data, CategoricalFeatures):
                digest.update(b"features\0" + json.dumps(data.values).encode())
            elif isinstance(data, np.ndarray):
                digest.update(b"array " + _described(data))
                digest.update(np.ascontiguousarray(data).data)
            else:
                raise TypeError(f"a {type(data).__name__} is not encoded by a model")
            keys.append(digest.digest())
        return keys


def size(contents: Sequence[Content]) -> int:
    """About how many bytes are hashed."""
    total = 0
    for content in contents:
        data = content.data
        if isinstance(data, (str, bytes)):
            total += len(data)
        elif isinstance(data, TokenNumbers):
            total += data.ids.nbytes
        elif isinstance(data, CategoricalFeatures):
            total += sum(map(len, chain.from_iterable(own for _, own in data.values)))
        elif isinstance(data, np.ndarray):
            total += data.nbytes
    return total


def _described(array: Array) -> bytes:
    return f"{array.dtype.str} {array.shape}\0".encode()
