"""How a collection keeps vectors of the tokens of its texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tieback_contract.method_choice import MethodChoice, MethodLike
from tieback_contract.vectors import SpaceRef

NO_SPACE, NO_METHOD = SpaceRef("", "", ""), MethodChoice("")


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Vectors of the tokens of texts, kept with the sections, so that reranking encodes no candidates.

    What is left out of a request is the server's default.
    """

    space: SpaceRef = NO_SPACE
    """The text space; its name does where the server has it."""
    width: int = 0
    """Their width; 0 for that of the space."""
    pooling: MethodChoice = NO_METHOD
    """How rows are pooled into fewer, a method of the family "token_pooling": ``("ward", {"factor": 2})``."""
    codec: MethodChoice = NO_METHOD
    """The codec of the rows that are kept: a method of the family "codecs"."""
    stored_bytes: int = field(default=0, compare=False)
    """Of a collection as it stands: the bytes that they take on the disk of the server."""

    if TYPE_CHECKING:

        def __init__(
            self,
            space: str | SpaceRef = NO_SPACE,
            width: int = 0,
            pooling: MethodLike | None = None,
            codec: MethodLike | None = None,
            stored_bytes: int = 0,
        ) -> None: ...

    def __post_init__(self) -> None:
        if isinstance(self.space, str):
            object.__setattr__(self, "space", SpaceRef(self.space, "", ""))
        for name in ("pooling", "codec"):
            given = getattr(self, name)
            object.__setattr__(self, name, NO_METHOD if given is None else MethodChoice.of(given))
