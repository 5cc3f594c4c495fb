"""How much of the evidence stands in a prompt: its most relevant sentences, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable

from tieback.generator.request import Excerpt
from tieback.generator.writing.prompting import EXCERPT_SENTENCES

MOST_SENTENCES = 64
"""With any budget: a sentence is rarely of fewer than eight tokens, and more of them help no small model."""


def packed(excerpt: Excerpt, tokens_of: Callable[[str], int], budget: int) -> int:
    """How many of the most relevant sentences have `budget` tokens at most together; one, whatever it has.

    Without a budget, as many as stand in a prompt by default.
    """
    if not budget:
        return EXCERPT_SENTENCES
    fits, too_many = 1, MOST_SENTENCES + 1
    while too_many - fits > 1:  # more sentences never have fewer tokens
        tried = (fits + too_many) // 2
        if sum(tokens_of(text) for text in excerpt(tried)) <= budget:
            fits = tried
        else:
            too_many = tried
    return fits
