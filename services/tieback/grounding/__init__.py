"""The grounding service: checks claims by passages. The generator checks its own answers by its parts."""

from tieback.grounding.claim_check import DEFAULT_CHECKER, ClaimCheck, ConfiguredChecker
from tieback.grounding.claims import ClaimFinder
from tieback.grounding.passages import PassageReader, check_evidence, check_text
from tieback.grounding.service import ClaimChecker

__all__ = [
    "DEFAULT_CHECKER",
    "ClaimCheck",
    "ClaimChecker",
    "ClaimFinder",
    "ConfiguredChecker",
    "PassageReader",
    "check_evidence",
    "check_text",
]
