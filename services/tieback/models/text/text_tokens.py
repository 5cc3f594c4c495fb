"""A model's tokens, for those who want to see them: texts as tokens, and tokens as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_contract.field_path import at
from tokenizers import Tokenizer

from tieback.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `span` are its characters in the text; None of a special token."""

    id: int
    text: str
    span: tuple[int, int] | None


class TextTokens:
    """A `tokenizer.json`, without the padding and truncation that such files come with."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def special(self) -> tuple[int, int]:
        """How many special tokens stand around a text, and around and between two."""
        added = self._tokenizer.num_special_tokens_to_add
        return int(added(False)), int(added(True))

    def tokens(self, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text, with the special ones or without."""
        (encoding,) = self._tokenizer.encode_batch([text], add_special_tokens=special)  # lets threads run
        rows = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
        return [Token(id_, name, None if own else span) for id_, name, span, own in rows]

    def counts(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, special ones not counted."""
        return [len(one.ids) for one in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def text(self, ids: Sequence[int], *, special: bool) -> str:
        """The text of tokens, with the special ones or without. InvalidInput for a number that is none."""
        most = self._tokenizer.get_vocab_size()
        for place, one in enumerate(ids):
            if one >= most:
                raise InvalidInput(
                    f"the model has {most} tokens and no number {one}",
                    field=at("ids", place),
                    reason="BAD_TOKEN",
                )
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=not special))
