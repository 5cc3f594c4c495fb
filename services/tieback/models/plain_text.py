"""Texts are read as text: the name of a control token in one, such as "[CLS]" or "<s>", is no control token.

A control token marks for a model where a text begins or who speaks, and only the server may set it. Most
tokenizers cut such names out of texts before anything else, which is turned off here. Some have them in their
vocabulary all the same, where a text can reach them; what is found of that gets another number.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tokenizers import Tokenizer

UNKNOWN = ("[UNK]", "<unk>")
ORDINARY = "?"


class PlainText:
    """Has a tokenizer read texts as text, from now on."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        added = tokenizer.get_added_tokens_decoder()
        special = {token.content: number for number, token in added.items() if token.special}
        names = (getattr(tokenizer.model, "unk_token", None) or "", *UNKNOWN)
        unknown = next((number for name in names if (number := special.get(name)) is not None), None)
        # An unknown word is what a text may well hold.
        control = [number for number in special.values() if number != unknown]
        # By token number, up to the first behind the last control token, which stands for all after it: a
        # look-up takes microseconds, and np.isin a sixth of a millisecond for each query and space.
        self._is_control = np.zeros(max(control, default=-1) + 2, bool)
        self._is_control[control] = True
        ordinary = tokenizer.encode(ORDINARY, add_special_tokens=False).ids
        self._instead = unknown if unknown is not None else ordinary[0] if ordinary else 0

    def held(self, ids: Array, own: Array) -> Array:
        """Token numbers `[n]` with no control token but the server's `own` `[n]`."""
        foreign = self._is_control[np.minimum(ids, len(self._is_control) - 1)] & ~own
        return np.where(foreign, self._instead, ids) if foreign.any() else ids
