"""Excel (.xlsx) by openpyxl: a section a sheet, its rows with the names of its columns, as those of CSV.

A row stands on a line of its own, and blank lines stand for blank rows, so that the line of a text leads to
the row of the sheet. Formulas are their values as Excel stored them last. Hidden sheets are left out.

What is read is bounded before openpyxl sees it: the directory of an archive states how large its parts are,
and no more than that is ever decompressed. The time is checked whenever openpyxl reads on.
"""

from __future__ import annotations

import bisect
import functools
import io
import itertools
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import Budget, TookTooLong
from tieback_client.files.decoding import storable
from tieback_client.files.document import FileSection, Parsed
from tieback_client.files.office.package import MOST_BYTES, archive_of
from tieback_client.files.outline import pieces, property_title, shortened
from tieback_client.files.packages import load
from tieback_client.files.texts.delimited import names_columns, row_of

SECONDS = 30.0
"""Of processor time for a file."""
WHOLE_BYTES = 4 << 20
"""Of a part that openpyxl reads as a whole, such as the styles; of rows and their words it reads a bit at a
time."""
BLANK_ROWS = 20
"""So many blank rows are blank lines; after more, another section begins."""
ROWS = 1 << 20
"""Of a sheet of Excel."""
_BITE = 1 << 20
_NO_VALUE = re.compile(
    rb"(?:</(?:\w{1,9}:)?f>|<(?:\w{1,9}:)?f\b[^<>]{0,999}/>)\s{0,9}(?:<v\s?/>|<v></v>)?</c>"
)
"""The end of a cell with a formula and without a value."""
_STREAMED = ("xl/worksheets/", "xl/sharedStrings")


class _Watched(io.BytesIO):
    """Bytes that are read for as long as there is time."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__(data)
        self._budget = budget

    def read(self, size: int | None = -1, /) -> bytes:
        self._budget.check()
        return super().read(size)


def read(data: bytes) -> Parsed:
    """The sheets of a workbook. `InvalidArgument` where it is none, damaged, too large, or takes too long."""
    _check_sizes(data)
    openpyxl = load("openpyxl", "Excel files")
    defused = load("defusedxml", "Excel files")  # openpyxl refuses entities where it is installed
    # Of what openpyxl leaves out (charts, extensions) nothing is read here.
    warnings.filterwarnings("ignore", module="openpyxl")
    budget = Budget(SECONDS)
    try:
        book = openpyxl.load_workbook(
            _Watched(data, budget), read_only=True, data_only=True, keep_links=False
        )
        title = property_title(str(book.properties.title or ""))
        return replace(_parsed(book, title, budget), notes=_notes(data, budget))
    except TookTooLong:
        raise InvalidArgument(f"reading it took more than {SECONDS:.0f} s: divide the file") from None
    except InvalidArgument:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl meets damage with errors of any type
        cause = error.__cause__ or error
        if isinstance(cause, defused.DefusedXmlException):
            raise InvalidArgument("its XML defines entities, which Excel does not") from None
        reason = shortened(storable(str(cause))) or type(cause).__name__
        raise InvalidArgument(f"it is damaged, or no Excel workbook: {reason}") from None


def _notes(data: bytes, budget: Budget) -> tuple[str, ...]:
    """Note the number of formulas that were not calculated when the file was saved, which have no value."""
    count = 0
    archive = archive_of(data)
    for part in archive.namelist():
        if not part.startswith("xl/worksheets/") or not part.endswith(".xml"):
            continue
        rest = b""
        with archive.open(part) as file:
            while more := file.read(_BITE):
                budget.check()
                rest += more
                end = rest.rfind(b"</c>") + len(b"</c>") if b"</c>" in rest else 0
                count += len(_NO_VALUE.findall(rest[:end]))
                rest = rest[max(end, len(rest) - _BITE) :]
    if not count:
        return ()
    many = "1 formula has" if count == 1 else f"{count} formulas have"
    return (f"{many} no stored value: open and save the file in Excel or LibreOffice to have them read",)


def _check_sizes(data: bytes) -> None:
    total = 0
    for part in archive_of(data).infolist():
        if not part.filename.endswith((".xml", ".rels")):
            continue
        total += part.file_size
        if not part.filename.startswith(_STREAMED) and part.file_size > WHOLE_BYTES:
            raise InvalidArgument(
                f"its part {storable(part.filename[:100])} has {part.file_size:,} bytes, decompressed; up to "
                f"{WHOLE_BYTES:,} are read"
            )
    if total > MOST_BYTES:
        raise InvalidArgument(f"its parts have more than {MOST_BYTES:,} bytes, decompressed")


def _parsed(book: Any, title: str, budget: Budget) -> Parsed:
    text: list[str] = []
    sections: list[FileSection] = []
    length = 0
    for number, sheet in enumerate((one for one in book.worksheets if one.sheet_state == "visible"), 1):
        name = storable(sheet.title)
        sheet.reset_dimensions()  # what the file says of them is no reason to fill up rows
        for block, (first, lines) in enumerate(_blocks(sheet, budget), 1):
            whole = "\n".join(lines)
            begins = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
            locate = functools.partial(_place, f"sheet={quote(name, safe='')}", first, begins)
            label = str(number) if block == 1 else f"{number}.{block}"
            sections += [
                FileSection(
                    length + one.begin, length + one.end, one.text, one.number, one.heading, one.locator
                )
                for one in pieces(whole, 0, len(whole), label, shortened(name), locate)
            ]
            text.append(f"{whole}\n\n")
            length += len(text[-1])
    return Parsed("".join(text), sections, title, is_original=False)


def _place(sheet: str, first: int, begins: Sequence[int], character: int) -> str:
    """The row of a character of a block that begins with the row `first`."""
    return f"{sheet}&row={first + bisect.bisect_right(begins, character) - 1}"


def _blocks(sheet: Any, budget: Budget) -> Iterator[tuple[int, list[str]]]:
    """Stretches of rows without a long gap: the first row, and a line for each."""
    names: Mapping[int, str] = {}
    first, lines = 0, list[str]()
    for number, row in enumerate(sheet.iter_rows(), 1):
        budget.check()
        if number > ROWS:
            raise InvalidArgument(f"a row of it is beyond the {ROWS:,} that Excel has")
        cells = {place: words for place, cell in enumerate(row) if (words := _shown(cell))}
        if not cells:
            continue
        if lines and number - first - len(lines) > BLANK_ROWS:
            yield first, lines
            lines = []
        if not lines:
            first = number
        lines += [""] * (number - first - len(lines))
        if not names and names_columns(list(cells.values())):
            names = cells
            lines.append(f"Rows of {', '.join(cells.values())}.")
        else:
            lines.append(row_of((names.get(place, ""), words) for place, words in cells.items()))
    if lines:
        yield first, lines


def _shown(cell: Any) -> str:
    """What a cell says; "" where it is empty."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        is_share = "%" in (cell.number_format or "")
        return f"{100 * value:.12g} %" if is_share else f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time | timedelta):
        return str(value)
    return " ".join(storable(str(value)).split())
