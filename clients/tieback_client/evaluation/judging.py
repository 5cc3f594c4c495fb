"""One answer held against what was expected of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tieback_client.evaluation.expected import Expected
from tieback_client.shown.answers import ShownAnswer
from tieback_client.values.events import Answer

SHORT, RECALL = 8, 0.5
"""An expected answer of at most so many words has to be in the text; of a longer one, that share of them."""
YES_OR_NO = {"yes", "no"}
_WORD = re.compile(r"\w+")


class Outcome(enum.StrEnum):
    """Worth of an answer."""

    RIGHT = "right and shown"
    """It has what was expected, and cites one of the files where these are named."""
    OTHER_FILE = "from another file"
    """It has what was expected, and cites none of the files: another thing, or a file nobody thought of."""
    WRONG = "wrong and shown"
    """Something else is shown, or the question is open and something is shown."""
    ABSTAINED = "abstained rightly"
    """The question is open, and no answer is given."""
    WITHHELD = "abstained wrongly"
    """The collection has the answer, and none is given."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, its answer and what that is worth."""

    expected: Expected
    outcome: Outcome
    level: str
    """Level at which it is shown: the `Level` of a quote, of a written text "supported" or "unsupported";
    empty where nothing is shown."""
    rank: int | None
    """The place of the first expected file among those that were found, from 1; None where it was not."""
    text: str
    """Text that is shown, or the reason why nothing is."""
    cited: tuple[str, ...]
    """The items that it cites."""
    seconds: float
    """From the call to the end of the answer."""


def judged(expected: Expected, answer: Answer, seconds: float = 0.0) -> Judged:
    """Holds an answer against what was expected."""
    cited = tuple(dict.fromkeys(one.item_id for one in answer.citations))
    rank = _rank(expected, answer)
    if answer.abstention is not None:
        outcome = Outcome.ABSTAINED if expected.is_open else Outcome.WITHHELD
        return Judged(expected, outcome, "", rank, answer.abstention.message, (), seconds)
    told = answer.shown
    text = _text(told, answer)
    return Judged(expected, _outcome(expected, text, cited), _level(told, answer), rank, text, cited, seconds)


def _level(told: ShownAnswer, answer: Answer) -> str:
    if told.level is not None:
        return told.level.value
    return "supported" if answer.supported else "unsupported"


def _text(told: ShownAnswer, answer: Answer) -> str:
    """The words that are shown as the answer; where none are, those that are marked in the passages."""
    parts = [part.text if part.claim is None else part.claim.text for part in told.parts]
    return "".join(parts).strip() or answer.text.strip()


def is_right(text: str, answers: Sequence[str]) -> bool:
    """Tell whether a text has one of the answers; a bare yes or no has to begin it."""
    said = [word.lower() for word in _WORD.findall(text)]
    joined = f" {' '.join(said)} "
    for answer in answers:
        words = [word.lower() for word in _WORD.findall(answer)]
        if len(words) == 1 and words[0] in YES_OR_NO:
            if said[:1] == words:
                return True
        elif 0 < len(words) <= SHORT:
            if f" {' '.join(words)} " in joined:
                return True
        elif words and len(set(words) & set(said)) >= RECALL * len(set(words)):
            return True
    return False


def _outcome(expected: Expected, text: str, cited: Sequence[str]) -> Outcome:
    if expected.is_open or not _has_what_is_expected(expected, text):
        return Outcome.WRONG
    if expected.files and not any(map(expected.names, cited)):
        return Outcome.OTHER_FILE if expected.answers or expected.pattern else Outcome.WRONG
    return Outcome.RIGHT


def _has_what_is_expected(expected: Expected, text: str) -> bool:
    if not expected.answers and expected.pattern is None:
        return True  # the files alone are expected
    found = expected.pattern is not None and expected.pattern.search(text) is not None
    return found or is_right(text, expected.answers)


def _rank(expected: Expected, answer: Answer) -> int | None:
    found = () if answer.retrieval is None else answer.retrieval.hits
    items = dict.fromkeys(one.hit.item_id for one in found)
    return next((place for place, item in enumerate(items, 1) if expected.names(item)), None)
