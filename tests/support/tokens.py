"""Texts with a vector for each of their words, for tests of the index."""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.collections.served import ServedSpaces
from tieback.core.types.collection import IndexedItem
from tieback.token_spaces import TokenSpace, TokenSpaces
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef

from support.sections import axis, item, section

OWN = SpaceRef("tokens", "r1", "f1")
OTHER = SpaceRef("others", "r1", "f1")
WIDE = 64
EXACT = MethodChoice("float32")
SINGLE = MethodChoice("ward", {"factor": 1})
PLAIN = TokenVectors(OWN, WIDE, SINGLE, EXACT)
SERVED = ServedSpaces(
    token_spaces=TokenSpaces([TokenSpace("words", OWN, WIDE), TokenSpace("others", OTHER, 32)])
)


def tokens_of(text: str, space: SpaceRef = OWN, width: int = WIDE) -> MultiVector:
    """A vector for each word, the same for the same word."""
    words, begin, spans, rows = text.split(), 0, [], []
    for word in words:
        drawn = np.random.default_rng(list(word.encode())).standard_normal(width)
        rows.append(drawn / np.linalg.norm(drawn))
        spans.append((begin, begin + len(word)))
        begin += len(word) + 1
    return MultiVector(np.array(rows, np.float32), space, Locators.of(LocatorKind.BYTE_SPAN, spans))


def text(name: str, words: str, **about: Any) -> IndexedItem:
    return item(name, section(axis(len(name)), words, tokens=tokens_of(words)), **about)
