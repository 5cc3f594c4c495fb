"""What a tokenizer has just made of texts.

A text to be stored is tokenised to be split, and again to be encoded, by each model; and models may share a
tokenizer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from tokenizers import Encoding

from tieback.core.tenant import TENANT

CHARACTERS = 131_072
"""Of all texts whose encodings are kept: about what three requests of a stream of texts hold. An encoding
takes some 20 bytes for a character of English, and 100 of Chinese."""


class RecentEncodings:
    """Encodings by their text, those least recently used dropped first. For any thread.

    Each tenant finds only its own, so that the time of an answer says nothing of others' texts. What is found
    is shared: it must not be changed.
    """

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._most = characters
        self._characters = 0
        self._kept: OrderedDict[tuple[str, str], Encoding] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str) -> Encoding | None:
        """The encoding of a text, if it is still there."""
        key = TENANT.get(), text
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, text: str, encoding: Encoding) -> None:
        """Keeps an encoding, without special tokens, in place of the oldest."""
        key = TENANT.get(), text
        with self._lock:
            if key not in self._kept:
                self._characters += len(text)
            self._kept[key] = encoding
            while self._characters > self._most:
                (_, oldest), _ = self._kept.popitem(last=False)
                self._characters -= len(oldest)
