"""Tokens of texts for a model that another server runs: counted by a copy of its tokenizer, or roughly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.endpoint_options import TextEndpoint
from tieback.core.errors import InvalidInput
from tieback.models.text.tokenization import TextTokenizer

ASCII = 128


class TextLengths:
    """Counts tokens. StartupError where the options name a tokenizer that cannot be read."""

    def __init__(self, options: TextEndpoint) -> None:
        self._weight = 1.0 / options.characters_per_token
        self._tokenizer = None
        if options.tokenizer:
            path = Path(options.tokenizer).expanduser()
            self._tokenizer = TextTokenizer(path, max_tokens=None, special_tokens=True)

    @property
    def special(self) -> int:
        """Tokens that are added to a text and to a pair of them: the more of the two."""
        return 0 if self._tokenizer is None else self._tokenizer.special_tokens_of_a_pair

    @property
    def is_exact(self) -> bool:
        """True if the model's own tokenizer counts."""
        return self._tokenizer is not None

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`, int64, ascending."""
        if self._tokenizer is not None:
            return self._tokenizer.starts(text)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ends = np.cumsum(np.where(points < ASCII, self._weight, 1.0))
        # A character begins a token where the count of whole ones grows; the first one always does.
        grown = np.floor(ends) > np.floor(np.concatenate([[0.0], ends[:-1]]))
        begins = np.flatnonzero(np.concatenate([[True], grown[:-1]])) if len(points) else grown
        return np.asarray(begins, np.int64)

    def fitted(self, text: str, room: int, *, cuts: bool) -> tuple[str, int, int]:
        """`cut`, where that is allowed. A text whose tokens are guessed is left whole for the endpoint.

        InvalidInput for a text that is too long by the model's own tokenizer and may not be cut.
        """
        kept, tokens, cut = self.cut(text, room)
        if not cut or cuts:
            return kept, tokens, cut
        if self.is_exact:
            raise InvalidInput(
                f"the text has {tokens + cut} tokens and the model reads {room}; send less of it, or ask for "
                "its end to be cut off (truncation)",
                field="text",
                reason="TEXT_TOO_LONG",
            )
        return text, tokens + cut, 0

    def cut(self, text: str, room: int) -> tuple[str, int, int]:
        """The text up to `room` tokens, how many of them it has, and how many were cut off."""
        starts = self.starts(text)
        if len(starts) <= room:
            return text, len(starts), 0
        return text[: int(starts[room])], room, len(starts) - room
