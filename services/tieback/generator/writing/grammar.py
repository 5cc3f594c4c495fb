"""Answers in a given form: JSON of a schema, a regular expression, a context-free grammar.

At every step the tokens that would lead out of the language are excluded (llguidance, an Earley parser over
the bytes of tokens). What the strategy, the penalty and sampling do is otherwise as ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.generation import Grammar, GrammarKind

from tieback.core.errors import InvalidInput
from tieback.models.language.model import LanguageModel

MOST_BYTES = 64 * 1024
"""Of a grammar's text. Those that servers are sent have some hundred to some thousand."""

MOST_LINES = 500
"""Of a Lark grammar, with a rule each: a chain of some 3000 rules, each within the one before, overflows the
stack of the parser's builder and so would end the process."""

INITIAL_FUEL, STEP_FUEL, STEP_ITEMS, SYMBOLS, STATES = 1_000_000, 200_000, 20_000, 50_000, 50_000
"""What building, and each step, may cost: some 20 ms, 15 ms and 1 ms; memory some 100 MB at most."""

LONGEST_REASON = 300

EMPTY = "NoExtension"
"""How llguidance's reason begins where nothing leads on and nothing is complete."""

COMPILERS: dict[GrammarKind, Callable[[str], str]] = {
    GrammarKind.JSON_SCHEMA: LLMatcher.grammar_from_json_schema,
    GrammarKind.REGEX: LLMatcher.grammar_from_regex,
    GrammarKind.LARK: LLMatcher.grammar_from_lark,
}


class GrammarMatcher:
    """Follows one answer through its grammar.

    Building takes milliseconds, once the model's vocabulary was read, which takes a second the first time.
    InvalidInput, with the field and the reason, where the grammar is wrong, too large, or holds no text.
    """

    def __init__(self, grammar: Grammar, model: LanguageModel) -> None:
        self._field = at("sampling", "grammar", grammar.kind.value)
        check_size(grammar)
        try:
            compiled = COMPILERS[grammar.kind](grammar.text)
        except ValueError as error:
            raise self._refusal(str(error)) from None
        limits = LLParserLimits(
            initial_lexer_fuel=INITIAL_FUEL,
            step_lexer_fuel=STEP_FUEL,
            step_max_items=STEP_ITEMS,
            max_grammar_size=SYMBOLS,
            max_lexer_states=STATES,
            verbose_errors=False,
        )
        self._matcher = LLMatcher(_tokenizer(model), compiled, log_level=0, limits=limits)
        self._bits: NDArray[np.int32] = allocate_token_bitmask(1, model.decoder.vocabulary)
        self._vocabulary = model.decoder.vocabulary
        self.allowed()

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next `[vocabulary]`, the end among them where the text is complete."""
        fill_next_token_bitmask(self._matcher, self._bits)
        if self._matcher.is_error():
            reason = self._matcher.get_error()
            raise self._refusal("no text at all is in its language" if reason.startswith(EMPTY) else reason)
        bits = np.unpackbits(self._bits.view(np.uint8), bitorder="little")
        return np.asarray(bits[: self._vocabulary], bool)

    def add(self, token: int) -> None:
        """Goes on by a token that was allowed."""
        self._matcher.consume_token(token)

    def _refusal(self, reason: str) -> InvalidInput:
        short = " ".join(reason.split())
        short = short if len(short) <= LONGEST_REASON else f"{short[:LONGEST_REASON]} …"
        return InvalidInput(
            f"the grammar cannot be used: {short}", field=self._field, reason="GRAMMAR_UNUSABLE"
        )


def check_size(grammar: Grammar) -> None:
    """InvalidInput where the text is empty or too long to be looked at."""
    field = at("sampling", "grammar", grammar.kind.value)
    if not grammar.text.strip():
        raise InvalidInput("the grammar is empty; leave it out for free text", field=field)
    size = len(grammar.text.encode(errors="replace"))
    if size > MOST_BYTES:
        raise InvalidInput(
            f"the grammar has {size} bytes, and at most {MOST_BYTES} are read; make it smaller", field=field
        )
    lines = len(grammar.text.splitlines())
    if grammar.kind is GrammarKind.LARK and lines > MOST_LINES:
        raise InvalidInput(
            f"the grammar has {lines} lines, and at most {MOST_LINES} are read; make it smaller", field=field
        )


def within(scores: Array, allowed: NDArray[np.bool_]) -> Array:
    """The scores `[vocabulary]` with all others excluded.

    An allowed token that the strategy excludes comes after all that it does not, so that a choice is left.
    """
    lowest = np.finfo(np.float32).min
    return np.where(allowed, np.maximum(scores, lowest), -np.inf).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _tokenizer(model: LanguageModel) -> LLTokenizer:
    ends = sorted(model.end_tokens)
    return LLTokenizer(str(model.tokenizer_file), n_vocab=model.decoder.vocabulary, eos_token=ends)
