"""Text to tokens: one tokenizer for all text encoders, with byte spans and truncation that is reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types import Array, Truncation

ONE_BYTE, TWO_BYTES, THREE_BYTES = 0x80, 0x800, 0x10000


class TokenizedText:
    """Token numbers `ids` `[n]`. What only token vectors need is worked out when it is asked for."""

    __slots__ = ("_encoding", "_text", "ids")

    def __init__(self, text: str, encoding: Encoding) -> None:
        self._text = text
        self._encoding = encoding
        self.ids: Array = np.array(encoding.ids, np.int64)

    @property
    def words(self) -> Array:
        """Which tokens are words and not special ones `[n]`."""
        return ~np.array(self._encoding.special_tokens_mask, bool)

    @property
    def spans(self) -> Sequence[tuple[int, int]]:
        """The words' byte ranges in the text."""
        offsets = np.array(self._encoding.offsets, np.int64).reshape(-1, 2)
        return byte_spans(self._text, offsets[self.words])


class TextTokenizer:
    """A `tokenizer.json`, without the padding and truncation that such files come with."""

    def __init__(self, path: Path, *, max_tokens: int | None, special_tokens: bool) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise StartupError(f"{path} is not a tokenizer.json that can be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._special = special_tokens
        self._max = max_tokens
        self._room = None if max_tokens is None else max_tokens - self._added()

    def __call__(self, text: str, truncation: Truncation) -> tuple[TokenizedText, int]:
        """The tokens, and how many were cut off. InvalidInput where there are none or too many."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        found = len(encoding.ids)
        if not found:
            raise InvalidInput("the text has nothing that the model reads as a word; send some", field="text")
        cut = 0 if self._room is None else max(0, found - self._room)
        if cut:
            if truncation is Truncation.REFUSE:
                raise InvalidInput(
                    f"the text has {found} tokens and the model reads {self._room}; send less of it, "
                    "or ask for its end to be cut off (truncation)",
                    field="text",
                    reason="TEXT_TOO_LONG",
                )
            encoding.truncate(found - cut)
        if self._special:
            encoding = self._tokenizer.post_process(encoding)
        return TokenizedText(text, encoding), cut

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, special ones included."""
        return int(self._tokenizer.get_vocab_size())

    def _added(self) -> int:
        return int(self._tokenizer.num_special_tokens_to_add(False)) if self._special else 0


def byte_spans(text: str, offsets: Array) -> list[tuple[int, int]]:
    """Ranges of characters `[n, 2]` as ranges of bytes of the text's UTF-8."""
    if not text.isascii():
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        sizes = 1 + (points >= ONE_BYTE) + (points >= TWO_BYTES) + (points >= THREE_BYTES)
        offsets = np.concatenate(([0], np.cumsum(sizes)))[offsets]
    return [(int(begin), int(end)) for begin, end in offsets]
