"""What stands above a quote and is told with it: headings, the sentence that leads to it, names of columns.

"Fixed a crash" under "Version 2.1 (2024-03-02)" answers when that was, and "30 s" in a table says nothing
without the names of its columns. They are no part of the quote, and are told where the question asks for what
they say and the quote does not. "This endpoint" says nothing without the code before it, of which it is said.
"""

from __future__ import annotations

import re

from tieback.core.displayed import as_displayed
from tieback.core.heading_path import BETWEEN
from tieback.core.language import sentence_of
from tieback.core.passage_units import Kind, Unit, in_bytes
from tieback.core.questions import has_expected, kind_of
from tieback.methods.grounding import Passage

UNDERLINE = re.compile(r" (?:={3,}|-{3,}|~{3,})")
"""Under a line of a plain text that leads to others."""
THIS = re.compile(r"(?:This|These|The above)\s+(\w+)")
LONGEST_CODE = 120
"""Characters of code that is told before what speaks of it."""
LEAST_ASKED = 1 / 3
"""The share of the words of a heading that the question has and the quote lacks: a long title shares a word
with many questions."""
DATED = ("number", "when")
"""Kinds of questions to which a heading alone can be the answer, as that of a version with its date."""


def above(question: str, passage: Passage, window: int) -> str:
    """What is told before a window of a passage; empty where it is understood alone."""
    span = passage.windows[window]
    parts = list(in_bytes(passage.text, passage.title))
    place = next((number for number, (_, given) in enumerate(parts) if given == span), None)
    quote = passage.text.encode()[slice(*span)].decode()
    if place is None:
        return ""
    own = parts[place][0]
    asked, said, told = as_displayed(question), as_displayed(quote), []
    for part in (*passage.title.split(BETWEEN), UNDERLINE.sub("", " ".join(own.lead.split()))):
        if part and part not in " ".join(quote.split()) and _is_asked_for(asked, said, as_displayed(part)):
            told.append(part.rstrip(": "))
            said += f" {part}"
    if place and (code := _spoken_of(asked, quote, parts[place - 1][0], passage.text)):
        told.append(code)
    end = " " if told and told[-1].endswith("?") else ": "
    headings = f"{BETWEEN.join(told)}{end}" if told else ""
    columns = " | ".join(own.columns) if any(own.columns) else ""
    return f"{headings.rstrip()}\n{columns}\n".lstrip() if columns else headings


def _spoken_of(question: str, quote: str, before: Unit, text: str) -> str:
    """The short code before a quote that says "this endpoint" of it, where the question asks which it is."""
    this, (begin, end) = THIS.match(quote), before.span
    if this is None or before.kind is not Kind.CODE or end - begin > LONGEST_CODE:
        return ""
    is_asked = bool({*sentence_of(this[1]).stems} & {*sentence_of(question).stems})
    return f"`{' '.join(text[begin:end].split())}`" if is_asked else ""


def _is_asked_for(question: str, said: str, part: str) -> bool:
    """Whether much of it is asked for and was not said, or a time or number where one is asked for."""
    asked, told, new = map(sentence_of, (question, said, part))
    if {*asked.numbers} & {*new.numbers} - {*told.numbers}:
        return True
    if len({*asked.stems} & {*new.stems} - {*told.stems}) >= max(1, LEAST_ASKED * len({*new.stems})):
        return True
    kind = kind_of(question)
    return kind in DATED and has_expected(kind, asked, new) and not has_expected(kind, asked, told)
