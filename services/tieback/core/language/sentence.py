"""Parts of a sentence: its words, numbers, names, times and negations, read once and kept. English.

Words are stemmed, and function words left out, as in full text (`core/text/terms.py`: Snowball). Numbers that
are written out are read by text2num. Each part is worked out when it is first asked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from tieback.core.language.data import NONE, Language, language
from tieback.core.language.quantities import Quantity, quantities_of
from tieback.core.language.tokens import FORM, YEARS, Token, tokens_of
from tieback.core.text.terms import DEFAULT_LANGUAGE
from tieback.core.text.visible import as_displayed

LONG = 4
"""Letters of a word that says something."""

LONGEST_KEPT = 600
"""Characters of a text that is kept beside others: tokens take some hundred bytes for each word."""

ANSWER = re.compile(rf"\s*(?:{'|'.join(sorted(language().answers))})\b(?!\s+\w)\W*", re.IGNORECASE)
"""Beginning of a statement that answers and does not negate: "No, they are not paid"."""

AGENT_REACH = 4
"""Content words before "by", the nearest of which that is a participle is the verb."""

NEGATION_REACH = 2
"""Number of content words that a negation covers."""

Terms = frozenset[str]


class Sentence:
    """A text as it is displayed; its words by their stems, or by their first letters (`words`, `content`)."""

    def __init__(self, text: str) -> None:
        self.text = as_displayed(text)

    @cached_property
    def language(self) -> Language:
        """Data of its language."""
        return language(DEFAULT_LANGUAGE)

    @cached_property
    def tokens(self) -> Sequence[Token]:
        """All words and numbers."""
        return tokens_of(self.text, self.language.name)

    @cached_property
    def stated(self) -> Sequence[Token]:
        """Those without a yes or no that the text begins with."""
        answer = ANSWER.match(self.text)
        begin = answer.end() if answer else 0
        return [one for one in self.tokens if one.span[0] >= begin] if begin else self.tokens

    @cached_property
    def _content(self) -> Sequence[Token]:
        return [one for one in self.stated if one.is_content]

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Of the content words, in the order of the text."""
        return tuple([one.stem for one in self._content])

    @cached_property
    def all_stems(self) -> Terms:
        """Of all words and numbers, function words too."""
        return frozenset({one.stem for one in self.stated})

    @cached_property
    def names(self) -> Terms:
        """Stems of the content words that were written with a capital within the sentence."""
        first = self.stated[0] if self.stated else None
        return frozenset({one.stem for one in self._content if one.has_capital and one is not first})

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """In plain digits, in the order of the text."""
        return tuple([one.number for one in self.stated if one.number])

    @cached_property
    def negators(self) -> Sequence[Token]:
        """The words that negate."""
        return [one for one in self.stated if one.is_negation]

    @cached_property
    def negated(self) -> Terms:
        """Stems of the content words that a negation covers."""
        found, reach = set(), 0
        for one in self.stated if self.negators else ():
            if one.is_negation:
                reach = NEGATION_REACH
            elif reach and one.is_content:
                found.add(one.stem)
                reach -= 1
        return frozenset(found)

    @cached_property
    def is_negated(self) -> bool:
        """Tell whether there is a negation."""
        return bool(self.negators)

    @cached_property
    def counts(self) -> frozenset[tuple[str, str]]:
        """Numbers with what they count: of "three volumes and ten chapters", 3 volumes and 10 chapters."""
        if not self.numbers:
            return frozenset()
        pairs = zip(self.stated, self.stated[1:], strict=False)
        return frozenset((one.number, other.stem) for one, other in pairs if one.number and other.is_content)

    @cached_property
    def acted(self) -> Terms:
        """Stems of the verbs behind which "by" names who acts: the nearest participle before it, and others
        next to it ("written and directed by"); of a "by" without one ("an album by") none.
        """
        found: set[str] = set()
        if self.language.agent not in self.all_stems:
            return NONE
        near: deque[Token] = deque(maxlen=AGENT_REACH)
        for one in self.stated:
            if one.word == self.language.agent:
                found.update(self._verbs(near))
            elif one.is_content:
                near.append(one)
        return frozenset(found)

    @cached_property
    def undergone(self) -> Terms:
        """Stems of the participles behind a form of "be", but for adverbs."""
        found, is_behind, known = set(), False, self.language
        for one in self.stated:
            if is_behind:
                if one.is_content and self._is_participle(one.word):
                    found.add(one.stem)
                is_behind = one.word.endswith(known.adverb_ending)
            is_behind = is_behind or one.word in known.be
        return frozenset(found)

    @cached_property
    def led(self) -> frozenset[tuple[str, str]]:
        """Prepositions, each with the stem of the next content word, or with the number: of "in the old
        town", (in, old). Those that are content words ("since") are there with their own stem too.
        """
        found: set[tuple[str, str]] = set()
        leading, prepositions = "", self.language.prepositions
        for one in self.stated:
            if leading and (one.number or one.is_content):
                found.add((leading, one.stem))
                leading = ""
            if one.word in prepositions:
                leading = one.word
                if one.is_content:
                    found.add((one.word, one.stem))
        return frozenset(found)

    @cached_property
    def words(self) -> Terms:
        """All words and numbers by their first letters."""
        return frozenset(self._form(one) for one in self.tokens)

    @cached_property
    def content(self) -> Terms:
        """Long words and numbers by their first letters."""
        return frozenset(self._form(one) for one in self.tokens if one.number or len(one.word) >= LONG)

    @cached_property
    def capitals(self) -> Terms:
        """Words with a capital by their first letters."""
        return frozenset(self._form(one) for one in self.tokens if one.has_capital)

    @cached_property
    def inner_capitals(self) -> Terms:
        """The same without the first word."""
        return frozenset(self._form(one) for one in self.tokens[1:] if one.has_capital)

    @cached_property
    def amounts(self) -> Terms:
        """Numbers, and words for some ("half", "dozens")."""
        vague = self.language.vague_numbers
        return frozenset(one.word for one in self.tokens if one.number or one.word in vague)

    @cached_property
    def times(self) -> Terms:
        """Years, months, days and the like."""
        ending = self.language.possessive
        return frozenset(one.word.removesuffix(ending) for one in self.tokens if self.is_time(one))

    @cached_property
    def quantities(self) -> Sequence[Quantity]:
        """Things that are counted or measured, in comparable units."""
        return list(quantities_of(self.text, self.tokens, self.language))

    def is_time(self, one: Token) -> bool:
        """Tell whether a token of it is a year, month, day or the like."""
        known = self.language
        if not one.number:
            return one.word in known.when or one.word.removesuffix(known.possessive) in known.when
        begin, end = one.span
        ending = self.text[end : end + 2].lower()
        if ending in known.ordinal_endings:
            return len(one.number) <= 2
        is_decade = one.number.endswith("0") and ending[:1] == "s"
        return is_decade or (is_year(one.number) and end - begin == len(one.number))

    def _form(self, one: Token) -> str:
        return one.word.removesuffix(self.language.possessive)[:FORM]

    def _is_participle(self, word: str) -> bool:
        known = self.language
        return word.endswith(known.participles) or word in known.irregular_participles

    def _verbs(self, near: Iterable[Token]) -> Iterator[str]:
        """The last participle, and those next to it before it."""
        found = False
        for one in reversed([*near]):
            if self._is_participle(one.word):
                found = True
                yield one.stem
            elif found:
                return


def is_year(number: str) -> bool:
    """Tell whether a number in plain digits is that of a year."""
    return len(number) == 4 and number.isdecimal() and int(number) in YEARS


def sentence_of(text: str) -> Sentence:
    """A sentence that may have been read before; of a long text nothing is kept."""
    return _kept(text) if len(text) <= LONGEST_KEPT else Sentence(text)


_kept = lru_cache(1024)(Sentence)
