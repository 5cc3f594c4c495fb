"""How a collection keeps the vectors of the tokens of its texts."""

from __future__ import annotations

from dataclasses import dataclass

from tieback_contract.method_choice import MethodChoice
from tieback_contract.vectors import SpaceRef

NO_SPACE, NO_METHOD = SpaceRef("", "", ""), MethodChoice("")


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Of which space and width they are, how rows are pooled into fewer, and the codec of those on the disk.

    `pooling` is a method of the family "token_pooling", `codec` one of the family "codecs". In a request,
    what is empty or 0 is the server's default.
    """

    space: SpaceRef = NO_SPACE
    width: int = 0
    pooling: MethodChoice = NO_METHOD
    codec: MethodChoice = NO_METHOD
