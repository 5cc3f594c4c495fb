"""How far a run of `tieback index` is: a bar on a terminal, elsewhere a line a minute with a forecast."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tieback_client.cli.index_run import Run
from tieback_client.cli.output import Output
from tieback_client.control_characters import in_a_line

EVERY = 60.0
"""Seconds between two lines."""


class IndexProgress:
    """Shows it while files are read and written."""

    def __init__(self, output: Output, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._output, self._run, self._clock = output, run, clock
        self._files = len(run.found.files)
        self._done = 0.0
        self._begin = self._told = clock()
        self._bar = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[name]}", style="dim", markup=False),
            console=output.notes,
            transient=True,
            disable=not output.notes.is_terminal or output.json,
        )
        self._task = self._bar.add_task("", total=self._files, name="")

    def __enter__(self) -> IndexProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, name: str, files: float = 0.0) -> None:
        """A file is worked on; so many files more, or parts of one, are done."""
        self._done += files
        self._bar.update(self._task, advance=files, name=in_a_line(name))
        now = self._clock()
        if self._output.notes.is_terminal or now - self._told < EVERY:
            return
        self._told = now
        sections = self._run.sections + self._run.added
        self._output.note(
            f"{int(self._done):,} of {self._files:,} files, {sections:,} sections{self._left(now)}"
        )

    def _left(self, now: float) -> str:
        """The time that the other files take, if they are like those before."""
        if not self._done:
            return ""
        minutes = (now - self._begin) * (self._files - self._done) / self._done / 60
        return f"; about {max(round(minutes), 1):,} min left"
