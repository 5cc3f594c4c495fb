"""The tokenizers of served models, loaded from the model store when they are first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from tieback.catalog.base_card import Card

if TYPE_CHECKING:
    from tieback.models.store import Store
    from tieback.models.text_tokens import TextTokens, Token

T = TypeVar("T")
TOKENIZER = "tokenizer.json"


class ModelTokens:
    """Answers for the models of `cards`, by name, on one thread: a text of a megabyte takes a second."""

    def __init__(self, store: Store, cards: Mapping[str, Card]) -> None:
        self._store = store
        self._cards = cards
        self._loaded: dict[str, TextTokens] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    async def counts(self, space: str, texts: Sequence[str]) -> tuple[list[int], tuple[int, int]]:
        """Tokens of each text, and the special ones around a text and around two."""

        def count(tokens: TextTokens) -> tuple[list[int], tuple[int, int]]:
            return tokens.counts(texts), tokens.special

        return await self._ask(space, count)

    async def tokens(self, space: str, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text."""
        return await self._ask(space, lambda tokens: tokens.tokens(text, special=special))

    async def text(self, space: str, ids: Sequence[int], *, special: bool) -> str:
        """The text of tokens."""
        return await self._ask(space, lambda tokens: tokens.text(ids, special=special))

    async def _ask(self, space: str, asked: Callable[[TextTokens], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: asked(self._of(space)))

    def _of(self, space: str) -> TextTokens:
        """The tokens of a model. StartupError where the store has no tokenizer of it."""
        known = self._loaded.get(space)
        if known is None:
            from tieback.models.text_tokens import TextTokens

            served = self._store.open(self._cards[space])
            known = self._loaded[space] = TextTokens(served.path(TOKENIZER))
        return known
