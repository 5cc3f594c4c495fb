"""Two texts as one input: what is kept of each, and the error where they are too long together."""

from __future__ import annotations

from typing import NamedTuple

from tieback_contract.arrays import Array
from tokenizers import Encoding

from tieback.core.errors import InvalidInput


class TokenizedPair(NamedTuple):
    """Two texts as one input: token numbers and types `[n]`, int64, and the tokens that were cut off."""

    ids: Array
    types: Array
    cut: int


def kept_of_first(first: int, second: int, room: int) -> int:
    """Tokens of the first of two texts that are kept where the longer is cut, or both to a half."""
    return min(first, max(room - second, room - room // 2))


def too_long_together(first: int, second: int, room: int, why: str = "") -> InvalidInput:
    """The error of two texts of so many tokens, about the longer one: its field is "first" or "second"."""
    return InvalidInput(
        f"the two texts have {first + second} tokens and the model reads {room} together{why}; "
        "send less of them, or ask for the end of the longer one to be cut off (truncation)",
        field="first" if first >= second else "second",
        reason="TEXT_TOO_LONG",
    )


def beginning(encoding: Encoding, most: int) -> Encoding:
    """The first tokens of an encoding, which stays as it is: others may have found it."""
    own = Encoding.merge([encoding], growing_offsets=False)
    own.truncate(most)
    return own
