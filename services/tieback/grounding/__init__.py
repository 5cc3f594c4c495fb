"""The grounding service: checks claims by passages. The generator checks its own answers by its parts."""

from tieback.grounding.card_checker import CardChecker
from tieback.grounding.claim_check import ClaimCheck, ClaimFinder
from tieback.grounding.claim_reading import BatchedReader, EndpointReader
from tieback.grounding.configured_checker import Checkers, ConfiguredChecker, OwnChecker
from tieback.grounding.passages import CutPassages, EncodedPassages, PassageReader, check_evidence, check_text
from tieback.grounding.question_fit import answering, as_stated
from tieback.grounding.service import ClaimChecker

__all__ = [
    "BatchedReader",
    "CardChecker",
    "Checkers",
    "ClaimCheck",
    "ClaimChecker",
    "ClaimFinder",
    "ConfiguredChecker",
    "CutPassages",
    "EncodedPassages",
    "EndpointReader",
    "OwnChecker",
    "PassageReader",
    "answering",
    "as_stated",
    "check_evidence",
    "check_text",
]
