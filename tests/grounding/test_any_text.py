"""No reader of language fails on a text, or is kept busy by one, whatever characters the text has."""

from __future__ import annotations

import inspect
import itertools
import math
import pkgutil
import random
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache, cached_property
from importlib import import_module

import pytest
from support.adversarial import seconds
from tieback import answer, core, generator, grounding
from tieback.collections import words as index_words
from tieback.core.call import NO_CALL
from tieback.core.language import Sentence
from tieback.core.language.tokens import has_number
from tieback.core.text.terms import DEFAULT_LANGUAGE, languages, terms_of, terms_of_query, words_of
from tieback.core.types.generation import CheckedClaims, CheckGroundingRequest, GroundingCheck
from tieback.grounding import ClaimChecker
from tieback.methods import grounding as checking
from tieback.methods.grounding import checkers, is_learned
from tieback.methods.grounding import words_of as content_words
from tieback.methods.grounding._rules import by_rule
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodChoice

OF_LANGUAGE = {
    "claim", "identifier", "one", "other", "question", "quotes", "row", "sentence", "table", "term", "text",
    "texts", "word", "words",
}  # fmt: skip
"""Names of parameters that hold language."""

DIGITS = [
    "³", "150 000 /mm ³", "10² m", "½", "1½ hours", "⅞ kg", "①②", "Ⅷ", "ⅷ 5", "World War Ⅱ", "C³", "५६७",
    "٣٫١٤", "5٬000", "１２３", "𝟛", "፲", "一二三", "১২ days", "€ ³", "version ².5", "Rust ३.५ released",
    "²024-01-01", "٢٠٢٤-٠١-٠١", "July ³th, 194²", "am ⁶. Juni", "١. item", "²) item", "№ ³.", "½ an hour",
    "twenty-³ hours",
]  # fmt: skip
NUMBERS = [
    "1" * 5000, "1" * 400 + "000", "12" + "0" * 400, "0" * 20, "1,000,000,,", "9" * 40 + " days", "1e400",
    "0.0000", "one million million million million years", "a hundred and", "zero point",
    "minus five point five", "1.2.3.4",
]  # fmt: skip
LETTERS = [
    "every 5 mınutes", "twice a ſecond", "5 \u212ailometres", "nİghtly", "It is 5 ſecondſ", "e\u0301" * 20,
    "\u0301", "👍🏽3️⃣", "𝔸𝟙", "ﬁ", "ß", "İı", "n’t", "\u200b\u200d", "\ufeff5", "\u202e321\u202c days",
    "\u2067 5 \u2069", "\x00",
]  # fmt: skip
MARKS = [
    "", " ", "'", "...", "..³..", "# ³\n", "`³`", "[³](#³)", "|³|½|\n|--|--|\n|①|２|",
    "a|³|½\n--|--|--\n1|2|3", "<table><tr><td>³</td><td>½</td></tr></table>", "- ³\n- ½", "```\n³\n",
    "Is it ³?", "not ³", "No. ³",
]  # fmt: skip
TEXTS = [*DIGITS, *NUMBERS, *LETTERS, *MARKS]
HALL = "The hall has {} people in it."
LENGTH, LONGEST = 4000, 0.5
"""Characters of a text that is long, and seconds that it may take; what is quadratic takes several."""


@cache
def readers() -> dict[str, Callable[..., object]]:
    """The public functions that take nothing but language, by their full names."""
    return {
        f"{name}.{called}": found
        for package in (core, grounding, checking, answer, generator, index_words)
        for name in modules(package.__name__, package.__path__)
        for called, found in vars(import_module(name)).items()
        if not called.startswith("_") and getattr(found, "__module__", "") == name and reads_language(found)
    }


def modules(package: str, path: Iterable[str]) -> Iterator[str]:
    yield package
    yield from (one.name for one in pkgutil.walk_packages(path, f"{package}."))


def reads_language(found: object) -> bool:
    plain = inspect.unwrap(found) if callable(found) else None
    if not inspect.isfunction(plain):
        return False
    needed = [one for one in inspect.signature(plain).parameters.values() if one.default is one.empty]
    if not needed or not all(one.name in OF_LANGUAGE for one in needed):
        return False
    types = typing.get_type_hints(plain)
    return all(types[one.name] is str or is_many(types[one.name]) for one in needed)


