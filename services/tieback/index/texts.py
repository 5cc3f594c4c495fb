"""Texts and ids of a request: how long they may be, and what they may hold."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath

from tieback.core.errors import InvalidInput

ID_BYTES = 512


def check_text(text: str, limit: int, *, field: FieldPath, takes_nul: bool = False) -> None:
    """InvalidInput where the text is not Unicode, holds NUL, or has more than `limit` bytes (0: no limit)."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"the text is not valid Unicode: a lone surrogate at character {error.start}", field=field
        ) from None
    if limit and size > limit:
        raise InvalidInput(f"{size} bytes of text; at most {limit} are taken", field=field)
    nul = text.find("\0")
    if nul >= 0 and not takes_nul:
        raise InvalidInput(f"the text has a NUL at character {nul}; remove it", field=field)


def check_id(identifier: str, *, field: FieldPath) -> None:
    """InvalidInput where an id is empty, longer than 512 bytes, not Unicode, or holds NUL."""
    if not identifier:
        raise InvalidInput("the id is empty; give 1 to 512 bytes", field=field)
    check_text(identifier, ID_BYTES, field=field)
