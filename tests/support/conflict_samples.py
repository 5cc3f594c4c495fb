"""Events of the contract about a claim: itself, and passages that disagree, one of each kind."""

from __future__ import annotations

from tieback.core.types.generation import Claim, Conflict, ConflictingPlace, ConflictKind

OTHER = ConflictingPlace("2", "", "", (0, 12), None, "No é is here.")
CLAIMED = [
    Claim(1, (0, 4), "text"),
    *(
        Conflict(1, kind, ConflictingPlace("1", "one", "s", (3, 9), differs, "é 5"), OTHER)
        for kind, differs in zip(ConflictKind, [(4, 5), None, None, None, None], strict=True)
    ),
]
