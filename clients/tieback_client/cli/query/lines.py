"""Files with one text, or other content, per line, of any length: read and written piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TextIO

import numpy as np
from rich.text import Text
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.locators import LocatorKind
from tieback_contract.vectors import SparseVector

from tieback_client.cli.output import Output, say_row, to_json
from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.values.content import Features


class Line(NamedTuple):
    """A text with what names it: the id of a JSON line, or else the number of the line, from 1.

    Categorical features are the content in place of the text, which is then the features in words.
    """

    name: str | int
    text: str
    features: Features | None = None

    @property
    def content(self) -> str | Features:
        """What is encoded."""
        return self.text if self.features is None else self.features


def read(file: Iterable[str]) -> Iterator[Line]:
    """The texts of a file, one for each line. A blank line is an empty text, which the server refuses.

    A line that begins as JSON does is a string, or an object with "text" or "features", and perhaps "id"; a
    file is all JSON or all text, as its first line that is not blank is. `InvalidArgument` names a line that
    is neither.
    """
    as_json: bool | None = None
    number = 0
    try:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\r\n")
            if not line.strip():
                yield Line(number, "")
                continue
            if as_json is None:
                as_json = _json(line) is not None
            yield _parsed(line, number) if as_json else Line(number, line)
    except UnicodeDecodeError:
        raise InvalidArgument(f"line {number + 1} is not UTF-8 text") from None


def count(path: Path) -> int:
    """The lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


class LineWriter(Protocol):
    """Writes results, one by one."""

    def write(self, line: Line, outcome: Encoding | TiebackError, /) -> None:
        """Takes the next outcome."""
        ...


