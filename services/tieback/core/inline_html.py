"""HTML within a text of Markdown, which its reader does not see: "<code>--port</code>" is read "--port"."""

from __future__ import annotations

import re

_CLOSING = re.compile(r"</([a-z][\w-]{0,30})\s*>", re.IGNORECASE)
_TAG = re.compile(r"(?P<code>`[^`\n]*`)|</?(?P<name>[a-z][\w-]{0,30})(?:\s[^<>]*)?/?>", re.IGNORECASE)


def untagged(text: str) -> str:
    """The text without its tags, and with a blank for a new line.

    Not every word in angles is a tag: "<duration>" stays, for nothing closes it and it has no attributes. So
    does what stands in code, between grave accents.
    """
    closed = {name.lower() for name in _CLOSING.findall(text)}

    def shown(found: re.Match[str]) -> str:
        name = (found["name"] or "").lower()
        if name == "br":
            return " "
        return "" if name in closed or (name and "=" in found[0]) else found[0]

    return _TAG.sub(shown, text) if "<" in text else text
