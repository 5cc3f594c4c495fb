"""PowerPoint (.pptx): a section a slide, under its title, with the notes of the speaker."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping

from tieback_client.errors import InvalidArgument
from tieback_client.files.document import FileSection, Parsed
from tieback_client.files.office.package import Package
from tieback_client.files.outline import pieces, property_title, shortened

_TITLES = frozenset(("title", "ctrTitle"))
_NOT_SHOWN = frozenset(("sldNum", "dt", "ftr", "hdr", "sldImg"))
"""Placeholders of what is the same on all slides, or no text."""


def read(data: bytes) -> Parsed:
    """The slides of a PowerPoint file. `InvalidArgument` where it is none, is damaged, or takes too long."""
    package = Package(data)
    main = package.main()
    order: list[str] = []
    is_slides = False

    def start(tag: str, values: Mapping[str, str]) -> None:
        nonlocal is_slides
        is_slides = is_slides or tag == "p:presentation"
        if tag == "p:sldId":
            order.append(values.get("r:id", ""))

    if not package.read(main, start) or not is_slides:
        raise InvalidArgument("it is not a PowerPoint presentation")
    parts = package.related(main)
    slides = [_slide(package, parts[one][1]) for one in order if one in parts]
    written = [f"{content}\n\n" for _, content in slides]
    begins = [0, *itertools.accumulate(map(len, written))]
    text = "".join(written)
    sections: list[FileSection] = []
    for number, (title, _) in enumerate(slides, 1):
        place, heading = f"slide={number}", title or f"slide {number}"
        sections += pieces(
            text, begins[number - 1], begins[number], str(number), heading, functools.partial(_at, place)
        )
    title = next((title for title, _ in slides if title), "") or property_title(package.title())
    return Parsed(text, sections, title, is_original=False)


def _at(place: str, _character: int) -> str:
    return place


def _slide(package: Package, part: str) -> tuple[str, str]:
    """The title of a slide, and what it says with its notes; its title where it says nothing else."""
    slide, notes = _Slide(), _Slide()
    package.read(part, slide.start, slide.end, slide.text)
    for kind, name in package.related(part).values():
        if kind == "notesSlide":
            package.read(name, notes.start, notes.end, notes.text)
    words = [words for words in (slide.words(), notes.words()) if words]
    return slide.title, "\n\n".join(words) or slide.title


class _Slide:
    """Collects the text of a slide, a paragraph a line."""

    def __init__(self) -> None:
        self.title = ""
        self._lines: list[str] = []
        self._words: list[str] = []
        self._cells: list[str] | None = None
        self._place = ""
        self._in_text = False
        self._left_out = 0

    def words(self) -> str:
        """The lines without the title."""
        return "\n".join(self._lines)

    def start(self, tag: str, values: Mapping[str, str]) -> None:
        """A tag opens."""
        if self._left_out or tag == "mc:Fallback":
            self._left_out += 1
        elif tag == "p:sp":
            self._place = ""
        elif tag == "p:ph":
            self._place = values.get("type", "")
        elif tag == "a:t":
            self._in_text = True
        elif tag == "a:br":
            self._words.append(" ")
        elif tag == "a:tr":
            self._cells = []
        elif tag == "a:tc" and self._cells is not None:
            self._cells.append("")

    def end(self, tag: str) -> None:
        """A tag closes."""
        if self._left_out:
            self._left_out -= 1
        elif tag == "a:t":
            self._in_text = False
        elif tag == "a:p":
            self._write(" ".join("".join(self._words).split()))
            self._words.clear()
        elif tag == "a:tr" and self._cells is not None:
            self._lines.append(f"| {' | '.join(self._cells)} |")
            self._cells = None
        elif tag == "p:sp":
            self._place = ""

    def text(self, words: str) -> None:
        """Text within a tag."""
        if self._in_text and not self._left_out:
            self._words.append(words)

    def _write(self, line: str) -> None:
        if not line or self._place in _NOT_SHOWN:
            return
        if self._cells:
            self._cells[-1] = f"{self._cells[-1]} {line}".strip().replace("|", "\\|")
        elif self._place in _TITLES:
            self.title = shortened(f"{self.title} {line}".strip())
        else:
            self._lines.append(line)