class JsonWriter:
    """An object a line: id, vector, tokens, source; or id and error."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: Line, outcome: Encoding | TiebackError) -> None:
        """Writes one object."""
        self._file.write(to_json({"id": line.name} | record(outcome)) + "\n")


class TableWriter:
    """Tab-separated: the text, then its numbers, terms with weights, labels with probabilities.

    What failed is the text alone, so that there is a line for each input.
    """

    def write(self, line: Line, outcome: Encoding | TiebackError) -> None:
        """Writes one line to standard output."""
        cells = [line.text.replace("\t", " ")]
        if isinstance(outcome, Encoding):
            if outcome.vector is not None:
                cells += [f"{one:.7g}" for one in outcome.vector.decoded()]
            if outcome.sparse is not None:
                cells += [f"{term}:{weight:.7g}" for term, weight in heaviest(outcome.sparse)]
            cells += [f"{label.name}:{label.probability:.4f}" for label in outcome.labels]
        say_row(cells)


class ArrayWriter:
    """A NumPy file that grows row by row; rows of what failed are NaN, or 0 in whole numbers."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._blank: Array | None = None
        self.rows = 0

    def write(self, _line: Line, outcome: Encoding | TiebackError) -> None:
        """Writes one row. Rows before the first vector wait for its width."""
        row = outcome.vector.values if isinstance(outcome, Encoding) and outcome.vector is not None else None
        self.rows += 1
        if self._blank is None:
            if row is None:
                return
            self._blank = np.full_like(row, np.nan if row.dtype.kind == "f" else 0)
            self._write_header()
            for _ in range(self.rows - 1):
                self._file.write(self._blank.tobytes())
        self._file.write((self._blank if row is None else row).tobytes())

    def close(self) -> None:
        """Writes how many rows there are into the header, whose room NumPy keeps for that."""
        if self._blank is None:
            np.save(self._file, np.zeros((self.rows, 0), np.float32))
            return
        self._file.seek(0)
        self._write_header()

    @property
    def shape(self) -> str:
        """Rows, width and type, for people."""
        blank = self._blank if self._blank is not None else np.zeros(0, np.float32)
        return f"{self.rows:,} × {blank.size} {blank.dtype}"

    def _write_header(self) -> None:
        assert self._blank is not None  # noqa: S101 - for the type checker; the caller has seen to it
        header = {
            "descr": np.lib.format.dtype_to_descr(self._blank.dtype),
            "fortran_order": False,
            "shape": (self.rows, self._blank.size),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def record(outcome: Encoding | TiebackError) -> dict[str, Any]:
    """The record of one input."""
    if isinstance(outcome, TiebackError):
        return {"error": outcome}
    known: dict[str, Any] = {}
    if outcome.vector is not None:
        known["vector"] = outcome.vector.decoded()
    if outcome.multi_vector is not None:
        known["multi_vector"] = outcome.multi_vector
    if outcome.labels:
        known["labels"] = outcome.labels
    if outcome.sparse is not None:
        known["sparse"] = {
            "indices": outcome.sparse.indices,
            "weights": outcome.sparse.weights,
            "terms": outcome.sparse.terms,
        }
    if outcome.reduction is not None:
        known["reduction"] = outcome.reduction
    if outcome.adapter is not None:
        known["adapter"] = outcome.adapter
    if outcome.truncated_tokens:
        known["truncated"] = outcome.truncated_tokens
    return known | {"tokens": outcome.token_count, "source": outcome.source}


def heaviest(sparse: SparseVector) -> list[tuple[str, float]]:
    """All terms with their weights, the heaviest first; those without a name by their numbers."""
    names = sparse.terms or [str(index) for index in sparse.indices.tolist()]
    order = np.argsort(-sparse.weights, kind="stable").tolist()
    return [(names[place], float(sparse.weights[place])) for place in order]


def _json(line: str) -> Any:
    """A line's value, where it is JSON of the kinds that hold a text; else None."""
    if line[:1] not in ('"', "{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, str | dict) else None


def _parsed(line: str, number: int) -> Line:
    match _json(line):
        case str(text):
            return Line(number, text)
        case {"text": str(text), **others}:
            return Line(_name(others, number), text)
        case {"features": dict(features), **others}:
            return Line(_name(others, number), json.dumps(features, ensure_ascii=False), Features(features))
    raise InvalidArgument(f'line {number} is neither a JSON string nor an object with "text" or "features"')


def _name(line: Mapping[Any, Any], number: int) -> str | int:
    name = line.get("id", number)
    return name if isinstance(name, str | int) else number


SHOWN = 6
TERMS = 10  # of a sparse vector, the heaviest
SOURCES = {
    EncodingSource.MEMORY: "from memory",
    EncodingSource.DISK: "from disk",
    EncodingSource.IN_FLIGHT: "shared with an identical input",
}
ROWS = {
    LocatorKind.BYTE_SPAN: "token vectors",
    LocatorKind.BOX: "region vectors",
    LocatorKind.TIME_RANGE: "window vectors",
}


class TerminalWriter:
    """Shows the first numbers of each vector, and its other properties."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, line: Line, outcome: Encoding | TiebackError) -> None:
        """Shows one result. An input that failed is told elsewhere."""
        if not isinstance(outcome, Encoding):
            return
        text = Text.assemble((short(line.text), "bold"), (f"   {outcome.token_count} tokens", "dim"))
        if outcome.source in SOURCES:
            text.append(f", {SOURCES[outcome.source]}", style="dim")
        if outcome.reduction is not None:
            text.append(f", {outcome.reduction.method} at {outcome.reduction.ratio:g}", style="dim")
        if outcome.adapter is not None:
            weight = outcome.adapter.weights.get(outcome.adapter.name)
            chosen = f" ({weight:.0%})" if weight is not None else ""
            text.append(f", {outcome.adapter.name}{chosen}", style="dim")
        if outcome.layer is not None:
            text.append(f", layer {outcome.layer}", style="dim")
        if outcome.truncated_tokens:
            text.append(f"   {outcome.truncated_tokens} cut off", style="yellow")
        if outcome.vector is not None:
            values = outcome.vector.decoded()
            numbers = "  ".join(f"{one:+.3f}" for one in values[:SHOWN])
            text.append(f"\n  {numbers}{'  …' if len(values) > SHOWN else ''}", style="cyan")
            text.append(f"   {len(values)} × {outcome.vector.dtype}, {outcome.space}", style="dim")
        for label in outcome.labels[:5]:
            text.append(f"\n  {label.probability:>4.0%}  {label.name}")
        if (multi := outcome.multi_vector) is not None:
            rows, width = multi.values.shape
            text.append(f"\n  {rows} {ROWS[multi.locators.kind]} of {width}, {multi.space}", style="dim")
        if outcome.sparse is not None:
            _add_terms(text, outcome.sparse)
        self._output.show(text)


def _add_terms(text: Text, sparse: SparseVector) -> None:
    terms = heaviest(sparse)
    for name, weight in terms[:TERMS]:
        text.append(f"\n  {weight:.2f}  {name}", style="cyan")
    more = f"and {len(terms) - TERMS} terms more" if len(terms) > TERMS else f"{len(terms)} terms"
    text.append(f"\n  {more}, {sparse.space}", style="dim")


def short(text: str) -> str:
    """As much of a text as names it on a line."""
    return text if len(text) <= 60 else text[:59] + "…"
