"""Encodings as a person reads them in a terminal."""

from __future__ import annotations

from rich.text import Text
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.locators import LocatorKind
from tieback_contract.vectors import SparseVector

from tieback_client.cli import lines
from tieback_client.cli.output import Output
from tieback_client.errors import TiebackError

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

    def write(self, line: lines.Line, outcome: Encoding | TiebackError) -> None:
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
    terms = lines.heaviest(sparse)
    for name, weight in terms[:TERMS]:
        text.append(f"\n  {weight:.2f}  {name}", style="cyan")
    more = f"and {len(terms) - TERMS} terms more" if len(terms) > TERMS else f"{len(terms)} terms"
    text.append(f"\n  {more}, {sparse.space}", style="dim")


def short(text: str) -> str:
    """As much of a text as names it on a line."""
    return text if len(text) <= 60 else text[:59] + "…"
