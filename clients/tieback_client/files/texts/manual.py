"""Pages of the manual (man, mdoc): formatted by mandoc or groff, never shown as their source.

mandoc writes HTML, which is read as a page: headings, lists and tables. groff writes lines, whose indent
shows the headings. A page cannot take in other files, nor run or write anything: mandoc reads none but
relative ones of the folder that it runs in, which is empty; of groff, the requests that read any are removed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import IO, cast

from tieback_client.errors import FailedPrecondition, InvalidArgument
from tieback_client.files.budget import SECONDS, TookTooLong
from tieback_client.files.document import FileSection, Parsed
from tieback_client.files.outline import Heading, few_enough, sections_under, shortened
from tieback_client.files.pages import html_page

MEMORY = 512 << 20
"""Bytes of address space of a program, where the system can limit it (Linux)."""
OUTPUT = 32 << 20
"""Bytes that are taken of what a program writes; one that writes more is given up."""
_TAKEN = 1 << 16


def is_installed(program: str) -> bool:
    """Tell whether a program is found on the path."""
    return shutil.which(program) is not None


def filtered(arguments: Sequence[str], data: bytes) -> bytes:
    """Output of a program that reads `data`, in an empty folder; "" where it fails.

    `TookTooLong` where it takes more than its time, its memory or its output.
    """
    program = shutil.which(arguments[0])
    if program is None:
        return b""
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryDirectory() as folder:
        given.write(data)
        given.seek(0)
        with (
            subprocess.Popen(  # noqa: S603 - without a shell, by the path of a program that the code names
                [program, *arguments[1:]],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
            ) as process
        ):
            _limit(process.pid)
            watch = threading.Timer(SECONDS, process.kill)
            watch.start()
            try:
                written = _written(cast(IO[bytes], process.stdout))
                process.wait()
            finally:
                process.kill()
                watch.cancel()
        if process.returncode < 0:
            raise TookTooLong
        return written


def _written(output: IO[bytes]) -> bytes:
    """All that a program writes. `TookTooLong` where that is too much."""
    taken: list[bytes] = []
    size = 0
    while part := output.read(_TAKEN):
        taken.append(part)
        size += len(part)
        if size > OUTPUT:
            raise TookTooLong
    return b"".join(taken)


def _limit(process: int) -> None:
    """Limits the memory and the processor time of a process. It has read nothing of its size yet."""
    if sys.platform != "linux":
        return
    import resource

    seconds = max(1, int(SECONDS))
    try:
        resource.prlimit(process, resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.prlimit(process, resource.RLIMIT_CPU, (seconds, seconds))
    except (OSError, ValueError):  # it has ended already, or the limits of the user are lower
        return


LONGEST = 4 << 20
"""Characters of a page that is formatted."""
HEAD = 1 << 16
"""Characters within which a page begins: generated ones define macros before."""
_SUFFIX = re.compile(r"\.([1-9][a-z0-9_]{0,12}|[1-9]|n|l|man|mdoc|roff)", re.IGNORECASE)
_TITLE = re.compile(r"^[.'][ \t]*(TH|Dd|Dt)[ \t]", re.MULTILINE)
_ALIAS = re.compile(r"(?:\s|[.']\\\".*\n)*[.']so[ \t]+\S+\s*(?:[.']\\\".*\s*)*\Z")
_IS_MDOC = re.compile(r"^[.'][ \t]*(Dd|Dt|Sh)[ \t]", re.MULTILINE)
_SUBSECTION, _INDENT = 3, 7
"""Columns of groff before a heading of the second level, and before text."""
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_MARKED_ITEM = re.compile(r"<dt>([^<\s]|\(?\w{1,3}[.)])</dt>\s*<dd>")
"""An item of a list whose mark mandoc writes as a term."""
_INDENTED = re.compile(r'</p>\s*<div class="Bd-indent">(?=[^<\s])')
"""The end of an option and the beginning of what it does, as DocBook writes both: they belong together."""
_TABLE = re.compile(r"^\.TS", re.MULTILINE)
# Every request of groff that reads a file; with -S, which is the default, none writes one or runs a program.
_NO_FILES = ".rm so soquiet mso msoquiet cf trf nx rd hpf hpfa psbb open opena pso sy pi\n.lf 1\n"


def is_manual(name: str, text: str) -> bool:
    """True for a page of the manual: by the section that its name ends with, and by its requests."""
    if not _SUFFIX.fullmatch(PurePath(name).suffix):
        return False
    return bool(_TITLE.search(text[:HEAD]) or _ALIAS.match(text[:HEAD]))


def read(text: str) -> Parsed:
    """The sections of a page; none of one that only names another.

    `FailedPrecondition` where neither mandoc nor groff is installed, `InvalidArgument` where they fail.
    """
    if _ALIAS.match(text[:HEAD]):
        return Parsed("", (), notes=("it only names another page of the manual",), is_original=False)
    by_mandoc = is_installed("mandoc")
    if not by_mandoc and not (is_installed("troff") and is_installed("grotty")):
        raise FailedPrecondition(
            "reading a page of the manual takes mandoc or groff, and neither is installed: apt install mandoc"
        )
    try:
        if len(text) > LONGEST:
            raise TookTooLong
        parsed = _by_mandoc(text) if by_mandoc else _by_groff(text)
    except TookTooLong:
        raise InvalidArgument(
            f"formatting it takes more than {SECONDS:.0f} s, or it is too large for a page of the manual"
        ) from None
    if not parsed.sections:
        raise InvalidArgument(
            f"it is a page of the manual of which {'mandoc' if by_mandoc else 'groff'} makes no text"
        )
    return parsed


def _by_mandoc(text: str) -> Parsed:
    made = filtered(["mandoc", "-T", "html", "-O", "fragment", "-K", "utf-8"], text.encode()).decode()
    begin = made.find(">", made.find('"manual-text"')) + 1
    end = made.rfind('<table class="foot"')
    body = made[begin : end if end > begin else len(made)]
    page = html_page.read(_INDENTED.sub("<br/>", _MARKED_ITEM.sub(r"<dd>\1 ", body)))
    # What has no heading above has a line of the HTML, which nobody sees.
    sections = [replace(one, locator="") if one.locator.startswith("line=") else one for one in page.sections]
    return Parsed(page.text, sections, _title(sections), page.notes, is_original=False)


def _by_groff(text: str) -> Parsed:
    source = _BEYOND_ASCII.sub(lambda found: f"\\[u{ord(found[0]):04X}]", text)
    given = f"{_NO_FILES}{source}".encode()
    if _TABLE.search(text) and is_installed("tbl"):
        given = filtered(["tbl"], given)
    macros = "-mdoc" if _IS_MDOC.search(text) else "-man"
    wide = ["-rLL=1000n", "-rHY=0", "-dAD=l"]
    formatted = filtered(["troff", "-Tutf8", macros, *wide], given)
    shown = filtered(["grotty", "-c", "-b", "-o", "-u"], formatted).decode(errors="replace")
    lines = [line.rstrip() for line in shown.splitlines()]
    bounds = [number for number, line in enumerate(lines) if line]
    made, headings = _outlined(lines[bounds[0] + 1 : bounds[-1]] if bounds else [])
    kept, notes = few_enough(headings)
    sections = sections_under(kept, made, lambda place: _anchor(kept, place))
    return Parsed(made, sections, _title(sections), notes, is_original=False)


def _outlined(lines: list[str]) -> tuple[str, list[Heading]]:
    """The text of formatted lines without their indent, and its headings, by their indent."""
    headings: list[Heading] = []
    made: list[str] = []
    length = 0
    for line in lines:
        words = line.lstrip()
        indent = len(line) - len(words)
        if words and indent <= _SUBSECTION:
            level = 1 if indent == 0 else 2
            headings.append(Heading(level, shortened(words), length, length + len(words)))
        shown = line[_INDENT:] if indent >= _INDENT else words
        if not shown and made[-1:] == [""]:
            continue
        made.append(shown)
        length += len(shown) + 1
    return "\n".join(made), headings


def _anchor(headings: list[Heading], place: int) -> str:
    """The heading of a place as mandoc names it in pages: "EXIT_STATUS"."""
    title = next((one.title for one in reversed(headings) if one.begin <= place), "")
    return title.replace(" ", "_")


def _title(sections: Sequence[FileSection]) -> str:
    """Text under the first heading (NAME): "ls - list directory contents"."""
    first = next(iter(sections), None)
    return shortened(first.text) if first is not None and len(first.text) < 1000 else ""
