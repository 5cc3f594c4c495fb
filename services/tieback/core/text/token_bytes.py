"""The bytes that the tokens of a tokenizer stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping

SPACE = "\u2581"  # SentencePiece's
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(tokens: Mapping[str, int], *, byte_level: bool) -> dict[int, bytes]:
    """By number, of tokens as a tokenizer's file writes them, without its special ones.

    `byte_level` is GPT-2's writing, a character for each byte; the other is SentencePiece's, with `▁` for
    spaces and `<0x0A>` for bytes. Tokens without bytes are none of a text.
    """
    if byte_level:
        of_character = _bytes_by_character()
        return {
            token: bytes(map(of_character.__getitem__, text))
            for text, token in tokens.items()
            if text and all(character in of_character for character in text)
        }
    return {token: piece for text, token in tokens.items() if (piece := _piece(text))}


def _piece(text: str) -> bytes:
    named = BYTE.fullmatch(text)
    return bytes([int(named[1], 16)]) if named else text.replace(SPACE, " ").encode()


def _bytes_by_character() -> dict[str, int]:
    """GPT-2's: printable bytes are their own character, and the others come after all of them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }
