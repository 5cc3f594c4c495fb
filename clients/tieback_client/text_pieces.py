"""Pieces of a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text."""

    text: str
    """Its words."""
    span: tuple[int, int]
    """Its bytes of the whole text as UTF-8."""
    token_count: int
    """Its tokens, special ones not counted."""
