"""The facts at the head of a text file, as static site generators write them.

    ---
    title: All About Coffee
    year: 1922
    ---

Only lines of ``key: value`` with a string, a number, or true and false are read; anything else between the
two rules makes it an ordinary text, and nothing is taken away from it.
"""

from __future__ import annotations

import re

Value = str | float | bool

_RULE = "---"
_KEY = re.compile(r"([A-Za-z][\w-]*):[ \t]")
_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


def read(text: str) -> tuple[dict[str, Value], str]:
    """The facts, and the text without them; empty lines stand in their place, so that line numbers stay."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _RULE:
        return {}, text
    try:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _RULE)
    except StopIteration:
        return {}, text
    facts: dict[str, Value] = {}
    for line in lines[1:end]:
        if not line.strip() or line.startswith("#"):
            continue
        match = _KEY.match(line)
        value = line[match.end() :].strip(" \t") if match else ""
        if match is None or not value:
            return {}, text
        facts[match[1].replace("-", "_")] = _value(value)
    return facts, "\n" * (end + 1) + "\n".join(lines[end + 1 :])


def _value(written: str) -> Value:
    if len(written) > 1 and written[0] == written[-1] and written[0] in "\"'":
        return written[1:-1]
    if written in ("true", "false"):
        return written == "true"
    return float(written) if _NUMBER.match(written) else written