def is_many(kind: object) -> bool:
    many = (list, Sequence, Collection, Iterable)
    return typing.get_origin(kind) in many and typing.get_args(kind) == (str,)


def read(reader: Callable[..., object], *texts: str) -> None:
    """Calls a reader with the first texts, as many as it takes; all of them for a sequence."""
    given = itertools.cycle(texts)
    found = reader(*[next(given) if takes_one else list(texts) for takes_one in taken(reader)])
    if isinstance(found, Iterator):
        list(found)
    if isinstance(found, Sentence):
        for name, part in vars(Sentence).items():
            if isinstance(part, cached_property):
                getattr(found, name)


@cache
def taken(reader: Callable[..., object]) -> list[bool]:
    """Of each parameter that has no default, whether it is one text."""
    types = typing.get_type_hints(inspect.unwrap(reader))
    needed = (one for one in inspect.signature(reader).parameters.values() if one.default is one.empty)
    return [types[one.name] is str for one in needed]


def time_of(reader: Callable[..., object], text: str) -> float:
    """Seconds that a reader takes of a text many times over; of a long time the best of three.

    A busy machine makes one run some times as slow, and what is quadratic is slow in each.
    """
    much = (text * (LENGTH // len(text) + 1))[:LENGTH]
    best = math.inf
    for _ in range(3):
        best = min(best, seconds(lambda: read(reader, much, much)))
        if best < LONGEST:
            break
    return best


def pairs() -> list[tuple[str, str]]:
    """Each text alone, in a sentence, and among others, with another one to compare with."""
    chosen = random.Random(28)
    found = [(one, one) for one in TEXTS]
    found += [(HALL.format(one), HALL.format(chosen.choice(TEXTS))) for one in TEXTS]
    numeric = [one for one in map(chr, range(sys.maxunicode + 1)) if one.isnumeric()]
    found += [(HALL.format(f"1{one} or {one}"), HALL.format(f"1{one}00")) for one in numeric[::11]]
    return found + [
        (". ".join(chosen.sample(TEXTS, 4)), " ".join(chosen.sample(TEXTS, 4))) for _ in range(60)
    ]


def test_readers_of_every_kind_are_among_those_that_are_tried() -> None:
    kinds = {name.rpartition(".")[0].removeprefix("tieback.") for name in readers()}

    assert {
        "core.dates", "core.language.sentence", "core.language.tokens", "core.text.passage_units",
        "core.text.questions", "core.text.sentences", "core.text.table_rows", "core.text.terms",
        "core.text.visible", "grounding.differences", "grounding.languages", "grounding.named",
        "grounding.question_fit",
    } <= kinds  # fmt: skip


def test_no_reader_fails_whatever_digits_letters_and_marks_a_text_has() -> None:
    texts = pairs()

    for name, reader in readers().items():
        for one, other in texts:
            try:
                read(reader, one, other)
            except Exception as error:  # noqa: BLE001 - the test names the text, whatever fails
                pytest.fail(f"{name} of {one[:80]!r} and {other[:80]!r}: {error!r}")


def test_no_reader_takes_long_of_one_thing_many_times_over() -> None:
    for name, reader in readers().items():
        for text in filter(None, TEXTS):
            assert time_of(reader, text) < LONGEST, f"{name} of {text[:40]!r} many times"


def test_what_words_say_of_each_other_is_found_whatever_numbers_they_have() -> None:
    for one, other in pairs():
        stated, said = content_words(one), content_words(other)
        terms_of(words_of(one), DEFAULT_LANGUAGE)
        terms_of_query(one, languages())

        by_rule(stated, said)

        assert all(number.isdecimal() or "." in number for number in stated.numbers)
        assert all(has_number(number, [*said.numbers, number]) for number in stated.numbers)


async def test_a_claim_beside_any_passage_is_checked_by_every_method(checker: ClaimChecker) -> None:
    passages = [Evidence(HALL.format(text), str(place)) for place, text in enumerate(TEXTS)]
    claim = "The hall of the town has 150000 people in it, and 2,500 on July 3rd, 1940."
    check = GroundingCheck(claim, passages, question="How many people does the hall have?")

    for name in (one for one in checkers.names() if not is_learned(one)):
        [found] = (
            await checker.check_grounding(CheckGroundingRequest([check], checker=MethodChoice(name)), NO_CALL)
        ).results

        assert isinstance(found, CheckedClaims), name
        assert len(found.verdicts) == 1
