"""Text to tokens: one tokenizer for all text encoders, with byte spans and truncation that is reported.

A caller may bring the tokens, made with the same tokenizer; they are checked and not made again.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import threading
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tokenizers import Encoding, Tokenizer

from tieback.core.errors import InvalidInput, StartupError
from tieback.core.tenant import TENANT
from tieback.core.text.spans import ByteOffsets
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import Truncation
from tieback.models.content import read_text, wrong_modality
from tieback.models.text.token_pairs import TokenizedPair, beginning, kept_of_first, too_long_together

# What a tokenizer has just made of texts.
#
# A text to be stored is tokenised to be split, and again to be encoded, by each model; and models may share
# a tokenizer.
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


TOKEN_IDS = "token_ids"  # noqa: S105 - the field of the contract, no secret
PIECE = 16_384
"""Characters that are tokenised at once: a tokenizer takes up to 500 bytes for each while it works."""

EMPTY = "the text has nothing that the model reads as a word; send some"
SHORT = 256  # characters of a text whose tokens are made before anybody notices


class Places(NamedTuple):
    """What is kept of an encoding that was cut, which itself keeps all that was cut off."""

    special_tokens_mask: Array
    offsets: Array


class TokenizedText:
    """Token numbers `ids` `[n]`, int64. What only token vectors need is worked out when it is asked for.

    Where the caller brought the tokens there is no text and no `encoding` of it: all count as words, with
    empty spans.
    """

    __slots__ = ("_encoding", "_text", "ids")

    def __init__(self, ids: Array, text: str = "", encoding: Encoding | Places | None = None) -> None:
        self.ids = ids
        self._text = text
        self._encoding = encoding

    @property
    def words(self) -> Array:
        """Which tokens are words and not special ones `[n]`."""
        if self._encoding is None:
            return np.ones(len(self.ids), bool)
        return ~np.array(self._encoding.special_tokens_mask, bool)

    @property
    def characters(self) -> Array:
        """The words' ranges of characters in the text `[n, 2]`, int64."""
        if self._encoding is None:
            return np.zeros((len(self.ids), 2), np.int64)
        return np.array(self._encoding.offsets, np.int64).reshape(-1, 2)[self.words]

    @property
    def spans(self) -> Array:
        """The words' byte ranges in the text `[n, 2]`, int64."""
        return ByteOffsets(self._text).spans(self.characters)


class _File:
    """A `tokenizer.json` as it was read, without the padding and truncation that such files come with."""

    def __init__(self, data: bytes) -> None:
        self.tokenizer = Tokenizer.from_buffer(data)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.plain = PlainText(self.tokenizer)
        self.recent = RecentEncodings()

    @classmethod
    def read(cls, path: Path) -> _File:
        """Models whose files have the same content share one."""
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        known = _files.get(digest)
        if known is None:
            known = _files[digest] = cls(data)
        return known


# Texts are read as text: the name of a control token in one, such as "[CLS]" or "<s>", is no control token.
#
# A control token marks for a model where a text begins or who speaks, and only the server may set it. Most
# tokenizers cut such names out of texts before anything else, which is turned off here. Some have them in
# their vocabulary all the same, where a text can reach them; what is found of that gets another number.
UNKNOWN = ("[UNK]", "<unk>")
ORDINARY = "?"


class PlainText:
    """Has a tokenizer read texts as text, from now on."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        added = tokenizer.get_added_tokens_decoder()
        special = {token.content: number for number, token in added.items() if token.special}
        names = (getattr(tokenizer.model, "unk_token", None) or "", *UNKNOWN)
        unknown = next((number for name in names if (number := special.get(name)) is not None), None)
        # An unknown word is what a text may well hold.
        control = [number for number in special.values() if number != unknown]
        # By token number, up to the first behind the last control token, which stands for all after it: a
        # look-up takes microseconds, and np.isin a sixth of a millisecond for each query and space.
        self._is_control = np.zeros(max(control, default=-1) + 2, bool)
        self._is_control[control] = True
        ordinary = tokenizer.encode(ORDINARY, add_special_tokens=False).ids
        self._instead = unknown if unknown is not None else ordinary[0] if ordinary else 0

    def held(self, ids: Array, own: Array) -> Array:
        """Token numbers `[n]` with no control token but the server's `own` `[n]`."""
        foreign = self._is_control[np.minimum(ids, len(self._is_control) - 1)] & ~own
        return np.where(foreign, self._instead, ids) if foreign.any() else ids


_files: weakref.WeakValueDictionary[bytes, _File] = weakref.WeakValueDictionary()
"""Those in use, by their hash."""


