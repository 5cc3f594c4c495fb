"""The grounding service: checks claims by passages. The generator checks its own answers by its parts."""

from tieback.grounding.claim_check import LEARNED, Checkers, ClaimCheck, ConfiguredChecker
from tieback.grounding.claims import ClaimFinder
from tieback.grounding.passages import CutPassages, EncodedPassages, PassageReader, check_evidence, check_text
from tieback.grounding.question_fit import answering, as_stated
from tieback.grounding.service import ClaimChecker

__all__ = [
    "LEARNED",
    "Checkers",
    "ClaimCheck",
    "ClaimChecker",
    "ClaimFinder",
    "ConfiguredChecker",
    "CutPassages",
    "EncodedPassages",
    "PassageReader",
    "answering",
    "as_stated",
    "check_evidence",
    "check_text",
]
