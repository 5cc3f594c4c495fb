"""Support by the same words: a passage supports a claim that it has word for word.

For quotes. It reads neither words nor vectors, so it knows every language, and it contradicts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tieback_contract.claims import VerdictLabel

from tieback.core.state import State
from tieback.methods.grounding import Finding, Passage, Statement, Support, checkers

READS_WORDS = False


@checkers.method
def verbatim(claim: Statement, passages: Sequence[Passage], state: State) -> Finding:  # noqa: ARG001 - none learned
    """SUPPORTED where a passage has the claim's text, white space aside; else UNSUPPORTED. NOT_CHECKED where
    the claim has no letter or digit.
    """
    if not any(character.isalnum() for character in claim.text):
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, [Support(0.0, None) for _ in passages])
    wanted = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, claim.text.split())) + r"(?!\w)")
    found = [_support(wanted, passage.text) for passage in passages]
    score = max((support.score for support in found), default=0.0)
    return Finding(VerdictLabel.SUPPORTED if score else VerdictLabel.UNSUPPORTED, score, found)


def summary(finding: Finding) -> list[int]:
    """The passages that have the claim's text."""
    return [place for place, support in enumerate(finding.passages) if support.score]


def _support(wanted: re.Pattern[str], text: str) -> Support:
    match = wanted.search(text)
    if match is None:
        return Support(0.0, None)
    begin = len(text[: match.start()].encode())
    return Support(1.0, (begin, begin + len(match[0].encode())))
