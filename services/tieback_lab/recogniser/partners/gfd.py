"""A language model that reads recognised texts: several at once, each a little longer than one before it.

The texts of a search share their beginnings, and each step adds a few bytes. The rows of the caches hold the
texts of the last step; those of the next one are copied from the row that begins most alike, so that only new
tokens are run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tieback.core.text.token_bytes import token_bytes
from tieback.models.language.model import LanguageModel

from tieback_lab.methods.recognition_fusion._reading import ByteVocabulary, Cut, Distribution, Reading

Tokens = tuple[int, ...]


MOST_TOKENS = 448  # of a text: more than a window of speech or a line of writing has


class LanguageReader:
    """Reads texts after a prompt. One for each search; one thread at a time."""

    def __init__(
        self,
        model: LanguageModel,
        vocabulary: ByteVocabulary,
        prompt: str,
        *,
        width: int,
        most: int = MOST_TOKENS,
    ) -> None:
        """`width` texts at once, of at most `most` tokens; a longer text is read as far as that."""
        self._model, self._vocabulary = model, vocabulary
        self._prompt = model.tokens(prompt) or [min(model.end_tokens)]
        decoder = model.decoder
        self._most = min(most, model.context_tokens - len(self._prompt))
        self._caches = decoder.caches(2 * width, len(self._prompt) + self._most)
        self._width = width
        self._turn = 0  # which half of the rows holds the texts of the last step
        self._held: list[Tokens] = []
        self._exits = np.array([decoder.layers], np.int64)
        self._known: dict[Tokens, Distribution] = {}
        self._begin()

    def read(self, texts: Sequence[bytes]) -> list[Reading]:
        """What the model says of each, in order; at most `width`."""
        cut = [self._tokens(text) for text in texts]
        self._run([tokens[:-1] for tokens in cut])
        readings = [self._reading(tokens) for tokens in cut]
        used = {tokens[:length] for tokens in cut for length in range(len(tokens) + 1)}
        self._known = {tokens: one for tokens, one in self._known.items() if tokens in used or not tokens}
        return readings

    def _begin(self) -> None:
        prompt = np.array([self._prompt], np.int64)
        last = np.array([[len(self._prompt) - 1]])
        decoder = self._model.decoder
        logits = decoder.advance(
            self._caches, slice(0, 1), prompt, past=np.zeros(1, np.int64), places=last, exits=self._exits
        )
        self._known[()] = Distribution(logits[0, 0, 0, self._vocabulary.ids])
        self._held = [()]

    def _tokens(self, text: bytes) -> Tokens:
        """The tokenizer's own cutting; bytes of an unfinished character are tokens of their own."""
        whole = text.decode(errors="ignore")
        tokens = self._model.tokens(whole)
        rest = text[len(whole.encode()) :]
        for byte in rest:
            rank = self._vocabulary.rank(bytes([byte]))
            if rank is not None:
                tokens.append(int(self._vocabulary.ids[rank]))
        known = [token for token in tokens if token in self._vocabulary.ranks]
        return tuple(known[: self._most])

    def _run(self, wanted: Sequence[Tokens]) -> None:
        """Puts these texts into the rows of the other half, and runs what is new of each."""
        longer = sorted(set(wanted), key=lambda tokens: self._kept(tokens)[1] - len(tokens), reverse=True)
        first = self._width * (1 - self._turn)
        before = len(self._prompt)
        kept = []
        for place, tokens in enumerate(longer):
            row, length = self._kept(tokens)
            self._caches.move(self._width * self._turn + row, first + place, before + length)
            kept.append(length)
        ones = [place for place, tokens in enumerate(longer) if len(tokens) - kept[place] == 1]
        if ones:
            rows = slice(first + ones[0], first + ones[-1] + 1)
            self._advance(rows, [longer[place] for place in ones], 1)
        for place, tokens in enumerate(longer):
            if (new := len(tokens) - kept[place]) > 1:
                self._advance(slice(first + place, first + place + 1), [tokens], new)
        self._turn, self._held = 1 - self._turn, longer

    def _kept(self, tokens: Tokens) -> tuple[int, int]:
        """The row that begins most like these, and for how many tokens."""
        lengths = [_common(tokens, held) for held in self._held]
        best = int(np.argmax(lengths))
        return best, lengths[best]

    def _advance(self, rows: slice, texts: Sequence[Tokens], new: int) -> None:
        tokens = np.array([text[len(text) - new :] for text in texts], np.int64)
        past = np.array([len(self._prompt) + len(text) - new for text in texts], np.int64)
        places = np.tile(np.arange(new), (len(texts), 1))
        logits = self._model.decoder.advance(
            self._caches, rows, tokens, past=past, places=places, exits=self._exits
        )
        for row, text in enumerate(texts):
            for place in range(new):
                beginning = text[: len(text) - new + place + 1]
                self._known[beginning] = Distribution(logits[row, place, 0, self._vocabulary.ids])

    def _reading(self, tokens: Tokens) -> Reading:
        ranks = [self._vocabulary.ranks[token] for token in tokens]
        cuts, rest = [], b""
        for place in range(len(tokens) - 1, -1, -1):
            rest = self._vocabulary.texts[ranks[place]] + rest
            if len(rest) >= self._vocabulary.longest:
                break
            begin, end = self._vocabulary.longer(rest)
            if begin < end:
                cuts.append(Cut(place, begin, end))
        return Reading(ranks, [self._known[tokens[:place]] for place in range(len(tokens))], cuts)


def reader_of(model: LanguageModel) -> Callable[[str, int], LanguageReader]:
    """Reads so many texts at once after a prompt."""
    vocabulary = vocabulary_of(model)
    return lambda prompt, width: LanguageReader(model, vocabulary, prompt, width=width)


def vocabulary_of(model: LanguageModel) -> ByteVocabulary:
    """The model's tokens by their bytes, without the special ones."""
    return ByteVocabulary.of(token_bytes(model.plain_vocabulary(), byte_level=model.is_byte_level))


def _common(one: Tokens, other: Tokens) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length
