"""Content words, numbers and negated words of a text. English."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORD = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*")
VOWELS = frozenset("aeiouyäöüáéíóú")

_STOP_WORDS = """
    a about above after again against all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each either few for from further get got had
    has have having he her here hers him his how i if in into is it its itself just let like made make many
    may me might more most much must my of off on once only or other our out over own per same shall she
    should so some such than that the their them then there these they this those through to too under until
    up upon us use used using very was way we were what when where which while who whom whose why will with
    within would you your yes according answer question passage text called name named known
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
_NEGATIONS = "no not never none cannot nobody nothing neither nor without"
NEGATIONS = frozenset(_NEGATIONS.split())
NEGATION_REACH = 2
"""How many content words a negation covers."""

# Without "one", which is more often a pronoun.
_SMALL_NUMBERS = """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SMALL_NUMBERS.split(), start=2)} | {
    "zero": "0",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
}

OPPOSITES = """
    increase decrease, rise fall, more less, high low, higher lower, largest smallest, longest shortest,
    before after, first last, always never, allow forbid, permit prohibit, required optional, open
    closed, north south, east west, northern southern, eastern western, left right, true false, success
    failure, accept reject, include exclude, enable disable, begin end, win lose, hot cold, summer
    winter, buy sell, above below, gain loss, positive negative, minimum maximum
"""


@dataclass(frozen=True, slots=True)
class Words:
    """Stems of content words in the order of the text, and numbers in plain digits.

    `names` are the stems that were written with a capital within a sentence, `negated` those that follow a
    negation closely; `all_stems` has the function words too. `counts` are the numbers with what they count:
    of "three volumes and ten chapters", 3 volumes and 10 chapters.
    """

    stems: tuple[str, ...]
    all_stems: frozenset[str]
    names: frozenset[str]
    numbers: tuple[str, ...]
    negated: frozenset[str]
    counts: frozenset[tuple[str, str]]


def words_of(text: str) -> Words:
    """Reads a text."""
    stems: list[str] = []
    every: set[str] = set()
    names: set[str] = set()
    numbers: list[str] = []
    negated: set[str] = set()
    counts: set[tuple[str, str]] = set()
    counting = ""  # the number that the word before was
    reach = 0
    for match in WORD.finditer(text):
        written = match[0]
        lower = written.lower().replace("’", "'")
        every.add(stem_of(lower))
        counted, counting = counting, ""
        if written[0].isdigit() or lower in NUMBER_WORDS:
            counting = NUMBER_WORDS.get(lower) or _plain_number(written)
            numbers.append(counting)
        elif lower in NEGATIONS or lower.endswith("n't"):
            reach = NEGATION_REACH
        elif lower not in STOP_WORDS and (len(lower) > 1 or not lower.isascii()):
            stem = stem_of(lower)
            stems.append(stem)
            if counted:
                counts.add((counted, stem))
            if written[0].isupper() and match.start() > 0:
                names.add(stem)
            if reach:
                negated.add(stem)
                reach -= 1
    return Words(
        tuple(stems),
        frozenset(every),
        frozenset(names),
        tuple(numbers),
        frozenset(negated),
        frozenset(counts),
    )


def stem_of(word: str) -> str:
    """A word without its commonest endings: the same for "rises" and "rising", and for little else."""
    word = word.removesuffix("'s").removesuffix("'")
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and VOWELS & set(root):
            word = root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


OPPOSITE_OF: dict[str, str] = {}
for _pair in OPPOSITES.split(","):
    _one, _other = (stem_of(word) for word in _pair.split())
    OPPOSITE_OF[_one], OPPOSITE_OF[_other] = _other, _one


def _plain_number(written: str) -> str:
    digits = written.replace(",", "")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits.lstrip("0") or "0"


def conflicts(stated: Words, said: Words) -> bool:
    """Whether two texts about the same matter say different things of it."""
    numbers, others = set(stated.numbers), set(said.numbers)
    if numbers - others and others - numbers:
        return True
    # "10 volumes" is not in "three volumes and ten chapters", though both its words are.
    counted = {thing for _, thing in said.counts}
    if any(thing in counted for _, thing in stated.counts - said.counts):
        return True
    new = stated.all_stems - said.all_stems
    if any(OPPOSITE_OF.get(stem) in said.all_stems - stated.all_stems for stem in new):
        return True
    shared = set(stated.stems) & set(said.stems)
    return bool((stated.negated ^ said.negated) & shared)
