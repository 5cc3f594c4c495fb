"""The sentences of a text that say most of a query's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tieback_contract.hits import Highlight

from tieback.core.text.sentences import sentences
from tieback.core.text.spans import ByteOffsets
from tieback.core.text.terms import terms_of, words_of
from tieback.ports import HIGHLIGHTED_CHARACTERS


def best_sentences(
    text: str, language: str, share: Callable[[Sequence[str]], float], most: int
) -> list[Highlight]:
    """At most so many sentences with words of a query, best first; `share` is that of terms."""
    return sorted(_scored(text, language, share), key=lambda one: -one.words)[:most]


def _scored(text: str, language: str, share_of: Callable[[Sequence[str]], float]) -> Iterator[Highlight]:
    """The sentences that have words of the query, in their order."""
    text = text[:HIGHLIGHTED_CHARACTERS]
    offsets = ByteOffsets(text)
    for begin, end in sentences(text):
        share = share_of(terms_of(words_of(text[begin:end]), language))
        if share > 0:
            yield Highlight(offsets.span(begin, end), share)
