"""Takes out, or writes as escapes, characters that a terminal obeys or that reorder what is read.

Titles, ids, texts and messages come from files and servers. Written to a terminal as they are, they could set
its title, clear it, type for its user, or show a name as another one.
"""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1; embeddings, overrides and isolates of bidirectional text; lone surrogates,
# which cannot be written at all.
_OBEYED = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[{_OBEYED}]")
_NOT_IN_A_LINE = re.compile(f"[{_OBEYED}\t\n\u2028\u2029]")
_NOT_IN_JSON = re.compile(f"[{_OBEYED}\u2028\u2029]")


def printable(text: str) -> str:
    """The text without them; tabs and newlines stay."""
    return _UNSAFE.sub("", text)


def in_a_line(text: str) -> str:
    r"""The text as one line: each of them, and each tab and newline, as an escape such as ``\x1b``."""
    return _NOT_IN_A_LINE.sub(lambda one: one[0].encode("unicode_escape").decode(), text)


def in_json(document: str) -> str:
    r"""A JSON document that means the same and holds none of them, nor other ends of lines.

    Within strings each becomes ``\u009b``; JSON has no other place for them.
    """
    return _NOT_IN_JSON.sub(lambda one: f"\\u{ord(one[0]):04x}", document)