class TextTokenizer:
    """A `tokenizer.json`, for one model. `why` says of the limit, in its error, where it comes from."""

    def __init__(self, path: Path, *, max_tokens: int | None, special_tokens: bool, why: str = "") -> None:
        try:
            self._file = _File.read(path)
        except Exception as error:
            raise StartupError(f"{path} is not a tokenizer.json that can be read: {error}") from error
        self._tokenizer = self._file.tokenizer
        self._plain = self._file.plain
        self._recent = self._file.recent
        self._special = special_tokens
        self._max, self._why = max_tokens, why
        self._room = None if max_tokens is None else max_tokens - self._added()
        self.vocabulary = int(self._tokenizer.get_vocab_size())
        """How many tokens there are, special ones included."""

    def number(self, token: str) -> int | None:
        """The number of the token of that name; None where there is none."""
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def names(self, count: int) -> list[str]:
        """The first `count` tokens by their numbers; a number without a token has the name ""."""
        return [self._tokenizer.id_to_token(number) or "" for number in range(count)]

    def read(self, content: Content, limits: Limits, truncation: Truncation) -> tuple[TokenizedText, int]:
        """The tokens of a text, and how many were cut off. InvalidInput where there are none or too many."""
        if isinstance(content.data, TokenNumbers):
            if content.modality is not Modality.TEXT:
                raise wrong_modality(content, Modality.TEXT)
            return self._accept(content.data.ids, truncation)
        return self(read_text(content, limits), truncation)

    def __call__(self, text: str, truncation: Truncation) -> tuple[TokenizedText, int]:
        """`read`, of a text that was checked. Names of control tokens in it are text."""
        encoding, found = self._encoded(text)
        if not found:
            raise InvalidInput(EMPTY, field="text")
        cut = 0 if self._room is None else max(0, found - self._room)
        if cut:
            if truncation is Truncation.REFUSE:
                raise InvalidInput(
                    f"the text has {found} tokens and the model reads {self._room}{self._why}; send "
                    "less of it, or ask for its end to be cut off (truncation)",
                    field="text",
                    reason="TEXT_TOO_LONG",
                )
            encoding = beginning(encoding, found - cut)
        if self._special:
            encoding = self._tokenizer.post_process(encoding)
        own = np.array(encoding.special_tokens_mask, bool)
        ids = self._plain.held(np.array(encoding.ids, np.int64), own)
        if not cut:
            return TokenizedText(ids, text, encoding), cut
        offsets = np.array(encoding.offsets, np.int64)
        end = int(offsets.max())  # of what is kept, so that the text behind it is not kept either
        places = Places(own, offsets)
        return TokenizedText(ids, text[:end], places), cut

    def pair(self, first: str, second: str) -> TokenizedPair:
        """Two texts, which were checked, with the special tokens around and between them.

        Where they are too long, the first is cut to half of the room, and the second to what is left of it.
        InvalidInput for a text without a token, its field "first" or "second".
        """
        room = None if self._max is None else self._max - self.special_tokens_of_a_pair
        asked, lost = self._part(first, "first", None if room is None else max(1, room // 2))
        passage, cut = self._part(second, "second", None if room is None else room - len(asked))
        return self._paired(asked, passage, lost + cut)

    def fitted_pair(self, first: str, second: str, truncation: Truncation) -> TokenizedPair:
        """The same, whose longer text alone is cut, or both to a half where both are longer than that.

        InvalidInput where they are too long together and may not be cut, about the longer one.
        """
        encodings, counts = [], []
        for name, text in (("first", first), ("second", second)):
            encoding, found = self._encoded(text)
            if not found:
                raise InvalidInput(EMPTY, field=name)
            encodings.append(encoding)
            counts.append(found)
        room = sum(counts) if self._max is None else self._max - self.special_tokens_of_a_pair
        if sum(counts) <= room:
            return self._paired(encodings[0], encodings[1], 0)
        if truncation is Truncation.REFUSE:
            raise too_long_together(counts[0], counts[1], room, self._why)
        kept = kept_of_first(counts[0], counts[1], room)
        parts = [beginning(one, most) for one, most in zip(encodings, (kept, room - kept), strict=True)]
        return self._paired(parts[0], parts[1], sum(counts) - room)

    def _paired(self, first: Encoding, second: Encoding, cut: int) -> TokenizedPair:
        whole = self._tokenizer.post_process(first, second)
        ids = self._plain.held(np.array(whole.ids, np.int64), np.array(whole.special_tokens_mask, bool))
        return TokenizedPair(ids, np.array(whole.type_ids, np.int64), cut)

    @functools.cached_property
    def special_tokens(self) -> dict[str, int]:
        """The special tokens by their names, which texts cannot write."""
        added = self._tokenizer.get_added_tokens_decoder()
        return {token.content: number for number, token in added.items() if token.special}

    def encoding(self, text: str) -> Encoding:
        """A text, which was checked, without special tokens; not to be changed."""
        return self._encode(text)

    def joined(self, first: Encoding, second: Encoding | None = None) -> Encoding:
        """One text, or two, with the special tokens around and between them."""
        return self._tokenizer.post_process(first, second)

    def held(self, ids: Array, own: Array) -> Array:
        """Token numbers `[n]` with no control token but the server's `own` `[n]`."""
        return self._plain.held(ids, own)

    @property
    def special_tokens_of_a_pair(self) -> int:
        """How many special tokens stand around and between two texts."""
        return int(self._tokenizer.num_special_tokens_to_add(True))

    def _part(self, text: str, name: str, most: int | None) -> tuple[Encoding, int]:
        """The first tokens of one text of a pair, and how many were cut off."""
        encoding, found = self._encoded(text)
        if not found:
            raise InvalidInput(EMPTY, field=name)
        if most is None or found <= most:
            return encoding, 0
        return beginning(encoding, most), found - most

    @property
    def room(self) -> int | None:
        """Tokens of a text that are read at most, special ones not counted; None for no limit."""
        return self._room

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[n]`, int64, special tokens left out."""
        found, begin = [], 0
        while begin < len(text):
            end = _piece_end(text, begin)
            offsets = self._encode(text[begin:end]).offsets
            found.append(np.array([start + begin for start, _ in offsets], np.int64))
            begin = end
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _encoded(self, text: str) -> tuple[Encoding, int]:
        """As many of the text's tokens as there is room for, and some more; and how many it has.

        Of a long text, pieces that are cut before a space are counted, and only the beginning is kept.
        """
        if len(text) <= PIECE or self._room is None:
            encoding = self._encode(text)
            return encoding, len(encoding.ids)
        kept, found, begin = len(text), 0, 0
        while begin < len(text):
            end = _piece_end(text, begin)
            found += len(self._encode(text[begin:end]))
            if found > self._room:
                kept = min(kept, end)
            begin = end
        encoding = self._encode(text[:kept])
        return encoding, max(found, len(encoding.ids)) if kept < len(text) else len(encoding.ids)

    def _encode(self, text: str) -> Encoding:
        """The encoding of a text, not to be changed: who asks for the same text gets the same."""
        encoding = self._recent.find(text)
        if encoding is None:
            if len(text) <= SHORT:
                encoding = self._tokenizer.encode(text, add_special_tokens=False)
            else:
                # Unlike `encode`, this lets other threads of the process run: a long text would stop all.
                encoding = self._tokenizer.encode_batch([text], add_special_tokens=False)[0]
            self._recent.keep(text, encoding)
        return encoding

    def _accept(self, ids: Array, truncation: Truncation) -> tuple[TokenizedText, int]:
        """The caller's tokens, if the model can read them; what is cut off lies before the special ones."""
        if ids.dtype != np.int64 or ids.ndim != 1 or not len(ids):
            raise InvalidInput("token numbers are a row of int64, at least one", field=TOKEN_IDS)
        foreign = (ids < 0) | (ids >= self.vocabulary)
        if foreign.any():
            raise InvalidInput(
                f"the model has {self.vocabulary} tokens and no number {ids[foreign.argmax()]}; "
                "use the tokenizer of the space",
                field=TOKEN_IDS,
                reason="BAD_TOKEN",
            )
        cut = 0 if self._max is None else max(0, len(ids) - self._max)
        if cut:
            if truncation is Truncation.REFUSE:
                raise InvalidInput(
                    f"there are {len(ids)} tokens and the model reads {self._max}{self._why}; send fewer, "
                    "or ask for the end to be cut off (truncation)",
                    field=TOKEN_IDS,
                    reason="TEXT_TOO_LONG",
                )
            kept = len(ids) - cut - self._ending
            ids = np.concatenate([ids[:kept], ids[len(ids) - self._ending :]])
        return TokenizedText(ids), cut

    @functools.cached_property
    def _ending(self) -> int:
        """Special tokens at the end of every text."""
        if not self._special:
            return 0
        backwards = reversed(self._tokenizer.encode("a").special_tokens_mask)
        return sum(1 for _ in itertools.takewhile(bool, backwards))

    def _added(self) -> int:
        return int(self._tokenizer.num_special_tokens_to_add(False)) if self._special else 0


def _piece_end(text: str, begin: int) -> int:
    """Where a piece from `begin` on ends: before the last space in the second half of it, if there is one."""
    end = begin + PIECE
    if end >= len(text):
        return len(text)
    spaces = [text.rfind(space, begin + PIECE // 2, end) for space in " \n\t"]
    return max(spaces) if max(spaces) > 0 else end
