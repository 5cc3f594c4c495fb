"""Readers of texts for methods of `recognition_fusion`, named as the method: a file of an extension each.

Its `reader_of` makes of a language model what reads so many texts at once after a prompt. The platform has
none, since its own method asks no language model.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable

from tieback.core.extensions import entries
from tieback.models.language.model import LanguageModel
from tieback.models.recognition_search import Reader


class Partners:
    """The language model that may take part in recognising, loaded at its first use. Any thread."""

    def __init__(self, load: Callable[[], LanguageModel]) -> None:
        self._load, self._lock = load, threading.Lock()
        self._made: dict[str, Callable[[str, int], Reader]] = {}

    def reader(self, method: str, prompt: str, width: int) -> Reader:
        """Reads `width` texts after the prompt for the method."""
        with self._lock:
            if method not in self._made:
                reader_of = importlib.import_module(entries(__name__)[method]).reader_of
                self._made[method] = reader_of(self._load())
        return self._made[method](prompt, width)
