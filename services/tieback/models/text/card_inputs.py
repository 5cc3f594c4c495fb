"""Inputs of a model by its card: texts with places, such as for evidence, claim and question, as tokens.

Names of special tokens in the card's texts are those tokens. In the texts of a request they are text, as
everywhere (`models/text/tokenization.py`), so a text is tokenised from one special token of the card to the
next.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tokenizers import Encoding

from tieback.catalog.checker_card import CLAIM, Inputs
from tieback.core.errors import StartupError
from tieback.models.text.tokenization import ORDINARY, TextTokenizer


class FilledInputs(NamedTuple):
    """Token numbers, types, and which tokens are of the claim `[n]`."""

    ids: Array
    types: Array
    claim: Array


class _Text(NamedTuple):
    """One text as it was tokenised: which of its tokens are of the claim, and its special tokens by place."""

    encoding: Encoding
    claim: list[bool]
    special: dict[int, int]


class CardInputs:
    """Fills texts of one card. StartupError where the tokenizer is none."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        names = sorted(tokenizer.special_tokens, key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, names))) if names else None

    @classmethod
    def read(cls, path: Path) -> CardInputs:
        """With the tokenizer of a file."""
        return cls(TextTokenizer(path, max_tokens=None, special_tokens=True))

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self._tokenizer.vocabulary

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[n]`."""
        return self._tokenizer.starts(text)

    def fill(self, inputs: Inputs, values: Mapping[str, str]) -> FilledInputs:
        """The tokens of a text or of a pair, with the values in their places and special tokens around."""
        texts = [self._text(text, values) for text in inputs]
        whole = self._tokenizer.joined(*(one.encoding for one in texts))
        own = np.array(whole.special_tokens_mask, bool)
        ids = self._tokenizer.held(np.array(whole.ids, np.int64), own)
        claim, places, begin = np.zeros(len(ids), bool), np.flatnonzero(~own), 0
        for text in texts:
            of_text = places[begin : begin + len(text.claim)]
            claim[of_text] = text.claim
            for place, token in text.special.items():
                ids[of_text[place]] = token
            begin += len(text.claim)
        return FilledInputs(ids, np.array(whole.type_ids, np.int64), claim)

    def alone(self, text: str, values: Mapping[str, str]) -> Array:
        """The tokens of one text `[n]`, with no special ones but those that it names."""
        made = self._text(text, values)
        ids, own = np.array(made.encoding.ids, np.int64), np.zeros(len(made.claim), bool)
        own[list(made.special)] = True
        ids[own] = list(made.special.values())
        return self._tokenizer.held(ids, own)

    def _text(self, text: str, values: Mapping[str, str]) -> _Text:
        parts: list[Encoding] = []
        claim: list[bool] = []
        special: dict[int, int] = {}
        for run, name in self._runs(text):
            if run or not (parts or name):
                told, (begin, end) = filled(run, values)
                encoding = self._tokenizer.encoding(told)
                parts.append(encoding)
                claim += [first < end and last > begin for first, last in encoding.offsets]
            if name:
                special[len(claim)] = self._tokenizer.special_tokens[name]
                parts.append(self._stand_in())
                claim.append(False)
        return _Text(Encoding.merge(parts, growing_offsets=False), claim, special)

    def _runs(self, text: str) -> list[tuple[str, str]]:
        """The text between special tokens, each with the name of the one behind it, or with none."""
        if self._names is None:
            return [(text, "")]
        found, begin = [], 0
        for match in self._names.finditer(text):
            found.append((text[begin : match.start()], match[0]))
            begin = match.end()
        return [*found, (text[begin:], "")]

    def _stand_in(self) -> Encoding:
        """One token, whichever, in place of a special one: those cannot be written."""
        encoding = Encoding.merge([self._tokenizer.encoding(ORDINARY)], growing_offsets=False)
        encoding.truncate(1)
        if not len(encoding.ids):
            raise StartupError(
                f"the tokenizer reads {ORDINARY!r} as no token, so inputs cannot have special ones"
            )
        return encoding


def filled(text: str, values: Mapping[str, str]) -> tuple[str, tuple[int, int]]:
    """The text with the values in their places, and the characters of the claim."""
    parts, size, begin, claim = [], 0, 0, (0, 0)
    for match in _places(tuple(values)).finditer(text):
        before, value = text[begin : match.start()], values[match[1]]
        size += len(before)
        if match[1] == CLAIM:
            claim = (size, size + len(value))
        size += len(value)
        parts += [before, value]
        begin = match.end()
    return "".join([*parts, text[begin:]]), claim


@functools.cache
def _places(names: tuple[str, ...]) -> re.Pattern[str]:
    """The places of values in a text; other braces are text."""
    return re.compile(rf"\{{({'|'.join(names)})\}}")
