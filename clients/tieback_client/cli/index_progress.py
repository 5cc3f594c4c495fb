"""Progress of a run of `tieback index`: a bar on a terminal, elsewhere a line a minute with a forecast."""

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
SMALLEST = 1000
"""Bytes that a file counts as beside its own: each takes some time."""


class IndexProgress:
    """Shows it while files are read and written."""

    def __init__(self, output: Output, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._output, self._run, self._clock = output, run, clock
        self._files = len(run.found.files)
        self._done = 0.0
        self._sizes: dict[str, int] = {}
        self._done_size = 0.0
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

    def show(self, name: str, files: float = 0.0, far: str = "") -> None:
        """A file is worked on, and as much more of it is done; `far` says in words how far it is."""
        self._done += files
        self._done_size += files * self._size(name)
        self._bar.update(self._task, advance=files, name=in_a_line(far or name))
        now = self._clock()
        if self._output.notes.is_terminal or now - self._told < EVERY:
            return
        self._told = now
        sections = self._run.sections + self._run.added
        self._output.note(
            f"{int(self._done):,} of {self._files:,} files, {sections:,} sections{self._left(now)}"
        )

    def _left(self, now: float) -> str:
        """The time that the other files take, if as much of them takes as long as of those before."""
        if not self._done:
            return ""
        whole = sum(map(self._size, self._run.found.files))
        minutes = (now - self._begin) * max(whole / self._done_size - 1, 0) / 60
        return f"; about {max(round(minutes), 1):,} min left"

    def _size(self, name: str) -> int:
        """About how much work a file is."""
        if name not in self._sizes:
            try:
                size = self._run.found.files[name].stat().st_size
            except (KeyError, OSError):  # it is gone, or is in an archive
                size = 0
            self._sizes[name] = SMALLEST + size
        return self._sizes[name]
