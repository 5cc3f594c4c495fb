"""Events of the contract about a claim: itself, and passages that disagree with it or each other."""

from __future__ import annotations

from dataclasses import replace

from tieback_contract.claims import (
    Claim,
    Conflict,
    ConflictingPlace,
    ConflictKind,
    Disagreement,
    Verdict,
    VerdictLabel,
)

OTHER = ConflictingPlace("2", "", "", (0, 12), None, "No é is here.")
CITED = ConflictingPlace("1", "one", "s", (3, 9), (4, 5), "é 5")
CLAIMED = [
    Claim(1, (0, 4), "text"),
    *(
        Conflict(1, kind, replace(CITED, differs=differs), OTHER)
        for kind, differs in zip(ConflictKind, [(4, 5), None, None, None, None], strict=True)
    ),
]
DISAGREEING = [
    Verdict(1, label, 0.5, "a", disagreement=kind, marked=[(0, 2), (5, 9)], compared=compared)
    for label, compared in ((VerdictLabel.CONTRADICTED, CITED), (VerdictLabel.UNSUPPORTED, OTHER))
    for kind in Disagreement
]
