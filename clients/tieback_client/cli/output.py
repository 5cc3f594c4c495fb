"""The output of results: rich in a terminal, plain in a pipe, JSON on request.

All that a person sees goes through `SafeConsole` or `say`, which let no control character of a text through.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tieback_client.control_characters import in_a_line, in_json, printable
from tieback_client.errors import TiebackError
from tieback_client.jsonable import jsonable

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN_WIDTH = 100

T = TypeVar("T")


class SafeConsole(Console):
    """A console whose texts cannot control the terminal; what rich itself sends to it can.

    A plain string is shown as it is: brackets in a stored text are no markup. Styles are given by `Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does, with the text of each segment made printable."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Writes a text for a person, and a newline."""
    click.echo(printable(text), err=err, nl=nl)


def say_row(cells: Iterable[str]) -> None:
    """Writes cells with tabs between them, for a pipe; tabs and ends of lines in a cell become escapes."""
    click.echo("\t".join(map(in_a_line, cells)))


def to_json(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON that is exact, and safe to show in a terminal."""
    return in_json(json.dumps(jsonable(value), ensure_ascii=False, indent=indent))


class Output:
    """Where a command writes. With `json`, only JSON may reach standard output."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.terminal = sys.stdout.isatty() and not json
        width = None if self.terminal else PLAIN_WIDTH
        self.console = SafeConsole(soft_wrap=False, width=width)
        self.notes = SafeConsole(stderr=True, soft_wrap=not sys.stderr.isatty())

    def document(self, value: Any) -> None:
        """One JSON document, or one line of a stream."""
        click.echo(to_json(value))

    def told(self, value: Any, words: str) -> None:
        """The outcome of a command: as JSON, or in words beside the result."""
        if self.json:
            self.document(value)
        else:
            self.note(words)

    def described(self, value: Any, facts: Mapping[str, Any]) -> None:
        """A thing: as JSON, or a line for each fact of it that is not empty."""
        if self.json:
            self.document(value)
        else:
            self.table(["", ""], [[key, fact] for key, fact in facts.items() if fact != ""])

    def listed(
        self,
        found: Sequence[T],
        columns: Sequence[str],
        row: Callable[[T], Sequence[Any]],
        *,
        right: Sequence[int] = (),
        none: str = "",
    ) -> None:
        """Things: as JSON, or as a table; `none` tells a person how the first one comes to be."""
        if self.json:
            self.document(found)
        elif not found and none and self.terminal:
            self.show(none)
        else:
            self.table(columns, map(row, found), right=right)

    def show(self, *parts: RenderableType) -> None:
        """Shows something to a person."""
        for part in parts:
            self.console.print(part)

    def line(self, text: Text) -> None:
        """A line for a person to read, which stays one in a pipe."""
        self.console.print(text, soft_wrap=not self.terminal)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        right: Sequence[int] = (),
        headed: bool = False,
    ) -> None:
        """A table; in a pipe tab-separated lines without a head, for cut and awk, unless it is `headed`."""
        if not self.terminal and not headed:
            for row in rows:
                say_row([_cell(one) for one in row])
            return
        table = Table(
            box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim", show_header=any(columns)
        )
        for number, name in enumerate(columns):
            last = number == len(columns) - 1
            table.add_column(
                name,
                justify="right" if number in right else "left",
                no_wrap=not last,
                overflow="fold",
                style="bold" if number == 0 else "",
            )
        for row in rows:
            table.add_row(*(one if isinstance(one, Text) else _cell(one) for one in row))
        self.console.print(table)

    def note(self, message: str, *, style: str = "dim") -> None:
        """A remark beside the result, on standard error; none where only JSON is wanted."""
        if not self.json:
            self.notes.print(message, style=style)

    def progress(self, *columns: Any, is_shown: bool | None = None) -> Progress:
        """A bar beside the result that counts, and goes away; by default where no JSON is wanted."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress

        shown = not self.json if is_shown is None else is_shown
        return Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            *columns,
            console=self.notes,
            transient=True,
            disable=not (shown and self.notes.is_terminal),
        )

    @property
    def asks(self) -> bool:
        """Whether somebody can be asked."""
        return not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str) -> bool:
        """Asks on standard error. No is the default, and the answer if nobody can be asked."""
        try:
            return click.confirm(printable(question), default=False, err=True)
        except click.Abort:
            click.echo(err=True)
            return False

    def agree(self, yes: bool, question: str, refusal: str) -> None:
        """Asks before something is lost, unless `yes` was said. A usage error where nobody agrees."""
        if not yes and (self.json or not self.confirm(question)):
            raise click.UsageError(refusal)


NOT_DELETED = "Nothing was deleted. --yes deletes without a question."
NOT_REMOVED = "Nothing was removed. --yes removes without a question."


def minute(moment: datetime | None) -> str:
    """A moment as tables have it; "" for none."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


class Failure(click.ClickException):
    """An error of a call in one line; as JSON if the command writes JSON."""

    exit_code = 1

    def __init__(self, error: TiebackError, *, json: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.json = json

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Writes to standard error."""
        if self.json:
            click.echo(to_json({"error": self.error}), err=True)
            return
        console = SafeConsole(stderr=True, soft_wrap=True)
        text = Text.assemble(("Error: ", "bold red"), self.message)
        if self.error.retry_delay is not None and self.error.retryable:
            text.append(f" (try again in {self.error.retry_delay:.1f} s)")
        console.print(text)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return str(value)
